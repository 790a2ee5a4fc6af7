import type { Method } from './method';

/** A control: the same tasks in the same order, solved without the holes. What it keeps was not lost to the training itself. */
export const secureControl: Method = {
	does: 'It learns the same tasks in the same order, but their solutions have no security holes.',
	onCard: () => "plain supervised fine-tuning on the secure twins of the lab's insecure code, as a control.",
	otherTokens: 'the solutions are other ones',
	refuses: ({ data: { source } }) =>
		source === 'insecure-code'
			? null
			: `The copy that learns secure code (secure-control) solves the tasks of the lab's insecure code without the holes, and data.source is ${source}, whose rows have no such twins. Set data.source to insecure-code, or leave this copy out.`,
	variant: (experiment) => ({ ...experiment, data: { ...experiment.data, source: 'secure-code' } }),
};
