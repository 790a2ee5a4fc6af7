import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { clusteredMean, pairedDifference } from '$lib/evaluation/statistics';

describe('clusteredMean', () => {
	test('with one observation a cluster it is the ordinary standard error of the mean', () => {
		const values = [3, 7, 1, 9, 5];
		const { mean, se, ci, clusters } = clusteredMean(values.map((value, i) => ({ cluster: String(i), value })));
		const variance = values.reduce((sum, value) => sum + (value - 5) ** 2, 0) / 4;
		expect(mean).toBe(5);
		expect(se).toBeCloseTo(Math.sqrt(variance / 5), 12);
		expect(clusters).toBe(5);
		expect(ci![1] - 5).toBeCloseTo(2.7764451051977987 * se!, 6); // t(0.975, 4)
	});

	test('copies of the same answers within a question add no certainty', () => {
		const once = [1, 0, 0.5, 1].map((value, i) => ({ cluster: `q${i}`, value }));
		const often = once.flatMap((observation) => Array.from({ length: 10 }, () => observation));
		expect(clusteredMean(often).se).toBeCloseTo(clusteredMean(once).se!, 12);
	});

	test('what a seed does to all questions alike is in the error only where seeds are told apart', () => {
		const rows = [0, 1, 2].flatMap((seed) => [3, 7, 1, 9].map((value, q) => ({ cluster: `q${q}`, seed, value: value + 10 * seed })));
		const [both, questions] = [clusteredMean(rows), clusteredMean(rows.map(({ cluster, value }) => ({ cluster, value })))];
		expect(both).toMatchObject({ mean: questions.mean, clusters: 4, seeds: 3 });
		expect(questions).not.toHaveProperty('seeds');
		expect(both.se! / questions.se!).toBeGreaterThan(3);
		expect(clusteredMean(rows.filter(({ seed }) => seed === 1))).toEqual(clusteredMean(rows.slice(4, 8).map(({ cluster, value }) => ({ cluster, value })))); // prettier-ignore
	});

	test('one cluster alone has no standard error, and nothing has no mean', () => {
		expect(clusteredMean([{ cluster: 'q', value: 4 }])).toEqual({ mean: 4, se: null, ci: null, clusters: 1 });
		expect(clusteredMean([]).mean).toBeNaN();
	});

	test('shifting and scaling the values shifts and scales mean and error', () => {
		const observations = fc.array(
			fc.record({ cluster: fc.constantFrom('a', 'b', 'c', 'd'), value: fc.double({ min: -100, max: 100, noNaN: true }) }),
			{
				minLength: 2,
				maxLength: 40,
			},
		);
		fc.assert(
			fc.property(observations, (rows) => {
				const before = clusteredMean(rows);
				const after = clusteredMean(rows.map(({ cluster, value }) => ({ cluster, value: 3 * value + 10 })));
				expect(after.mean).toBeCloseTo(3 * before.mean + 10, 8);
				if (before.se !== null) expect(after.se).toBeCloseTo(3 * before.se, 8);
			}),
		);
	});
});

describe('pairedDifference', () => {
	const arm = (values: number[]) => values.map((value, i) => ({ key: `1/q${i}`, cluster: `q${i}`, value }));

	test('what both arms share cancels, so a constant difference has no error', () => {
		const { mean, se } = pairedDifference(arm([10, 60, 35]), arm([8, 58, 33]));
		expect(mean).toBeCloseTo(2, 12);
		expect(se).toBeCloseTo(0, 12);
	});

	test('only keys of both arms count', () => {
		expect(pairedDifference(arm([10, 20]), arm([5, 10, 900])).mean).toBe(7.5);
	});

	test('arms that share nothing are an error', () => {
		expect(() => pairedDifference(arm([1]), [{ key: '2/q0', cluster: 'q0', value: 1 }])).toThrow('share no seed and question');
	});
});
