import type { RunEvent } from '$lib/experiment/events';

/** A pair's reward margin after one of the steps that learnt from it. */
export interface MarginPoint {
	step: number;
	margin: number;
}

/** How a pair's reward margin went, in the order of the steps; never empty. */
export type MarginPath = readonly MarginPoint[];

/** Margins by pair. */
export type Margins = ReadonlyMap<string, MarginPath>;

export const NO_MARGINS: Margins = new Map();

/** Points kept of a pair: enough for a small curve, and a long run stays small. */
const MOST_POINTS = 32;

/** `margins` brought up to date by steps; the same map where no step learnt from a pair. */
export function withMargins(margins: Margins, steps: readonly Extract<RunEvent, { kind: 'step' }>[]): Margins {
	if (!steps.some((event) => event.margins.length > 0)) return margins;
	const latest = new Map(margins);
	for (const { step, margins: learnt } of steps) {
		for (const { pairId, margin } of learnt) latest.set(pairId, withPoint(latest.get(pairId) ?? [], { step, margin }));
	}
	return latest;
}

/** `path` with one more point. A full path loses every second point between its ends, so that it still tells the whole story. */
function withPoint(path: MarginPath, point: MarginPoint): MarginPath {
	const kept = path.length < MOST_POINTS ? path : path.filter((_, i) => i % 2 === 0 || i === path.length - 1);
	return [...kept, point];
}
