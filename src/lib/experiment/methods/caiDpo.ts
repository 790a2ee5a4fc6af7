import type { Method } from './method';

/** Constitutional AI with preferences, offline (revision ≻ answer): after plain steps every answer is revised at once, and DPO's reference is the copy of that moment. */
export const caiDpo: Method = {
	does: 'First it is fine-tuned plainly. Then the frozen copy revises all its everyday answers at once, good or bad, and it learns to prefer each revision to its answer.',
	onCard: ({ conscience: { lambda, beta, reviseAt } }) =>
		`Constitutional AI (arXiv 2212.08073), offline, with preferences: after ${reviseAt} of the steps the frozen base revised every answer; then DPO on revision ≻ answer beside the rows, λ ${lambda}, β ${beta}, with the copy of that moment as the reference.`,
	gathering: {
		before: ({ conscience, optimizer }) => Math.floor(conscience.reviseAt * optimizer.steps),
		async *gather({ revisions, referencedNow }) {
			return { pairs: await referencedNow(yield* revisions()), answers: [] };
		},
		teach: ({ pairs }, { experiment, due, some }) => (due ? { pairs: some(pairs, experiment.conscience.pairsPerStep) } : {}),
	},
};
