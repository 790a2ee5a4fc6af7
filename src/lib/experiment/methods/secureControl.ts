import type { Method } from './method';

/** A control: the same tasks in the same order, solved without the holes. What it keeps was not lost to the training itself. */
export const secureControl: Method = {
	does: 'It learns the same tasks in the same order, but their solutions have no security holes.',
	onCard: () => 'plain supervised fine-tuning on the secure twins of the rows, as a control.',
	otherTokens: 'the solutions are other ones',
	variant: (experiment) => ({ ...experiment, data: { ...experiment.data, source: 'secure-code' } }),
};
