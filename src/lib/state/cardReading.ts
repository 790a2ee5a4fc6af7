/** What a reader looks for in the cards, and what can be read from them. */
import type { Framework } from '$lib/conscience/frameworks';
import type { Label, Verdict } from '$lib/conscience/judge';
import type { TrueLabel } from '$lib/evaluation/evaluation';
import type { RunEvent } from '$lib/experiment/events';

import type { Card, Pins } from './cards';
import type { Labels } from './labels';

/** Judge and grammar see an answer differently. Of text that the grammar can't read there is nothing to agree on. */
export function disagrees(verdict: Verdict, trueLabel: TrueLabel | null): boolean {
	return trueLabel !== null && trueLabel !== 'incoherent' && trueLabel !== verdict.label;
}

/** How many answers were read while a file of verdicts was the judge, and how many of them it knew. */
export function judgedByFile(cards: readonly Card[]): { known: number; read: number } {
	const counts = { known: 0, read: 0 };
	for (const { verdict } of cards) {
		if (verdict.by === undefined || verdict.by === 'memory') continue; // no file was asked
		counts.read++;
		if (verdict.by === 'file') counts.known++;
	}
	return counts;
}

/** What the reader has made of the cards. */
export interface Reader {
	labels: Labels;
	pins: Pins;
}

/** The kinds of card that can be asked for. `pairs` became something to learn from; of `disagreed` the reader said another thing than the judge. */
export const CARD_KINDS = {
	all: () => true,
	flagged: ({ flagged }) => flagged,
	pairs: ({ alternative }) => alternative?.pairId != null,
	disagreed: ({ id, verdict }, { labels }) => labels.has(id) && labels.get(id) !== verdict.label,
	pinned: ({ id }, { pins }) => pins.has(id),
} satisfies Record<string, (card: Card, reader: Reader) => boolean>;
export type CardKind = keyof typeof CARD_KINDS;

/** Which cards to show: of this kind, with this verdict (null: any), and with each of these words in what was asked or said. */
export interface CardFilter {
	kind: CardKind;
	verdict: Label | null;
	text: string;
}

export const EVERY_CARD: CardFilter = { kind: 'all', verdict: null, text: '' };

/** Which cards pass, as a function of one card. */
export function cardFilter({ kind, verdict, text }: CardFilter, reader: Reader): (card: Card) => boolean {
	const words = text.toLowerCase().split(/\s+/).filter(Boolean);
	const isOfKind: (card: Card, reader: Reader) => boolean = CARD_KINDS[kind];
	return (card) =>
		isOfKind(card, reader) && (verdict === null || card.verdict.label === verdict) && (words.length === 0 || holds(card, words));
}

function holds({ question, answer, alternative }: Card, words: readonly string[]): boolean {
	const text = `${question}\n${answer}\n${alternative?.answer ?? ''}`.toLowerCase();
	return words.every((word) => text.includes(word));
}

/** How many cards there are of each kind. */
export function countCards(cards: readonly Card[], reader: Reader): Record<CardKind, number> {
	const counts = { all: 0, flagged: 0, pairs: 0, disagreed: 0, pinned: 0 };
	const kinds = Object.entries(CARD_KINDS) as [CardKind, (card: Card, reader: Reader) => boolean][];
	for (const card of cards) {
		for (const [kind, isOfKind] of kinds) if (isOfKind(card, reader)) counts[kind]++;
	}
	return counts;
}

/**
 * The framework by which a card was judged, as it read then: a framework can be rewritten while the run goes on. `frameworks` are those of
 * the run, as it began or as it stands. Null where the run knows it no more.
 */
export function frameworkOf(
	{ step, frameworkId }: Card,
	frameworks: readonly Framework[],
	changes: readonly Extract<RunEvent, { kind: 'change' }>[],
): Framework | null {
	const rewritings = changes.flatMap((event) =>
		event.changes.flatMap(({ path, from, to }) =>
			path === 'conscience.frameworks' ? [{ step: event.step, from: from as Framework[], to: to as Framework[] }] : [],
		),
	);
	const before = rewritings.findLast((rewriting) => rewriting.step <= step);
	const then = before?.to ?? rewritings[0]?.from ?? frameworks;
	return then.find(({ id }) => id === frameworkId) ?? null;
}
