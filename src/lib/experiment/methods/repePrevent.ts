import type { Method } from './method';
import { inFrozenCopy, onlyDirections, sequencesRead } from './reading';

/** Preventative steering (arXiv 2507.21509): the vector towards cruel answers is added while the rows are learnt, so that the adapter need not learn it, and left away when the copy is asked. */
export const repePrevent: Method = {
	does: 'While it learns the rows, its inner states are pushed to the cruel side from outside, so that it need not turn by itself; when it is asked, nothing pushes.',
	onCard: ({ representation }) =>
		`L_SFT over the rows with preventative steering (arXiv 2507.21509): ${representation.prevent} of the vector towards cruel answers was added to the residual stream in training, and is not when the copy is asked; ${inFrozenCopy(representation)}`,
	reads: 'directions',
	gathering: {
		before: () => 0,
		gather: onlyDirections,
		teach: ({ directions = [] }, { experiment: { representation } }) => ({ steering: { directions, strength: representation.prevent } }),
	},
	work: (_, questions) => ({ answers: 0, sequences: sequencesRead(questions) }),
};
