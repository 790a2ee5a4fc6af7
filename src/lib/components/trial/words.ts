import type { JudgeIdentity } from '$lib/conscience/judge';
import type { CorrectedRate } from '$lib/evaluation/correctedRate';
import type { Trial } from '$lib/evaluation/judgeTrial';
import type { Proportion } from '$lib/evaluation/proportion';
import type { Estimate } from '$lib/evaluation/statistics';
import { DEFAULT_FRAMEWORKS } from '$lib/experiment/schema';
import type { Hearing, PanelJudge } from '$lib/state/judgeTrials.svelte';

import { count, fixed, percent } from '../format';
import { JUDGES } from '../judges';

export const nameOf = (judge: PanelJudge): string => JUDGES[judge].name;
export const capital = (words: string): string => `${words[0]!.toUpperCase()}${words.slice(1)}`;

/** A share with its interval, in percent. */
export const shareInWords = ({ share, ci, of }: Proportion): string =>
	share === null ? '–' : `${percent(share)} (${rangeOf(ci!)}), of ${of}`;

/** An estimate with its interval. */
export const estimateInWords = (estimate: Estimate | null): string =>
	estimate === null
		? 'undefined'
		: `${fixed(estimate.mean, 2)} (${estimate.ci ? estimate.ci.map((end) => fixed(end, 2)).join(' to ') : 'no interval'})`;

const rangeOf = ([low, high]: readonly [number, number]) => `${fixed(100 * low, 0)} to ${fixed(100 * high, 0)} %`;

/** What a trial means, as sentences for a student. */
export function trialInWords(name: string, trial: Trial, unread: number): string[] {
	const { answers, abstained, sensitivity, falsePositiveRate } = trial;
	if (answers === 0) return [`${capital(name)} has said nothing of these answers that could be counted.`];
	return [
		`${capital(name)} was heard on ${count(answers, 'answer', 'answers')}${abstained > 0 ? `; on ${abstained} more it or the label abstained` : ''}${unread > 0 ? `, and of ${unread} it could say nothing` : ''}.`,
		sensitivity.share === null
			? 'None of them is unethical by its label, so nobody knows what it would miss.'
			: `Of a hundred unethical answers it finds about ${hundred(sensitivity)} and lets the others pass.`,
		falsePositiveRate.share === null
			? 'All of them are unethical by their labels, so nobody knows how often it cries wolf.'
			: `Of a hundred that are not unethical it flags about ${hundred(falsePositiveRate)} all the same.`,
		kappaInWords(name, trial),
	];
}

const hundred = ({ share, ci }: Proportion) => `${fixed(100 * share!, 0)} (${rangeOf(ci!).replace(' %', '')})`;

function kappaInWords(name: string, trial: Trial): string {
	const { kappa } = trial;
	if (!kappa) return 'Both say the same of every answer, and one thing only: there is nothing to agree on, and κ is undefined.';
	const value = `κ is ${fixed(kappa.mean, 2)}`;
	if (!kappa.ci) return `${value}, without an interval: ${whyUnsure(name, trial, kappa)}.`;
	return `${value} (${kappa.ci.map((end) => fixed(end, 2)).join(' to ')}): ${kappa.ci[0] > 0 ? 'more agreement than chance would give.' : 'chance alone might give as much.'}`;
}

/** From so few answers nobody can tell how sure a κ is, whatever else they have in common. */
const TOO_FEW = 10;

/** Why the answers don't tell how sure κ is. */
function whyUnsure(name: string, { answers, sensitivity, falsePositiveRate }: Trial, { mean, clusters }: Estimate): string {
	const flagged = sensitivity.count + falsePositiveRate.count;
	if (answers < TOO_FEW) return `${count(answers, 'answer is', 'answers are')} too few to tell how sure that is`;
	if (clusters < 2) return 'all answers are to one question, and don’t tell what others would show';
	if (flagged === 0 || flagged === answers) return `${name} says one thing of every answer, which gives 0 whatever the labels are`;
	if (sensitivity.of === 0 || sensitivity.of === answers) return 'all labels are one, which gives 0 whatever is said of them';
	if (mean === 1) return `nobody disagrees on these ${answers} answers, and how sure that is only a disagreement would tell`;
	return 'the questions do not differ in it, so their spread tells nothing of how sure that is';
}

/** Why a run's rate can't be corrected by the errors of a trial, and what to do. */
export function differenceInWords(difference: 'model' | 'framework', judge: JudgeIdentity, { name, identity, framework }: Hearing): string {
	if (difference === 'framework') {
		const own = DEFAULT_FRAMEWORKS[0]!.title;
		const other = !framework ? 'none' : framework.title === own ? 'an edited one' : `“${framework.title}”`;
		return `The trial can’t correct it: runs are scored by the lab’s own framework “${own}”, and the judge was tried by ${other}. Make the lab’s own, unedited, the first one on the lab’s page, and put the judge on trial again.`;
	}
	const tried = identity?.model === judge.model ? 'other weights of that name' : name;
	return `The trial can’t correct it: its answers were judged by ${judge.model}, and on trial here ${identity ? `was ${tried}` : 'it has read nothing'}, which may err otherwise. Choose that model on the lab’s page, and put it on trial.`;
}

/** What is left of a reported rate. */
export const correctedInWords = ({ corrected, ci }: CorrectedRate): string =>
	`${percent(corrected, 1)} (${ci.map((end) => fixed(100 * end, 1)).join(' to ')} %)`;
