import { afterCall, type CadenceState, restartCadence, startCadence } from '$lib/conscience/cadence';
import { type RandomState, resumedRandom, seededRandom } from '$lib/model/random';

import type { RunEvent } from '../events';
import { addCall, addGate, addMemory } from '../meter';
import type { Found } from '../methods/index';
import type { Experiment } from '../schema';

import type { ArmContext } from './arm';
import { CALLS_STREAM, drawCall } from './callDraws';
import { askPolicy, type CallUnderWay, isTurned, type JudgedCall, pairsOf, recordsOf, review } from './call';

/** The calls of the conscience between two steps. */
export interface CallsState {
	/** Draws framework and questions of each call. */
	questions: RandomState;
	cadence: CadenceState;
	calls: number;
	/** A call whose lessons are not there yet. */
	underWay: CallUnderWay | null;
}

/** The conscience of a run, called at its cadence. */
export interface Calls {
	/**
	 * Makes what is due before `step`, tells it, and returns what is new.
	 * @throws JudgeLostError where it can be asked for the same step again: what is asked then is the same
	 */
	before(step: number): AsyncGenerator<RunEvent, Found>;
	/** The step before which the next call is made. */
	next(): number;
	/** Takes the experiment over that has replaced `before`, from `step` on. */
	adjust(before: Experiment, step: number): void;
	state(): CallsState;
}

/**
 * Calls the conscience at its cadence. With a `lag` the steps go on while a judge outside of the trainer reads, and the lessons come a fixed
 * number of steps later, so that equal seeds stay equal runs however fast the judge is; a judge inside the trainer reads when they are due.
 * The step before which a call ends belongs to it, so that the next is made before step `lag` + 1 from its beginning at the earliest.
 * It `mends` what it flags, or reads only.
 */
export function conscienceCalls(context: ArmContext, mends: boolean, from?: CallsState): Calls {
	const { conscience: first, seed } = context.experiment();
	const questions = from ? resumedRandom(from.questions) : seededRandom(seed, CALLS_STREAM);
	let { cadence, calls, underWay } = from ?? { cadence: startCadence(first.cadence), calls: 0, underWay: null };
	/** What the judge says of the call under way, while it reads ahead. */
	let ahead: { review: Promise<JudgedCall | null>; stop: AbortController } | null = null;

	const ask = (step: number): Promise<CallUnderWay> => {
		const { lag } = context.experiment().conscience;
		const { framework, asked } = drawCall(questions, context.experiment());
		cadence = { ...cadence, nextCall: step + lag + 1 }; // until its end says how long the gap is to be
		return askPolicy(context, framework, asked, step, calls++);
	};

	return {
		async *before(step) {
			const { conscience, optimizer } = context.experiment();
			const working: RunEvent = { kind: 'progress', phase: 'conscience', done: step, total: optimizer.steps, secondsLeft: null };
			const isCalled = !underWay && step >= cadence.nextCall && step + conscience.lag < optimizer.steps;
			if (isCalled || (underWay && underWay.due <= step)) yield working;
			if (isCalled) underWay = await ask(step);
			if (!underWay) return NOTHING;
			if (underWay.due > step) {
				if (conscience.judge === 'webllm') ahead ??= readAhead(context, underWay, mends);
				return NOTHING;
			}
			const { found, events, flagged } = await settle(context, underWay, mends, ahead?.review);
			const { interval, nextCall } = afterCall(conscience.cadence, cadence, underWay.step, flagged);
			cadence = { interval, nextCall: Math.max(nextCall, step + 1) }; // one call at a time, and the step of its end is over
			[underWay, ahead] = [null, null];
			yield* events;
			return found;
		},
		next: () => cadence.nextCall,
		adjust(before, step) {
			const { cadence: now } = context.experiment().conscience;
			if (JSON.stringify(now) !== JSON.stringify(before.conscience.cadence)) cadence = restartCadence(now, cadence, step);
			ahead?.stop.abort(); // the call under way is judged by what holds when its lessons are due
			ahead = null;
		},
		state: () => ({ questions: questions.state(), cadence, calls, underWay }),
	};
}

export const NOTHING: Found = { pairs: [], reviews: [] };

/** Whatever goes wrong ahead of time is asked again, and told, when the lessons are due. */
function readAhead(context: ArmContext, call: CallUnderWay, mends: boolean): { review: Promise<JudgedCall | null>; stop: AbortController } {
	const stop = new AbortController();
	return { review: review(context, call, mends, AbortSignal.any([context.signal, stop.signal])).catch(() => null), stop };
}

/** The end of a call: what it found, and the share of answers that were flagged. */
async function settle(
	context: ArmContext,
	call: CallUnderWay,
	mends: boolean,
	ahead: Promise<JudgedCall | null> | undefined,
): Promise<{ found: Found; events: RunEvent[]; flagged: number }> {
	const start = performance.now();
	const { step, framework } = call;
	const reviewed = (await ahead) ?? (await review(context, call, mends, context.signal));
	const reviewSeconds = (performance.now() - start) / 1000;
	const pairs = await pairsOf(reviewed.call, step, context);
	const referenceTokens = pairs.reduce((sum, { prompt, chosen, rejected }) => sum + prompt.length + chosen.length + rejected.length, 0);
	const seconds = call.seconds + (performance.now() - start) / 1000;
	context.spend((overhead) => addCall(overhead, reviewed.call, referenceTokens, seconds));
	const { used } = reviewed;
	if (used) context.spend((overhead) => addMemory(overhead, used));
	const { gated } = call;
	if (gated) {
		const { verdicts, alternatives } = reviewed.call.tokens;
		const reviewTokens = verdicts.read + verdicts.written + alternatives.read + alternatives.written;
		context.spend((overhead) => addGate(overhead, { ...gated, judged: call.drafts.answers.length, reviewTokens, reviewSeconds }));
	}
	const reviews = reviewed.call.reviewed.map((answer) => ({ ...answer, framework }));
	const records = await recordsOf(reviews, reviewed.judge, step, (id) => isTurned(context, id));
	const events: RunEvent[] = [];
	if (reviews.length > 0) events.push({ kind: 'verdicts', step, verdicts: records.verdicts, refused: records.refused });
	if (records.pairs.length > 0) events.push({ kind: 'pairs', step, pairs: records.pairs });
	const answers = reviews.length + (gated?.passed ?? 0);
	return { found: { pairs, reviews }, events, flagged: reviews.filter((answer) => answer.flagged).length / answers };
}
