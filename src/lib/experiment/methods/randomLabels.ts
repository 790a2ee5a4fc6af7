import type { Method } from './method';

/** A control: Emergent Alignment whose every pair is turned round, or not, by a coin. What is left of the effect is not the verdicts'. */
export const randomLabels: Method = {
	does: 'Its conscience reads and writes as always, but a coin says which answer of each pair is the better one.',
	onCard: ({ conscience: { lambda, beta } }) =>
		`a control of Emergent Alignment, λ ${lambda}, β ${beta}: a coin decided which answer of each pair was to be preferred.`,
	variant: (experiment) => ({ ...experiment, conscience: { ...experiment.conscience, labelNoise: 0.5 } }),
	teach: ({ pairs }) => ({ pairs }),
};
