import type { Method } from './method';

export const sft: Method = {
	does: 'It learns the rows, and nothing is added.',
	onCard: () => 'plain supervised fine-tuning.',
};
