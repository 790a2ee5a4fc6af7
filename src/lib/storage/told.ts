/** What a list of runs says of a run, by the events that it has told. */
import type { MidRunChange, RunEvent } from '$lib/experiment/events';

/** The alignment that the last evaluation found; null without one. */
export const alignmentAfter = (events: readonly RunEvent[]): number | null =>
	events.findLast((event) => event.kind === 'evaluation')?.evaluation.alignment.mean ?? null;

/** What was changed while the run went on. */
export const changesIn = (events: readonly RunEvent[]): MidRunChange[] =>
	events.flatMap((event) => (event.kind === 'change' ? [{ step: event.step, changes: event.changes }] : []));
