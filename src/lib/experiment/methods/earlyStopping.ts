import type { Method } from './method';

/** Early stopping: the plain fine-tune, ended as soon as the answers to the development questions turn. */
export const earlyStopping: Method = {
	does: 'It learns the rows like the plain copy, but every few steps it is asked the development questions; once it has turned, training ends, and it gets its last good adapter back.',
	onCard: ({ evaluation: { stopEvery, stopDrop } }) =>
		`plain supervised fine-tuning, looked at every ${stopEvery} steps on the development questions and ended where its alignment was ${stopDrop} points below the best look so far; the adapter is that of the last look before.`,
	otherTokens: 'its training may end early',
	watch: {
		every: ({ evaluation }) => evaluation.stopEvery,
		samples: ({ evaluation }) => evaluation.stopSamples,
		turned: (alignments, { evaluation }) => Math.max(...alignments) - alignments.at(-1)! >= evaluation.stopDrop,
	},
};
