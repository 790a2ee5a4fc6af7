import type { Verdict } from '$lib/conscience/judge';
import type { TrueLabel } from '$lib/evaluation/evaluation';
import type { PairRecord, RunEvent, VerdictRecord } from '$lib/experiment/events';

/** What the conscience wrote in the place of an answer that it flagged. */
export interface Alternative {
	answer: string;
	verdict: Verdict;
	/** The pair that it became; null for an alternative that the judge refused. */
	pairId: string | null;
	/** Known of pairs only. */
	trueLabel: TrueLabel | null;
	/** The pair is learnt the other way round: see `conscience.labelNoise`. */
	turned?: boolean;
}

/** One answer of the policy with all that the conscience said of it. */
export interface Card extends VerdictRecord {
	alternative: Alternative | null;
}

/** How often the conscience was called and what came of it: one entry for each call. */
export interface Call {
	step: number;
	asked: number;
	flagged: number;
	pairs: number;
}

/** A card for each verdict of one call, with the alternatives that were refused. */
export function cardsOf({ verdicts, refused }: Extract<RunEvent, { kind: 'verdicts' }>): Card[] {
	const refusedOf = new Map(refused.map((alternative) => [alternative.verdictId, alternative]));
	return verdicts.map((verdict) => {
		const alternative = refusedOf.get(verdict.id);
		return {
			...verdict,
			alternative: alternative ? { answer: alternative.answer, verdict: alternative.verdict, pairId: null, trueLabel: null } : null,
		};
	});
}

/** `card` with the pair that its answer became part of. */
export function withPair(card: Card, { id, chosen, chosenVerdict, chosenTrueLabel, turned }: PairRecord): Card {
	const pair = { answer: chosen, verdict: chosenVerdict, pairId: id, trueLabel: chosenTrueLabel };
	return { ...card, alternative: { ...pair, ...(turned && { turned }) } };
}

/** True where some of the pairs are learnt the other way round, so that what is called chosen is not always the better answer. */
export const areTurned = (cards: readonly Card[]): boolean => cards.some(({ alternative }) => alternative?.turned);

/** Answers that the reader has pinned, by verdict. */
export type Pins = ReadonlySet<string>;

export const NO_PINS: Pins = new Set();

/** `pins` with an answer pinned, or without it. */
export function withPin(pins: Pins, verdictId: string, pinned: boolean): Pins {
	const changed = new Set(pins);
	if (pinned) changed.add(verdictId);
	else changed.delete(verdictId);
	return changed;
}
