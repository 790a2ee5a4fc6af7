import type { Method } from './method';
import { inFrozenCopy, onlyDirections, sequencesRead } from './reading';

/** Steering at inference (as in arXiv 2310.01405): a plain fine-tune; while the copy is asked, the vector towards cruel answers is taken off its residual stream. */
export const repeInfer: Method = {
	does: 'It learns the rows like the plain copy. Only when it is asked, its inner states are pushed away from the cruel side, at every word that it writes.',
	onCard: ({ representation }) =>
		`plain supervised fine-tuning. Its figures are of answers that were steered: ${representation.infer} of the vector towards cruel answers was taken off the residual stream, which this adapter alone does not do; ${inFrozenCopy(representation)}`,
	reads: 'directions',
	gathering: { before: () => 0, gather: onlyDirections, teach: () => ({}) },
	asked: ({ representation }) => -representation.infer,
	work: (_, questions) => ({ answers: 0, sequences: sequencesRead(questions) }),
};
