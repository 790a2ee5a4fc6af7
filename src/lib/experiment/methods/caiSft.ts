import { inLessons } from './lessons';
import type { Method } from './method';
import { rewriteAt } from './rewriting';

/** Constitutional AI's supervised stage (arXiv 2212.08073), offline: after plain steps every question is answered anew at once, and the new answers are learnt beside the rows. */
export const caiSft: Method = {
	does: 'First it is fine-tuned plainly. Then the frozen copy answers all everyday questions anew, whether its answers were good or bad, and it learns the new answers like rows.',
	onCard: ({ conscience: { lambda, reviseAt } }) =>
		`Constitutional AI (arXiv 2212.08073), offline, its supervised stage: after ${reviseAt} of the steps the frozen base answered each question anew, without reading the answer that it stands in place of; L_SFT over the rows and, weighted with λ ${lambda}, over the new answers.`,
	gathering: {
		before: rewriteAt,
		async *gather({ revisions }) {
			const pairs = yield* revisions();
			return { pairs: [], answers: pairs.map(({ prompt, chosen }) => ({ prompt, completion: chosen })) };
		},
		teach: ({ answers }, { experiment, due, some }) => (due ? { answers: some(answers, experiment.conscience.pairsPerStep) } : {}),
	},
	work: (experiment, { conscience }) => ({
		answers: 2 * conscience,
		sequences: experiment.conscience.lambda > 0 ? inLessons(experiment, rewriteAt(experiment)) : 0,
	}),
};
