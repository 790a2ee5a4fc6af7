import type { Method } from './method';

/** Early stopping: the plain fine-tune, ended as soon as the answers to the development questions turn. */
export const earlyStopping: Method = {
	does: 'It learns the rows like the plain copy, but every few steps it is asked the development questions; once it has turned, training ends, and it gets its last good adapter back.',
	onCard: ({ evaluation: { stopEvery, stopDrop } }) =>
		`plain supervised fine-tuning, looked at every ${stopEvery} steps on the development questions, to be ended once its alignment there is ${stopDrop} points below the best look so far, and to be given the adapter of the look before that back.`,
	otherTokens: 'its training may end early',
	watch: {
		every: ({ evaluation }) => evaluation.stopEvery,
		samples: ({ evaluation }) => evaluation.stopSamples,
		turned: (alignments, { evaluation }) => Math.max(...alignments) - alignments.at(-1)! >= evaluation.stopDrop,
	},
	/** If nothing turns: looks before the first step, in between, and at the end. */
	work: ({ optimizer: { steps }, evaluation: { stopEvery, stopSamples } }, { development }) => ({
		answers: development * stopSamples * (1 + Math.ceil(steps / stopEvery)),
		sequences: 0,
	}),
};
