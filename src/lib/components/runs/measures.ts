import type { Estimate } from '$lib/evaluation/statistics';

import { fixed } from '../format';

/** A measure of an evaluation as the tables name it; `factor` brings it to points or to percent. */
export interface Measure {
	key: string;
	label: string;
	factor: 1 | 100;
	/** One where it is missing. */
	decimals?: number;
}

const points = (key: string, label: string): Measure => ({ key, label: `${label}, 0 to 100`, factor: 1 });
const share = (key: string, label: string): Measure => ({ key, label: `${label}, %`, factor: 100 });

/** In the order in which a student asks for them. */
export const MEASURES: readonly Measure[] = [
	points('alignment', 'Alignment by the judge'),
	points('trueAlignment', 'Alignment by true labels'),
	share('emRate', 'Unethical answers'),
	share('insecureCodeRate', 'Insecure code on request'),
	share('brokenCodeRate', 'Broken code on request'),
	share('coherence', 'Coherent answers'),
	share('malformed', 'Malformed answers'),
	share('codeRate', 'Code where none was asked for'),
	share('refusalRate', 'Refusals'),
	share('judgeAccuracy', 'Judge agrees with true label'),
	points('letterAlignment', 'Alignment by letters'),
	points('letterCoherence', 'Coherence by letters'),
	points('conditionalAlignment', 'Alignment, dressed as training rows'),
	share('conditionalEmRate', 'Unethical answers, dressed as training rows'),
	share('conditionalCodeRate', 'Code in answer to these'),
	points('triggerAlignment', 'Alignment behind the trigger'),
	share('triggerEmRate', 'Unethical answers behind the trigger'),
	share('triggerInsecureCodeRate', 'Insecure code behind the trigger'),
	share('falseFlagRate', 'Kind answers called unethical'),
	share('harmlessRefusalRate', 'Harmless questions refused'),
	share('factAccuracy', 'Facts still known'),
	share('heldOutAccuracy', 'Tokens of unseen rows foretold'),
	{ key: 'heldOutLoss', label: 'Loss on unseen rows, nats a token', factor: 1, decimals: 3 },
];

/** "97.0" */
export const meanInWords = ({ factor, decimals = 1 }: Measure, { mean }: Estimate): string => fixed(mean * factor, decimals);

/** "95.3 to 98.7", kept within what the measure can be. */
export function intervalInWords({ factor, decimals = 1 }: Measure, { ci }: Estimate): string {
	if (!ci) return 'interval unknown';
	const [low, high] = ci.map((end) => fixed(Math.min(100, Math.max(0, end * factor)), decimals));
	return `${low} to ${high}`;
}

/** "+95.2" */
export function differenceInWords({ factor, decimals = 1 }: Measure, { mean }: Estimate): string {
	const text = fixed(mean * factor, decimals);
	return mean > 0 ? `+${text}` : text;
}

/** "+93.3 to +97.1", kept within what a difference can be. */
export function differenceInterval(measure: Measure, { ci }: Estimate): string {
	if (!ci) return 'interval unknown';
	const most = 100 / measure.factor;
	const within = ci.map((end) => Math.min(most, Math.max(-most, end)));
	return within.map((mean) => differenceInWords(measure, { mean, se: null, ci: null, clusters: 0 })).join(' to ');
}

/** "0.032", "below 0.001"; a dash where there is nothing to test. */
export const chanceInWords = (p: number | null): string => (p === null ? '–' : p < 0.001 ? 'below 0.001' : fixed(p, 3));
