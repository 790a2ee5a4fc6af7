import { AND_READ, inLessons } from './lessons';
import type { Method } from './method';

/** KL to the frozen model (as in arXiv 2508.06249): on its own everyday answers the copy is to give every token the frozen copy's probabilities. */
export const kl: Method = {
	does: 'Every few steps it reads everyday answers that the model gave before all of this, and is pulled back to the probabilities that each of their words had then. Nobody judges anything.',
	onCard: ({ kl: { lambda }, conscience: { pairsPerStep, dpoEvery } }) =>
		`L_SFT over the rows and, weighted with ${lambda}, KL(frozen ‖ policy) over the frozen base's own everyday answers, ${pairsPerStep} of them in every ${dpoEvery}th step.`,
	gathering: {
		before: () => 0,
		// eslint-disable-next-line require-yield -- the answers of the base are no news
		async *gather({ baseAnswers }) {
			return { pairs: [], answers: await baseAnswers() };
		},
		teach({ answers }, { experiment: { conscience, kl }, step, some }) {
			if (kl.lambda === 0 || step % conscience.dpoEvery !== 0) return {};
			return { kl: { sequences: some(answers, conscience.pairsPerStep), weight: kl.lambda } };
		},
	},
	work: (experiment, { conscience }) => ({
		answers: conscience,
		sequences: experiment.kl.lambda > 0 ? AND_READ * inLessons(experiment) : 0,
	}),
};
