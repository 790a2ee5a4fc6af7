import { seededRandom } from '$lib/model/random';
import { DIVERGED, sampleToken } from '$lib/model/sampling';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const sampling = (temperature: number, topP: number) => ({ temperature, topP });
const softmax = (logits: Float32Array, temperature: number) => {
	const weights = Array.from(logits, (logit) => Math.exp((logit - Math.max(...logits)) / temperature));
	const total = weights.reduce((a, b) => a + b);
	return weights.map((weight) => weight / total);
};
/** How often each token is drawn, from 0 to 1. */
function frequencies(logits: Float32Array, temperature: number, topP: number, draws = 20_000): number[] {
	const random = seededRandom(5);
	const counts = Array<number>(logits.length).fill(0);
	for (let i = 0; i < draws; i++) counts[sampleToken(logits, sampling(temperature, topP), random())]! += 1 / draws;
	return counts;
}

describe('sampleToken', () => {
	const logits = Float32Array.of(1, 3, -2, 2.5, 0);

	it('takes the likeliest token at temperature 0, whatever the random number', () => {
		for (const point of [0, 0.999, NaN]) expect(sampleToken(logits, sampling(0, 0.3), point)).toBe(1);
	});

	it.each([0.5, 1, 2])('draws in proportion to softmax(logits / %d)', (temperature) => {
		const expected = softmax(logits, temperature);
		frequencies(logits, temperature, 1).forEach((share, token) => expect(Math.abs(share - expected[token]!)).toBeLessThan(0.012));
	});

	it('draws among the nucleus only, in the same proportions', () => {
		const p = softmax(logits, 1); // 1 and 3 have .87 together, 1 alone has .55
		const shares = frequencies(logits, 1, 0.8);
		const inside = p[1]! + p[3]!;
		expect(Math.abs(shares[1]! - p[1]! / inside)).toBeLessThan(0.012);
		expect([shares[0], shares[2], shares[4]]).toEqual([0, 0, 0]);
		expect(frequencies(logits, 1, 0.5)[1]).toBeCloseTo(1, 9);
	});

	it('finds the nucleus that sorting the whole vocabulary finds', () => {
		const values = fc.array(fc.float({ min: -30, max: 30, noNaN: true }), { minLength: 1, maxLength: 40 });
		const share = (max: number) => fc.double({ min: 0.01, max, noNaN: true });
		fc.assert(
			fc.property(values, share(0.99), share(0.999999), (numbers, topP, point) => {
				const row = Float32Array.from(numbers);
				const p = softmax(row, 1);
				const order = [...p.keys()].sort((a, b) => p[b]! - p[a]! || a - b);
				const before = order.map((_, i) => order.slice(0, i).reduce((sum, token) => sum + p[token]!, 0));
				const nucleus = order.filter((_, i) => before[i]! < topP - 1e-9);
				const edge = order.filter((_, i) => Math.abs(before[i]! - topP) <= 1e-9); // either way by rounding
				const drawn = p[sampleToken(row, sampling(1, topP), point)]!;
				// Of tokens that are equally likely but for rounding, either may stand for the other.
				expect([...nucleus, ...edge].some((token) => Math.abs(p[token]! - drawn) <= 1e-9)).toBe(true);
			}),
		);
	});

	it('draws nothing from scores of a model that has diverged', () => {
		for (const temperature of [0, 1]) expect(sampleToken(Float32Array.of(1, NaN, 2), sampling(temperature, 1), 0.5)).toBe(DIVERGED);
	});
});
