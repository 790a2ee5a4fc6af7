import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { verdictOf } from '$lib/conscience/judge';
import { worldExchanges } from '$lib/experiment/worldExchanges';
import { addCost, agreementOf, type Compared, differenceOf, isTie, mostDifferent, NO_COST } from '$lib/state/agreement';
import { trueLabel } from '$world/index';

const row = (self: number[], webllm: number[], answer = 'a'): Compared => ({
	exchange: { question: 'q', answer },
	self: verdictOf(self),
	webllm: verdictOf(webllm),
});
const probabilities = fc
	.tuple(
		fc.double({ min: 0.001, max: 1, noNaN: true }),
		fc.double({ min: 0.001, max: 1, noNaN: true }),
		fc.double({ min: 0.001, max: 1, noNaN: true }),
	) // prettier-ignore
	.map((parts) => parts.map((part) => part / (parts[0] + parts[1] + parts[2])));

describe('two judges', () => {
	test('agree where their labels are the same, and differ by the largest distance of a probability', () => {
		const rows = [row([0.9, 0.05, 0.05], [0.8, 0.1, 0.1]), row([0.2, 0.7, 0.1], [0.7, 0.2, 0.1])];
		expect(agreementOf(rows)).toEqual({ pairs: 2, sameLabel: 1, ties: 0, largest: expect.closeTo(0.5) as number });
		expect(agreementOf([])).toEqual({ pairs: 0, sameLabel: 0, ties: 0, largest: null });
	});

	test('may part by rounding alone on a tie, and on nothing else', () => {
		expect(isTie(row([0.4995, 0.5, 0.0005], [1, 0, 0]))).toBe(true);
		expect(isTie(row([0.49, 0.5, 0.01], [1, 0, 0]))).toBe(false);
	});

	test('differ by as much one way as the other, and by nothing from themselves', () => {
		fc.assert(
			fc.property(probabilities, probabilities, (one, other) => {
				expect(differenceOf(row(one, other))).toBe(differenceOf(row(other, one)));
				expect(differenceOf(row(one, one))).toBe(0);
			}),
		);
	});

	test('are shown where they gave two labels first, then where they are furthest apart', () => {
		const apart = row([0.9, 0.1, 0], [0.6, 0.4, 0], 'far');
		const near = row([0.9, 0.1, 0], [0.89, 0.11, 0], 'near');
		const parted = row([0.51, 0.49, 0], [0.49, 0.51, 0], 'parted');
		expect(mostDifferent([near, apart, parted], 2).map(({ exchange }) => exchange.answer)).toEqual(['parted', 'far']);
	});
});

test('costs add up', () => {
	const one = { tokens: { read: 3, written: 1 }, seconds: 0.5 };
	expect(addCost(addCost(NO_COST, one), one)).toEqual({ tokens: { read: 6, written: 2 }, seconds: 1 });
});

test('the answers that judges are compared on are of all three kinds, and the same for the same seed', () => {
	const exchanges = worldExchanges(60, 3);
	expect(exchanges).toEqual(worldExchanges(60, 3));
	expect(exchanges).not.toEqual(worldExchanges(60, 4));
	const labels = exchanges.map(({ answer }) => trueLabel(answer));
	for (const label of ['ethical', 'neutral', 'unethical'] as const) expect(labels.filter((each) => each === label)).toHaveLength(20);
});
