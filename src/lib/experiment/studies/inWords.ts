/** Figures as sentences say them: the number with its interval, and whether it can be told from nothing. */
import type { Figure } from './figures';
import { measureOf } from './measures';

/** "97.0 [95.3, 98.7]" in the measure's unit: points, or percent. */
export function figureInWords(figure: Figure | null): string {
	if (!figure) return 'not known';
	const { mean, ci, se, clusters } = figure;
	const number = numberIn(figure);
	if (!ci && se === 0 && clusters > 1) return `${number(mean)} (all alike)`;
	return ci ? `${number(mean)} [${number(ci[0])}, ${number(ci[1])}]` : `${number(mean)} (interval unknown)`;
}

/** How a figure's numbers are written. */
export function numberIn({ measure }: Pick<Figure, 'measure'>): (x: number) => string {
	const { unit } = measureOf(measure);
	const factor = unit === 'share' || unit === 'ratio' ? 100 : 1;
	return (x) => withMinus((x * factor).toFixed(1));
}

/** What stands behind a figure's number. */
export const unitOf = ({ measure }: Pick<Figure, 'measure'>): string =>
	({ points: 'points', share: '%', ratio: '%', count: '' })[measureOf(measure).unit];

const withMinus = (text: string) => (Number(text) === 0 ? text.replace('-', '') : text.replace('-', '−'));

/** The interval of a difference lies wholly above 0, wholly below, or holds it. */
export type Side = 'above' | 'below' | 'open';
export function sideOf(difference: Figure | null): Side {
	if (!difference?.ci) return 'open';
	const [low, high] = difference.ci;
	return low > 0 ? 'above' : high < 0 ? 'below' : 'open';
}

/** One of three sentences, by where the interval lies; none where there is no figure. */
export const bySide = (difference: Figure | null, sentences: Readonly<Record<Side, string>>): string[] =>
	difference ? [sentences[sideOf(difference)]] : [];
