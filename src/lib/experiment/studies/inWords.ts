/** Figures as sentences say them: the number with its interval, and whether it can be told from nothing. */
import { holm, pValue } from '$lib/evaluation/significance';
import type { Interval } from '$lib/evaluation/statistics';

import { type Figure, smallestFound } from './figures';
import { type MeasureId, measureOf } from './measures';
import type { StudyRows } from './rows';

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
	({ points: 'points', lead: 'points', share: '%', ratio: '%', count: '', nats: 'nats a token', kappa: '' })[measureOf(measure).unit];

/** The measure's name, which opens a sentence. */
export const measureInWords = (measure: MeasureId): string => measureOf(measure).label;

/** “−3” for “-3”, and no sign for what is rounded to nothing. */
export const withMinus = (text: string) => (Number(text) === 0 ? text.replace('-', '') : text.replace('-', '−'));

/** A sentence that needs all of these figures; none where one is missing. */
export const ifKnown = (figures: readonly (Figure | null)[], sentence: string): string[] => (figures.includes(null) ? [] : [sentence]);

/**
 * The interval of a difference lies wholly above 0, wholly below, or holds it; where all pairs are alike its sign decides. It is unknown where
 * there is no difference, or one cluster alone leaves it without an interval.
 */
export type Side = 'above' | 'below' | 'open' | 'unknown';
export function sideOf(difference: Pick<Figure, 'mean' | 'se' | 'ci'> | null): Side {
	if (!difference) return 'unknown';
	const { mean, se, ci } = difference;
	if (se === 0) return mean > 0 ? 'above' : mean < 0 ? 'below' : 'open';
	if (!ci) return 'unknown';
	return ci[0] > 0 ? 'above' : ci[1] < 0 ? 'below' : 'open';
}

/** The side of each of several differences, told only where it holds at the level of one among all of them (Holm's correction, α 0.05). */
export function sidesOf(differences: readonly (Figure | null)[]): Side[] {
	const sides = differences.map(sideOf);
	const known = differences.flatMap((difference, i) => (difference && sides[i] !== 'unknown' ? [{ difference, i }] : []));
	const raised = holm(known.map(({ difference }) => (difference.se === 0 ? Number(difference.mean === 0) : pValue(difference)!)));
	known.forEach(({ i }, place) => {
		if (raised[place]! >= 0.05) sides[i] = 'open';
	});
	return sides;
}

/** What is said of a difference on each side. */
export type Sentences = Readonly<Record<Exclude<Side, 'unknown'>, string>>;

/**
 * One of three sentences, by where the interval lies; none where there is no difference. Where it holds 0, the smallest difference is told that
 * would have been found. `side` is given where it was decided among several.
 */
export function bySide(rows: StudyRows, difference: Figure | null, sentences: Sentences, side = sideOf(difference)): string[] {
	if (!difference || side === 'unknown') return [];
	return [side === 'open' ? `${sentences.open}${powerInWords(rows, [difference])}` : sentences[side]];
}

/** " A true difference of 1.2 points …": of several differences, what would have been found of each of them. Nothing where that is not known. */
export function powerInWords(rows: StudyRows, differences: readonly Figure[]): string {
	const found = differences.flatMap((difference) => smallestFound(rows, difference) ?? []);
	if (found.length === 0 || found.length < differences.length) return '';
	const [first] = differences as [Figure];
	const unit = unitOf(first).replace('%', 'percentage points');
	return ` A true difference of ${numberIn(first)(Math.max(...found))}${unit && ` ${unit}`}, tested alone, would be found four times in five.`;
}
