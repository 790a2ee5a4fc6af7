/** Figures as sentences say them: the number with its interval, and whether it can be told from nothing. */
import { holm, pValue } from '$lib/evaluation/significance';
import type { Interval } from '$lib/evaluation/statistics';

import type { Figure } from './figures';
import { measureOf } from './measures';

/** "97.0 [95.3, 98.7]" in the measure's unit: points, or percent. */
export function figureInWords(figure: Figure | null): string {
	if (!figure) return 'not known';
	const { mean, ci, se, clusters } = figure;
	const number = numberIn(figure);
	if (!ci && se === 0 && clusters > 1) return `${number(mean)} (all alike)`;
	return ci ? `${number(mean)} [${endsInWords(figure, ci).join(', ')}]` : `${number(mean)} (interval unknown)`;
}

/** Both ends of an interval; of rows that are all alike the far one is the worst case. */
export function endsInWords(figure: Figure, ci: Interval): string[] {
	const number = numberIn(figure);
	return ci.map((end) => `${isAtWorst(figure) && end !== figure.mean ? 'at worst ' : ''}${number(end)}`);
}

/** An interval of rows that are all alike: they don't show how far those of one question go together. */
export const isAtWorst = ({ se, ci }: Figure): boolean => se === 0 && ci !== null && ci[0] < ci[1];

/** What is said beside a table that has such an interval. */
export const AT_WORST =
	'“At worst”: where all rows are alike they don’t tell how far those of one question (or kind of coding task) go together; the interval then counts each as one answer, and knows nothing of other seeds.';

/** How a figure's numbers are written. */
export function numberIn({ measure }: Pick<Figure, 'measure'>): (x: number) => string {
	const { unit } = measureOf(measure);
	const factor = unit === 'share' || unit === 'ratio' ? 100 : 1;
	return (x) => withMinus((x * factor).toFixed(unit === 'kappa' || unit === 'nats' ? 3 : 1));
}

/** What stands behind a figure's number. */
export const unitOf = ({ measure }: Pick<Figure, 'measure'>): string =>
	({ points: 'points', share: '%', ratio: '%', count: '', nats: 'nats a token', kappa: '' })[measureOf(measure).unit];

const withMinus = (text: string) => (Number(text) === 0 ? text.replace('-', '') : text.replace('-', '−'));

/** The interval of a difference lies wholly above 0, wholly below, or holds it. */
export type Side = 'above' | 'below' | 'open';
export function sideOf(difference: Figure | null): Side {
	if (!difference?.ci) return 'open';
	const [low, high] = difference.ci;
	return low > 0 ? 'above' : high < 0 ? 'below' : 'open';
}

/** The side of each of several differences, told only where it holds at the level of one among all of them (Holm's correction, α 0.05). */
export function sidesOf(differences: readonly (Figure | null)[]): Side[] {
	const known = differences.map((difference) => difference && pValue(difference));
	const raised = holm(known.filter((p) => p !== null));
	let next = 0;
	return differences.map((difference, i) => (known[i] !== null && raised[next++]! < 0.05 ? sideOf(difference) : 'open'));
}

/** One of three sentences, by where the interval lies; none where there is no figure. */
export const bySide = (difference: Figure | null, sentences: Readonly<Record<Side, string>>): string[] =>
	difference ? [sentences[sideOf(difference)]] : [];
