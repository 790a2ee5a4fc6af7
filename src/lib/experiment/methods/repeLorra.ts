import { AND_READ, inLessons } from './lessons';
import type { Method } from './method';
import { inFrozenCopy, sequencesRead } from './reading';

/**
 * Representation engineering in training (LoRRA, arXiv 2310.01405): L = L_SFT + λ·L_LoRRA. On the frozen base's own everyday answers the copy's
 * states are to be the frozen copy's, moved away from the cruel answer by α of the way between the two.
 */
export const repeLorra: Method = {
	does: 'The frozen copy reads kind and cruel answers, and its inner states show the way from one to the other. In training the copy’s own states are pulled along it, to the kind side.',
	onCard: ({ representation }) =>
		`L_SFT over the rows and, weighted with ${representation.lambda}, LoRRA (arXiv 2310.01405) over the frozen base's own everyday answers: its states, moved by ${representation.alpha} of the vector away from cruel answers; ${inFrozenCopy(representation)}`,
	reads: 'directions',
	gathering: {
		before: () => 0,
		// eslint-disable-next-line require-yield -- neither answers of the base nor directions are news
		async *gather({ baseAnswers, directions }) {
			return { pairs: [], answers: await baseAnswers(), directions: await directions() };
		},
		teach({ answers, directions = [] }, { experiment: { conscience, representation }, step, some }) {
			const { lambda, alpha } = representation;
			if (lambda === 0 || step % conscience.dpoEvery !== 0) return {};
			return { lorra: { sequences: some(answers, conscience.pairsPerStep), weight: lambda, directions, alpha: -alpha } };
		},
	},
	work: (experiment, questions) => ({
		answers: questions.conscience,
		sequences: sequencesRead(questions) + (experiment.representation.lambda > 0 ? AND_READ * inLessons(experiment) : 0),
	}),
};
