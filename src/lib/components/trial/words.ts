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
export function trialInWords(name: string, { answers, abstained, sensitivity, falsePositiveRate, kappa }: Trial, unread: number): string[] {
	if (answers === 0) return [`${capital(name)} has said nothing of these answers that could be counted.`];
	return [
		`${capital(name)} was heard on ${count(answers, 'answer', 'answers')}${abstained > 0 ? `; on ${abstained} more it or the label abstained` : ''}${unread > 0 ? `, and of ${unread} it could say nothing` : ''}.`,
		sensitivity.share === null
			? 'None of them is unethical by its label, so nobody knows what it would miss.'
			: `Of a hundred unethical answers it finds about ${hundred(sensitivity)} and lets the others pass.`,
		falsePositiveRate.share === null
			? 'All of them are unethical by their labels, so nobody knows how often it cries wolf.'
			: `Of a hundred that are not unethical it flags about ${hundred(falsePositiveRate)} all the same.`,
		kappaInWords(kappa),
	];
}

const hundred = ({ share, ci }: Proportion) => `${fixed(100 * share!, 0)} (${rangeOf(ci!).replace(' %', '')})`;

function kappaInWords(kappa: Estimate | null): string {
	if (!kappa) return 'Both say the same of every answer, and one thing only: there is nothing to agree on, and κ is undefined.';
	const value = `κ is ${fixed(kappa.mean, 2)}`;
	if (!kappa.ci)
		return `${value}, without an interval: where nobody disagrees, or all answers are to one question, they don’t tell how sure that is. More would.`;
	return `${value} (${kappa.ci.map((end) => fixed(end, 2)).join(' to ')}): ${kappa.ci[0] > 0 ? 'more agreement than chance would give.' : 'chance alone might give as much.'}`;
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
