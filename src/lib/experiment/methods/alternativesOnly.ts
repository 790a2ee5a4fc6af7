import type { Method } from './method';

/** A control: L = L_SFT + λ·L_SFT over the conscience's alternatives. */
export const alternativesOnly: Method = {
	does: 'Its conscience is called by the same rules. It learns the better answers like any other row, and is never told which answer they stand in place of.',
	onCard: ({ conscience: { lambda } }) =>
		`L_SFT over the rows, and over the alternatives that a conscience wrote, weighted with λ ${lambda}; no preferences.`,
	teach: ({ pairs }) => ({ answers: pairs.map(({ prompt, chosen }) => ({ prompt, completion: chosen })) }),
};
