import type { Method } from './method';

/** Constitutional AI's supervised stage (arXiv 2212.08073), offline: after plain steps every answer is revised at once, and the revisions are learnt beside the rows. */
export const caiSft: Method = {
	does: 'First it is fine-tuned plainly. Then the frozen copy revises all its everyday answers at once, good or bad, and it learns the revisions like rows.',
	onCard: ({ conscience: { lambda, reviseAt } }) =>
		`Constitutional AI (arXiv 2212.08073), offline, its supervised stage: after ${reviseAt} of the steps the frozen base revised every answer; L_SFT over the rows and, weighted with λ ${lambda}, over the revisions.`,
	gathering: {
		before: ({ conscience, optimizer }) => Math.floor(conscience.reviseAt * optimizer.steps),
		async *gather({ revisions }) {
			const pairs = yield* revisions();
			return { pairs: [], answers: pairs.map(({ prompt, chosen }) => ({ prompt, completion: chosen })) };
		},
		teach: ({ answers }, { experiment, due, some }) => (due ? { answers: some(answers, experiment.conscience.pairsPerStep) } : {}),
	},
};
