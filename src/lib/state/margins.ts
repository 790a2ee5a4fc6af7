import type { RunEvent } from '$lib/experiment/events';

/** A pair's reward margin in the last step that learnt from it, and in the first. */
export interface Margin {
	step: number;
	margin: number;
	first: number;
}

/** Margins by pair. */
export type Margins = ReadonlyMap<string, Margin>;

export const NO_MARGINS: Margins = new Map();

/** `margins` brought up to date by steps; the same map where no step learnt from a pair. */
export function withMargins(margins: Margins, steps: readonly Extract<RunEvent, { kind: 'step' }>[]): Margins {
	if (!steps.some((event) => event.margins.length > 0)) return margins;
	const latest = new Map(margins);
	for (const { step, margins: learnt } of steps) {
		for (const { pairId, margin } of learnt) latest.set(pairId, { step, margin, first: latest.get(pairId)?.first ?? margin });
	}
	return latest;
}
