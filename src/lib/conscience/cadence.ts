/** When the conscience is called next: every so many steps, or more often while it finds something. Steps count from 0. */
export type Cadence =
	{ kind: 'fixed'; every: number } | { kind: 'adaptive'; first: number; shortest: number; longest: number; raiseAt: number };

export interface CadenceState {
	/** Steps between calls as it stands; adaptive intervals may be fractions until they are rounded. */
	interval: number;
	/** The step before which the next call is made. */
	nextCall: number;
}

/** The first call comes before the first step: there is nothing to find yet, and the interval can only grow from it. */
export function startCadence(cadence: Cadence): CadenceState {
	return { interval: cadence.kind === 'fixed' ? cadence.every : cadence.first, nextCall: 0 };
}

/**
 * The cadence after a call at `step` that flagged the share `flagged` of the answers:
 * fixed stays; adaptive halves its interval where the share reaches `raiseAt`, and doubles it otherwise.
 */
export function afterCall(cadence: Cadence, { interval }: CadenceState, step: number, flagged: number): CadenceState {
	if (cadence.kind === 'fixed') return { interval, nextCall: step + cadence.every };
	const next = flagged >= cadence.raiseAt ? Math.max(cadence.shortest, interval / 2) : Math.min(cadence.longest, interval * 2);
	return { interval: next, nextCall: step + steps(next) };
}

/**
 * The schedule of a cadence that takes another's place before `step`. A call that was coming is not put off, and the next one comes
 * at the latest one interval of the new cadence from now: a shorter gap is felt soon, and moving a slider calls nobody at once.
 */
export function restartCadence(cadence: Cadence, { nextCall }: CadenceState, step: number): CadenceState {
	const { interval } = startCadence(cadence);
	return { interval, nextCall: Math.min(nextCall, step + steps(interval)) };
}

/** Lessons (steps with L_DPO) that found nothing left to teach: how many in a row, and the step before which no other is given. */
export interface LessonState {
	settled: number;
	restUntil: number;
}

export const NOTHING_SETTLED: LessonState = { settled: 0, restUntil: 0 };

/** The longest rest, in gaps between lessons: what has been learnt is looked at again now and then, since other training may undo it. */
const LONGEST_REST = 16;

/** After a lesson at `step` with a mean loss of `loss` (nats): each one below `restBelow` doubles the gap, any other ends the rest. */
export function afterLesson(
	{ dpoEvery, dpoRestBelow }: { dpoEvery: number; dpoRestBelow: number },
	{ settled }: LessonState,
	step: number,
	loss: number,
): LessonState {
	if (loss >= dpoRestBelow) return NOTHING_SETTLED;
	return { settled: settled + 1, restUntil: step + dpoEvery * Math.min(2 ** (settled + 1), LONGEST_REST) };
}

const steps = (interval: number) => Math.max(1, Math.round(interval));
