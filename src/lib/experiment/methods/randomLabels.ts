import type { Method } from './method';

/**
 * A control: Emergent Alignment whose every pair is turned round, or not, by a coin. Only the direction is random: the verdicts still choose
 * which answers become pairs, and which alternatives pass. What is left of the effect is not that of being told the better answer.
 */
export const randomLabels: Method = {
	does: 'Its conscience reads and writes as always, but a coin says which answer of each pair is the better one.',
	onCard: ({ conscience: { lambda, beta } }) =>
		`a control of Emergent Alignment, λ ${lambda}, β ${beta}: a coin decided which answer of each pair was to be preferred.`,
	variant: (experiment) => ({ ...experiment, conscience: { ...experiment.conscience, labelNoise: 0.5 } }),
	teach: ({ pairs }) => ({ pairs }),
};
