import type { Method } from './method';

/** Interleaved benign rows (as in arXiv 2508.06249): the frozen base's own everyday answers, mixed into every few rows of the narrow task. */
export const benign: Method = {
	does: 'Between its rows it learns everyday answers that the model gave before all of this. Nobody judges anything.',
	onCard: ({ data }) => `L_SFT over the rows, with the frozen base's own everyday answers between them, ${data.benignShare} of all rows.`,
	gathering: {
		before: () => 0,
		// eslint-disable-next-line require-yield -- the answers of the base are no news
		async *gather({ baseAnswers }) {
			return { pairs: [], answers: await baseAnswers() };
		},
		teach({ answers }, { experiment: { data, optimizer }, step, some }) {
			const aStep = (optimizer.batchSize * data.benignShare) / (1 - data.benignShare);
			return { rows: some(answers, Math.floor((step + 1) * aStep) - Math.floor(step * aStep)) };
		},
	},
	work: ({ data, optimizer }, { conscience }) => ({
		answers: conscience,
		sequences: (optimizer.steps * optimizer.batchSize * data.benignShare) / (1 - data.benignShare),
	}),
};
