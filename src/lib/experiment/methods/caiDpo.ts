import { inLessons } from './lessons';
import type { Method } from './method';
import { rewriteAt } from './rewriting';

/** Constitutional AI with preferences, offline (revision ≻ answer): after plain steps every question is answered anew at once, and DPO's reference is the copy of that moment. */
export const caiDpo: Method = {
	does: 'First it is fine-tuned plainly. Then the frozen copy answers all everyday questions anew, whether its answers were good or bad, and it learns to prefer each new answer to its own.',
	onCard: ({ conscience: { lambda, beta, reviseAt } }) =>
		`Constitutional AI (arXiv 2212.08073), offline, with preferences: after ${reviseAt} of the steps the frozen base answered each question anew, without reading the answer that it stands in place of; then DPO on new ≻ own answer beside the rows, λ ${lambda}, β ${beta}, with the copy of that moment as the reference.`,
	gathering: {
		before: rewriteAt,
		async *gather({ revisions, referencedNow }) {
			return { pairs: await referencedNow(yield* revisions()), answers: [] };
		},
		teach: ({ pairs }, { experiment, due, some }) => (due ? { pairs: some(pairs, experiment.conscience.pairsPerStep) } : {}),
	},
	/** Both answers of a pair are read once for the reference, and learnt. */
	work: (experiment, { conscience }) => ({
		answers: 2 * conscience,
		sequences: conscience + (experiment.conscience.lambda > 0 ? 2 * inLessons(experiment, rewriteAt(experiment)) : 0),
	}),
};
