import { extent } from 'd3';

import type { Figure } from '$lib/experiment/studies/figures';
import type { Table, TableLine } from '$lib/experiment/studies/finding';
import { endsInWords, numberIn, unitOf } from '$lib/experiment/studies/inWords';
import { measureOf } from '$lib/experiment/studies/measures';

/** How a run's mean is drawn: the two copies as everywhere, all else in ink or grey. Colour is never the only sign: the label stands beside it. */
export interface Sign {
	colour: string;
	shape: 'circle' | 'square';
	filled: boolean;
}

export function signOf(run: string): Sign {
	if (/^sft\b/.test(run)) return { colour: 'var(--plain)', shape: 'square', filled: true };
	if (/^ea\b/.test(run)) return { colour: 'var(--conscience)', shape: 'circle', filled: true };
	if (run === 'base') return { colour: 'var(--ink)', shape: 'circle', filled: true };
	return { colour: 'var(--control)', shape: 'circle', filled: false };
}

/** What a figure's numbers are multiplied by for the reader: shares and ratios are printed in percent. */
export const factorOf = ({ measure }: Pick<Figure, 'measure'>): number => (['share', 'ratio'].includes(measureOf(measure).unit) ? 100 : 1);

/** One column of a table as a chart: its lines from top to bottom, and the range that they need. */
export interface ChartColumn {
	title: string;
	unit: string;
	lines: { line: TableLine; figure: Figure | null }[];
	domain: [number, number];
	/** A difference: 0 is marked. */
	isDifference: boolean;
}

export function chartColumn({ columns, lines }: Table, column: number): ChartColumn {
	const drawn = lines.map((line) => ({ line, figure: line.cells[column] ?? null }));
	const figures = drawn.flatMap(({ figure }) => figure ?? []);
	const [first] = figures;
	const isDifference = figures.some(({ minus }) => minus !== undefined);
	const ends = figures.flatMap((figure) => [figure.mean, ...(figure.ci ?? [])].map((end) => end * factorOf(figure)));
	const [low = 0, high = 1] = extent(ends) as [number?, number?];
	const bounded = first && !isDifference && ['points', 'share'].includes(measureOf(first.measure).unit);
	const fitted: [number, number] = [Math.min(0, low), Math.max(0, high)];
	return {
		title: columns[column] ?? '',
		unit: first ? unitOf(first) : '',
		lines: drawn,
		domain: bounded ? [Math.min(0, low), Math.max(100, high)] : fitted[0] === fitted[1] ? [-1, 1] : fitted,
		isDifference,
	};
}

/** "97.0" and "95.3 to 98.7". */
export function figureParts(figure: Figure): { mean: string; interval: string } {
	const number = numberIn(figure);
	const { ci, se, clusters } = figure;
	if (ci) return { mean: number(figure.mean), interval: endsInWords(figure, ci).join(' to ') };
	return { mean: number(figure.mean), interval: se === 0 && clusters > 1 ? 'all alike' : 'interval unknown' };
}
