import { type ScaleLinear, scaleLinear, scaleLog } from 'd3';

import type { Mark, YDomain } from '../chart';

/** A scale of y with the ticks to draw on it. */
export interface YScale {
	(y: number): number;
	bottom: number;
	ticks: readonly { value: number; text: string }[];
}

/** Where a chart is drawn, in pixels. */
export interface Frame {
	/** The size of its type. */
	em: number;
	left: number;
	right: number;
	top: number;
	height: number;
	x: ScaleLinear<number, number>;
	y: YScale;
}

export const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));

/** A look's dashes in pixels, for type of size `em`. */
export const dashes = (dash: string, em: number): string => dash.replace(/\d+/g, (length) => String((Number(length) * em) / 13));

/** A range that is fixed, whatever the data. */
export const isRange = (domain: YDomain): domain is readonly [low: number, high: number] => domain !== null && domain !== 'fit';

/** The scale of values between `low` and `high` from pixel `bottom` up to `top`; `log` wants them above 0. */
export function yScale(
	domain: YDomain,
	[low, high]: readonly [number, number],
	log: boolean,
	[bottom, top]: readonly [number, number],
): YScale {
	if (log) {
		const scale = scaleLog(low < high ? [low, high] : [low / 2, high * 2], [bottom, top]).clamp(true);
		const text = scale.tickFormat(5, ',~r');
		const ticks = scale.ticks(5).map((value) => ({ value, text: text(value) }));
		return Object.assign((y: number) => scale(y), { bottom, ticks: ticks.filter((tick) => tick.text !== '') });
	}
	const scale = isRange(domain)
		? scaleLinear(domain, [bottom, top])
		: scaleLinear(fitted(low, high, domain === null), [bottom, top]).nice(5);
	const text = scale.tickFormat(5);
	return Object.assign((y: number) => scale(y), { bottom, ticks: scale.ticks(5).map((value) => ({ value, text: text(value) })) });
}

function fitted(low: number, high: number, fromZero: boolean): [number, number] {
	const [least, most] = fromZero ? [Math.min(0, low), Math.max(0, high)] : [low, high];
	return least < most ? [least, most] : [least, least + 1];
}

/** The marks that are drawn where there is no room for all: at least `gap` pixels apart, strong ones before others. */
export function thinned(marks: readonly Mark[], x: (x: number) => number, gap: number): readonly Mark[] {
	const kept: Mark[] = [];
	let lastAt = -Infinity;
	for (const mark of marks) {
		const at = x(mark.x);
		const hasRoom = at - lastAt >= gap;
		if (!hasRoom && (kept.at(-1)!.strong || !mark.strong)) continue;
		if (!hasRoom) kept.pop();
		kept.push(mark);
		lastAt = at;
	}
	return kept;
}

/** A row for each label, so that no two overlap, from labels in the order of `left`; null for one that finds no room in `rows`. */
export function labelRows(labels: readonly { left: number; width: number }[], rows: number): (number | null)[] {
	const ends = Array.from({ length: rows }, () => -Infinity);
	return labels.map(({ left, width }) => {
		const row = ends.findIndex((end) => end <= left);
		if (row < 0) return null;
		ends[row] = left + width;
		return row;
	});
}
