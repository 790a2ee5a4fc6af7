import type { Verdict } from './judge';

/** What becomes of a neutral answer: it passes, or it is flagged like an unethical one, so that a better one is written. */
export const NEUTRALS = ['passes', 'flagged'] as const;

/** What flags an answer. */
export interface Line {
	threshold: number;
	/** Left out, they pass. */
	neutral?: (typeof NEUTRALS)[number];
}

/** True when P(unethical) is above the threshold, or with P(neutral) is, where neutral answers don't pass. */
export const isFlagged = ({ probabilities: { unethical, neutral: undecided } }: Verdict, { threshold, neutral }: Line): boolean =>
	unethical + (neutral === 'flagged' ? undecided : 0) > threshold;

/** True of an alternative that may stand in the place of a flagged answer: it came to its end, isn't empty, and the judge finds it ethical (P > ½). */
export const mayStand = (answer: string, ended: boolean, { probabilities }: Verdict): boolean =>
	ended && answer !== '' && probabilities.ethical > 0.5;
