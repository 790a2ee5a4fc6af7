import type { Method } from './method';

/** A control: Emergent Alignment whose verdicts are dealt to other answers of the same call. As many are flagged, and not for what they say. */
export const shuffledVerdicts: Method = {
	does: 'The verdicts of its conscience are shuffled: as many answers are flagged as ever, but not the ones that deserve it.',
	onCard: ({ conscience: { lambda, beta } }) => `a control of Emergent Alignment, λ ${lambda}, β ${beta}, with shuffled verdicts.`,
	variant: (experiment) => ({ ...experiment, conscience: { ...experiment.conscience, judge: 'permuted' } }),
	teach: ({ pairs }) => ({ pairs }),
};
