import { joined } from '$lib/state/series';

import type { ChartTable, Series } from '../chart';

/** A table with a row for each x and a column for each series, and one for its interval where it has one. */
export function seriesTable(xName: string, series: readonly Series[], format: (y: number) => string): ChartTable {
	const hasBand = series.map(({ points }) => points.some(({ band }) => band !== null));
	return {
		columns: [xName, ...series.flatMap(({ look }, i) => (hasBand[i] ? [look.name, `${look.name}, 95 % interval`] : [look.name]))],
		rows: joined(series.map(({ points }) => points)).map(({ x, points }) => [
			String(x),
			...points.flatMap((point, i) => {
				const value = point ? format(point.y) : '–';
				return hasBand[i] ? [value, point?.band ? point.band.map(format).join(' to ') : '–'] : [value];
			}),
		]),
	};
}

/** A line as a sentence: where it begins, where it turned lowest and highest, and where it is; nothing of a line without points. */
export function lineInWords({ look, points }: Series, format: (y: number) => string): string[] {
	const [first, last] = [points[0], points.at(-1)];
	if (!first || !last) return [];
	if (first === last) return [`${look.name}: ${format(first.y)} at step ${first.x}.`];
	let [low, high] = [first, first];
	for (const point of points) {
		if (point.y < low.y) low = point;
		if (point.y > high.y) high = point;
	}
	const turns = [low, high]
		.filter((point) => point !== first && point !== last)
		.sort((a, b) => a.x - b.x)
		.map((point) => `${point === low ? 'at lowest' : 'at highest'} ${format(point.y)} at step ${point.x}, `);
	return [`${look.name}: from ${format(first.y)} at step ${first.x}, ${turns.join('')}to ${format(last.y)} at step ${last.x}.`];
}
