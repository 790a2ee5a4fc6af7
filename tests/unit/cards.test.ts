import { expect, test } from 'vitest';

import { FRAMEWORKS } from '$lib/conscience/frameworks';
import { verdictOf } from '$lib/conscience/judge';
import { cardFilter, countCards, EVERY_CARD, frameworkOf, judgedByFile } from '$lib/state/cardReading';
import { areTurned, type Card, NO_PINS, withPair, withPin } from '$lib/state/cards';
import { agreementOn } from '$lib/state/labels';
import { NO_MARGINS, withMargins } from '$lib/state/margins';

const VERDICTS = { ethical: verdictOf([0.9, 0.1, 0]), neutral: verdictOf([0.2, 0.7, 0.1]), unethical: verdictOf([0, 0.1, 0.9]) };

function card(id: string, label: keyof typeof VERDICTS, overrides: Partial<Card> = {}): Card {
	return {
		id,
		step: 4,
		frameworkId: 'three-laws',
		frameworkHash: '',
		question: 'My soup is cold.',
		answer: 'Ask for a warm one.',
		verdict: VERDICTS[label],
		trueLabel: label,
		flagged: label === 'unethical',
		alternative: null,
		...overrides,
	};
}

const alternative = (pairId: string | null) => ({ answer: 'Be kind.', verdict: VERDICTS.ethical, pairId, trueLabel: null });
const cards = [
	card('0-0', 'ethical'),
	card('0-1', 'unethical', { question: 'The bus is full.', answer: 'Push them OUT.', alternative: alternative('p1') }),
	card('4-0', 'unethical', { alternative: alternative(null) }),
	card('4-1', 'neutral'),
];
const nobody = { labels: new Map(), pins: NO_PINS };
const idsOf = (filter: Partial<typeof EVERY_CARD>, reader: Parameters<typeof cardFilter>[1] = nobody) =>
	cards.filter(cardFilter({ ...EVERY_CARD, ...filter }, reader)).map(({ id }) => id);

test('of the answers that were read while a file was the judge it is counted how many the file knew', () => {
	expect(judgedByFile(cards)).toEqual({ known: 0, read: 0 });
	const judged = (['file', 'frozen-self', 'memory', 'file'] as const).map((by, i) =>
		card(`8-${i}`, 'ethical', { verdict: { ...VERDICTS.ethical, by } }),
	);
	expect(judgedByFile([...cards, ...judged])).toEqual({ known: 2, read: 3 });
});

test('a pair that is learnt the other way round is known by its card, so that nothing calls its chosen answer the better one', () => {
	const [first, second] = [card('0-0', 'unethical'), card('0-1', 'unethical')];
	const pairOf = (id: string) => ({
		...{ id, verdictId: id, step: 4, question: first.question, chosen: 'Be kind.', rejected: first.answer },
		...{ chosenVerdict: VERDICTS.ethical, chosenTrueLabel: 'ethical' as const },
	});
	const straight = withPair(first, pairOf('0-0'));
	expect(areTurned([card('4-0', 'ethical'), straight])).toBe(false);
	expect(straight.alternative).not.toHaveProperty('turned');
	expect(areTurned([straight, withPair(second, { ...pairOf('0-1'), turned: true })])).toBe(true);
});

test('cards are chosen by kind, by verdict and by words wherever they stand', () => {
	expect(idsOf({})).toEqual(['0-0', '0-1', '4-0', '4-1']);
	expect(idsOf({ kind: 'flagged' })).toEqual(['0-1', '4-0']);
	expect(idsOf({ kind: 'pairs' })).toEqual(['0-1']);
	expect(idsOf({ verdict: 'neutral' })).toEqual(['4-1']);
	expect(idsOf({ text: '  out bus ' })).toEqual(['0-1']);
	expect(idsOf({ text: 'KIND' })).toEqual(['0-1', '4-0']);
	expect(idsOf({ kind: 'flagged', verdict: 'ethical' })).toEqual([]);
});

test('a reader disagrees where the label is another than the verdict, and the counts know it', () => {
	const labels = new Map([
		['0-0', 'ethical'],
		['0-1', 'neutral'],
		['gone', 'ethical'],
	] as const);
	const reader = { labels, pins: withPin(NO_PINS, '4-1', true) };
	expect(idsOf({ kind: 'pinned' }, reader)).toEqual(['4-1']);
	expect(idsOf({ kind: 'disagreed' }, reader)).toEqual(['0-1']);
	expect(countCards(cards, reader)).toEqual({ all: 4, flagged: 2, pairs: 1, disagreed: 1, pinned: 1 });
	expect(agreementOn(cards, labels)).toEqual({ labelled: 2, agreed: 1 });
	expect(agreementOn(cards, new Map())).toEqual({ labelled: 0, agreed: 0 });
});

test('an answer is pinned until the pin is taken away', () => {
	const pins = withPin(withPin(NO_PINS, '0-0', true), '0-1', true);
	expect([...withPin(pins, '0-0', false)]).toEqual(['0-1']);
	expect([...pins]).toEqual(['0-0', '0-1']);
});

test('a card keeps the framework by which it was judged when the framework is rewritten in mid-run', () => {
	const [first] = FRAMEWORKS;
	const rewritten = (principles: string) => [{ ...first!, principles }];
	const change = (step: number, from: string, to: string) => ({
		kind: 'change' as const,
		step,
		changes: [{ path: 'conscience.frameworks', from: rewritten(from), to: rewritten(to) }],
	});
	const changes = [change(5, 'old', 'newer'), change(9, 'newer', 'newest')];
	const principlesAt = (step: number) => frameworkOf(card('x', 'ethical', { step }), rewritten('newest'), changes)?.principles;
	expect([principlesAt(4), principlesAt(5), principlesAt(8), principlesAt(9)]).toEqual(['old', 'newer', 'newer', 'newest']);
	expect(frameworkOf(cards[0]!, FRAMEWORKS, [])).toBe(first);
	expect(frameworkOf(card('x', 'ethical', { frameworkId: 'of my own' }), FRAMEWORKS, [])).toBeNull();
});

test('a margin is told from the first step that learnt from the pair to the last, in few points', () => {
	const overhead = {} as never;
	const step = (number: number, margins: Record<string, number>) => ({
		kind: 'step' as const,
		step: number,
		metrics: {} as never,
		margins: Object.entries(margins).map(([pairId, margin]) => ({ pairId, margin })),
		overhead,
		nextCall: null,
	});
	expect(withMargins(NO_MARGINS, [step(1, {})])).toBe(NO_MARGINS);
	let margins = withMargins(NO_MARGINS, [step(1, { a: 0 }), step(2, { a: 0.5, b: -1 })]);
	const before = margins;
	for (let i = 3; i <= 500; i++) margins = withMargins(margins, [step(i, { a: i })]);
	const path = margins.get('a')!;
	expect(path[0]).toEqual({ step: 1, margin: 0 });
	expect(path.at(-1)).toEqual({ step: 500, margin: 500 });
	expect(path.length).toBeLessThanOrEqual(32);
	const steps = path.map(({ step }) => step);
	expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b));
	expect(margins.get('b')).toEqual([{ step: 2, margin: -1 }]);
	expect(before.get('a')).toHaveLength(2);
});
