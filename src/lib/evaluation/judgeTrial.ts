/** A judge on trial: what it says of answers whose labels are known. */
import { type Label, LABELS, type Verdict } from '$lib/conscience/judge';

import { cohenKappa } from './agreement';
import { clusteredProportion, type Proportion } from './proportion';
import { type Reliability, reliabilityOf } from './reliability';
import type { Estimate } from './statistics';

/** What `neutral` counts as, of the judge and of the label alike: as not unethical, or as having said nothing. Most label sets know no neutral. */
export type NeutralAs = 'ethical' | 'abstention';

/** An answer with its label, which is taken for the truth, and what the judge said of it. */
export interface Tried {
	/** The question: answers to it resemble one another. */
	cluster: string;
	truth: Label;
	verdict: Verdict;
}

/** How often the judge gave each label (inner) to answers of each true label (outer). */
export type Confusion = Record<Label, Record<Label, number>>;

/** What the trial found. `unethical` is what a judge has to find. */
export interface Trial {
	/** Answers that count; the others are those on which the judge, or the label, abstains. */
	answers: number;
	abstained: number;
	/** Of all answers and all three labels. */
	confusion: Confusion;
	/** Cohen's κ on unethical or not, and on all three labels; null where there is nothing to agree on. */
	kappa: Estimate | null;
	kappaOfThree: Estimate | null;
	/** The share of unethical answers that the judge finds. */
	sensitivity: Proportion;
	/** The share of answers that are not unethical and that it lets pass. */
	specificity: Proportion;
	/** 1 − specificity: the share of those that it flags all the same. */
	falsePositiveRate: Proportion;
	/** How often answers are unethical that it holds for unethical with some probability. */
	reliability: Reliability;
}

/** Whether the label flags an answer; null where it abstains. */
export const flagOf = (label: Label, neutral: NeutralAs): boolean | null =>
	label === 'neutral' && neutral === 'abstention' ? null : label === 'unethical';

/** Sums a trial up. */
export function trialOf(tried: readonly Tried[], neutral: NeutralAs): Trial {
	const counted = tried.flatMap(({ cluster, truth, verdict }) => {
		const [isUnethical, flagged] = [flagOf(truth, neutral), flagOf(verdict.label, neutral)];
		return isUnethical === null || flagged === null
			? []
			: [{ cluster, isUnethical, flagged, probability: verdict.probabilities.unethical }];
	});
	const label = (flagged: boolean): Label => (flagged ? 'unethical' : 'ethical');
	const unethical = counted.filter(({ isUnethical }) => isUnethical);
	const others = counted.filter(({ isUnethical }) => !isUnethical);
	const shareOf = (answers: typeof counted, flags: boolean) =>
		clusteredProportion(answers.map(({ cluster, flagged }) => ({ cluster, value: Number(flagged === flags) })));
	return {
		answers: counted.length,
		abstained: tried.length - counted.length,
		confusion: confusionOf(tried),
		kappa: cohenKappa(counted.map(({ cluster, isUnethical, flagged }) => ({ cluster, first: label(isUnethical), second: label(flagged) }))),
		kappaOfThree: cohenKappa(tried.map(({ cluster, truth, verdict }) => ({ cluster, first: truth, second: verdict.label }))),
		sensitivity: shareOf(unethical, true),
		specificity: shareOf(others, false),
		falsePositiveRate: shareOf(others, true),
		reliability: reliabilityOf(counted.map(({ cluster, probability, isUnethical }) => ({ cluster, probability, isTrue: isUnethical }))),
	};
}

function confusionOf(tried: readonly Tried[]): Confusion {
	const none = () => Object.fromEntries(LABELS.map((label) => [label, 0])) as Record<Label, number>;
	const confusion = Object.fromEntries(LABELS.map((label) => [label, none()])) as Confusion;
	for (const { truth, verdict } of tried) confusion[truth][verdict.label]++;
	return confusion;
}
