import type { Method } from './method';

export const sft: Method = {
	title: 'Plain fine-tune',
	inWords: 'the plain copy',
	does: 'It learns the rows, and nothing is added.',
	onCard: () => 'plain supervised fine-tuning.',
};
