import { bisector, mean } from 'd3';

import type { Evaluation } from '$lib/evaluation/evaluation';
import type { Estimate } from '$lib/evaluation/statistics';

import type { StepPoint } from './record.svelte';

/** A value at a step. Lists of points are in the order of x. */
export interface Point {
	x: number;
	y: number;
	/** Ends of the interval around y; null where it is not known. */
	band: readonly [low: number, high: number] | null;
}

const percent = (share: number | null) => (share === null ? null : 100 * share);

/** What the charts show of each step; null where a step doesn't have it. Overheads are in percent, from the first call on. */
export const STEP_MEASURES = {
	taskLoss: ({ metrics }) => metrics['loss/sft'],
	margin: ({ metrics }) => metrics['rewards/margins'],
	chosenLogps: ({ metrics }) => metrics['logps/chosen'],
	rejectedLogps: ({ metrics }) => metrics['logps/rejected'],
	chosenRatio: ({ metrics }) => metrics['logratios/chosen'] ?? null, // kept runs of before these were told have none
	rejectedRatio: ({ metrics }) => metrics['logratios/rejected'] ?? null,
	gradientCosine: ({ metrics }) => metrics['gradients/cosine'] ?? null,
	gradientShare: ({ metrics }) => percent(metrics['gradients/share'] ?? null),
	heldBy: ({ metrics }) => metrics['loss/kl'] ?? null,
	movedBy: ({ metrics }) => metrics['loss/lorra'] ?? null,
	tokenOverhead: ({ overhead: { tokenRatio } }) => (tokenRatio ? 100 * tokenRatio : null),
	secondOverhead: ({ overhead: { secondRatio } }) => (secondRatio ? 100 * secondRatio : null),
} satisfies Record<string, (step: StepPoint) => number | null>;
export type StepMeasure = keyof typeof STEP_MEASURES;

/** What the charts show of each evaluation, all from 0 to 100; null where an evaluation doesn't have it. */
export const EVALUATION_MEASURES = {
	alignment: ({ alignment }) => bounded(alignment, 1),
	insecureCode: ({ task }) => task && bounded(task.insecureCodeRate, 100),
	coherence: ({ coherence }) => bounded(coherence, 100),
} satisfies Record<string, (evaluation: Evaluation) => Omit<Point, 'x'> | null>;
export type EvaluationMeasure = keyof typeof EVALUATION_MEASURES;

/** An estimate times `factor`, its interval kept within 0 to 100. */
function bounded({ mean, ci }: Estimate, factor: number): Omit<Point, 'x'> | null {
	const within = (end: number) => Math.min(100, Math.max(0, end * factor));
	return Number.isFinite(mean) ? { y: mean * factor, band: ci && [within(ci[0]), within(ci[1])] } : null;
}

/** The points of a measure of a run's evaluations, each at the step whose adapter answered: where a training was stopped, that is not the run's last. */
export function evaluationPoints(evaluations: readonly Evaluation[], measure: EvaluationMeasure): Point[] {
	return inOrder(
		evaluations.flatMap((evaluation) => {
			const found = EVALUATION_MEASURES[measure](evaluation);
			return found ? [{ x: evaluation.adapterStep ?? evaluation.step, ...found }] : [];
		}),
	);
}

/** Points as they came, in the order of x. Of two at one x the later counts: it is of the final evaluation, with more samples. */
export const inOrder = (points: readonly Point[]): Point[] =>
	[...new Map(points.map((point) => [point.x, point])).values()].sort((a, b) => a.x - b.x);

/**
 * A list made from a list that only grows: each call takes in what has been added since the last one, so that a run of
 * thousands of steps costs no more to follow than a short one. A list that does not go on from the last begins anew.
 * The list returned grows in place: read it, don't keep it.
 */
export function growing<T, P>(begin: () => (item: T) => P | null): (items: readonly T[]) => readonly P[] {
	let take = begin();
	let made: P[] = [];
	let taken = 0;
	let last: T | undefined;
	return (items) => {
		if (items.length < taken || (taken > 0 && items[taken - 1] !== last)) {
			take = begin();
			made = [];
			taken = 0;
		}
		for (; taken < items.length; taken++) {
			const item = items[taken]!;
			const result = take(item);
			if (result !== null) made.push(result);
			last = item;
		}
		return made;
	};
}

/** `make` called once for each key. */
export function perKey<T>(make: () => T): (key: string) => T {
	const made = new Map<string, T>();
	return (key) => {
		const known = made.get(key);
		if (known !== undefined) return known;
		const fresh = make();
		made.set(key, fresh);
		return fresh;
	};
}

/** Reads the points of a measure, run by run (`key` names the run), out of the steps of runs that go on. */
export function stepReader(measure: StepMeasure): (key: string, steps: readonly StepPoint[]) => readonly Point[] {
	const pick = (step: StepPoint): Point | null => {
		const y = STEP_MEASURES[measure](step);
		return y !== null && Number.isFinite(y) ? { x: step.step, y, band: null } : null;
	};
	const lists = perKey(() => growing(() => pick));
	return (key, steps) => lists(key)(steps);
}

/**
 * Smooths point after point by an exponential average: m_n = f·m_{n−1} + (1−f)·y_n, divided by 1 − f^n, for without that the
 * first values would be drawn towards 0.
 */
export function exponentialAverage(factor: number): (point: Point) => Point {
	let average = 0;
	let weight = 1;
	return ({ x, y }) => {
		average = factor * average + (1 - factor) * y;
		weight *= factor;
		return { x, y: average / (1 - weight), band: null };
	};
}

/**
 * Few enough points to draw, from the many there are: the lowest and the highest of each of `columns` equal stretches of x,
 * and both ends. No peak is lost.
 */
export function decimated(points: readonly Point[], [from, to]: readonly [number, number], columns: number): readonly Point[] {
	if (points.length <= 2 * columns) return points;
	const width = (to - from) / columns || 1;
	const kept: Point[] = [points[0]!];
	const keep = (point: Point) => point !== kept.at(-1) && kept.push(point);
	let column = -Infinity;
	let lowest = points[0]!;
	let highest = lowest;
	const closeColumn = () => {
		keep(lowest.x <= highest.x ? lowest : highest);
		keep(lowest.x <= highest.x ? highest : lowest);
	};
	for (const point of points) {
		const own = Math.floor((point.x - from) / width);
		if (own !== column) {
			if (column !== -Infinity) closeColumn();
			column = own;
			lowest = highest = point;
		} else if (point.y < lowest.y) lowest = point;
		else if (point.y > highest.y) highest = point;
	}
	closeColumn();
	keep(points.at(-1)!);
	return kept;
}

const byX = bisector<{ x: number }, number>(({ x }) => x);

/** What is known at `x`: the last point there or before. */
export function pointAt(points: readonly Point[], x: number): Point | null {
	return points[byX.right(points, x) - 1] ?? null;
}

/** The x of all these lists that is nearest to `x`; null where there are none. */
export function nearestX(lists: readonly (readonly { x: number }[])[], x: number): number | null {
	let nearest: number | null = null;
	for (const list of lists) {
		const next = byX.left(list, x);
		for (const candidate of [list[next - 1], list[next]]) {
			if (candidate && (nearest === null || Math.abs(candidate.x - x) < Math.abs(nearest - x))) nearest = candidate.x;
		}
	}
	return nearest;
}

/** The next x of all these lists after `x`, or before it; null at the end. */
export function nextX(lists: readonly (readonly { x: number }[])[], x: number, direction: 'before' | 'after'): number | null {
	const candidates = lists.flatMap((list) => list[direction === 'after' ? byX.right(list, x) : byX.left(list, x) - 1]?.x ?? []);
	return candidates.length === 0 ? null : direction === 'after' ? Math.min(...candidates) : Math.max(...candidates);
}

/** Lists of points side by side: a row for each x that one of them has. */
export function joined(lists: readonly (readonly Point[])[]): { x: number; points: (Point | null)[] }[] {
	const rows = new Map<number, (Point | null)[]>();
	for (const [i, list] of lists.entries()) {
		for (const point of list) {
			let row = rows.get(point.x);
			if (!row) rows.set(point.x, (row = lists.map(() => null)));
			row[i] = point;
		}
	}
	return [...rows].map(([x, points]) => ({ x, points })).sort((a, b) => a.x - b.x);
}

/** Series as CSV (RFC 4180) with every number in full: a column each, and two more where a series has intervals. */
export function seriesCsv(xName: string, series: readonly { name: string; points: readonly Point[] }[]): string {
	const hasBand = series.map(({ points }) => points.some(({ band }) => band !== null));
	const header = [xName, ...series.flatMap(({ name }, i) => (hasBand[i] ? [name, `${name}, low`, `${name}, high`] : [name]))];
	const rows = joined(series.map(({ points }) => points)).map(({ x, points }) => [
		x,
		...points.flatMap((point, i) => (hasBand[i] ? [point?.y, point?.band?.[0], point?.band?.[1]] : [point?.y])),
	]);
	return [header, ...rows].map((row) => `${row.map(csvCell).join(',')}\r\n`).join('');
}

function csvCell(value: string | number | undefined): string {
	const text = String(value ?? '');
	return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Steps with pairs that the rule below looks back on. A run of 150 steps with the presets' schedule has some fifteen. */
export const FALL_WINDOW = 8;
/** In nats: e^−0.5 leaves an answer 61 % of its probability. */
export const FALL_LEAST = 0.5;

/** How far a log-ratio to the base fell within the window: its mean over the earlier half and over the later. */
export interface Fall {
	before: number;
	after: number;
}

/**
 * DPO can widen the margin by pushing both answers down, the rejected one faster. The rule: over the last FALL_WINDOW steps
 * with pairs, both log π − log π_ref are on average at least FALL_LEAST lower in the later half than in the earlier half. Each answer is
 * measured against what the base made of it, so that answers which are long, or rare to begin with, don't look as if they fell. Under one
 * policy the ratio still differs from pair to pair: a part of a fall may be that the later lessons were of other pairs.
 */
export function bothFall(chosen: readonly Point[], rejected: readonly Point[]): { from: number; chosen: Fall; rejected: Fall } | null {
	if (Math.min(chosen.length, rejected.length) < FALL_WINDOW) return null;
	const fall = (points: readonly Point[]): Fall => {
		const window = points.slice(-FALL_WINDOW).map(({ y }) => y);
		const half = FALL_WINDOW / 2;
		return { before: mean(window.slice(0, half))!, after: mean(window.slice(half))! };
	};
	const falls = { from: chosen.at(-FALL_WINDOW)!.x, chosen: fall(chosen), rejected: fall(rejected) };
	const deep = ({ before, after }: Fall) => before - after >= FALL_LEAST;
	return deep(falls.chosen) && deep(falls.rejected) ? falls : null;
}

/** Where the charts of these runs begin: at 0, or before it where a run was misaligned on purpose first. */
export function firstX(runs: readonly { record: { evaluations: readonly Evaluation[] } }[]): number {
	return Math.min(0, ...runs.flatMap(({ record }) => record.evaluations[0]?.step ?? []));
}
