import { describe, expect, test } from 'vitest';

import { clusterBootstrap } from '$lib/evaluation/bootstrap';
import { detectable, questionsNeeded, seedsNeeded, varianceComponents } from '$lib/evaluation/power';
import { exactInterval, rateInterval } from '$lib/evaluation/rates';
import { holm, pValue } from '$lib/evaluation/significance';
import { clusteredMean, differencesByKey, type Observation, pairedDifference } from '$lib/evaluation/statistics';

import golden from './intervals.json';

type Interval = [number, number];
const observed = (rows: (typeof golden.arms)['a']) =>
	rows.map(({ question, seed, value }) => ({ cluster: question, key: `${seed}/${question}`, value }));
const arms = { a: observed(golden.arms.a), b: observed(golden.arms.b) };
/** The same, with the seed that each is of. */
const seeded = (arm: 'a' | 'b') => arms[arm].map((entry, i) => ({ ...entry, seed: golden.arms[arm][i]!.seed }));

/** Ends within a share of the interval's width of those expected. */
function expectEnds(found: Interval | null, expected: readonly number[], share: number): void {
	const [low, high] = expected as Interval;
	expect(Math.abs(found![0] - low)).toBeLessThan(share * (high - low));
	expect(Math.abs(found![1] - high)).toBeLessThan(share * (high - low));
}

test.each(['a', 'b'] as const)('mean, clustered error and t interval of arm %s are those of cluster-robust regression', (name) => {
	const expected = golden.clustered[name];
	const found = clusteredMean(arms[name]);
	expect(found.mean).toBeCloseTo(expected.mean, 10);
	expect(found.se).toBeCloseTo(expected.se, 10);
	expectEnds(found.ci, expected.ci, 1e-7); // the t quantile's own accuracy
});

test('the paired difference, too, with its p value', () => {
	const found = pairedDifference(arms.a, arms.b);
	expect(found.mean).toBeCloseTo(golden.difference.mean, 10);
	expect(found.se).toBeCloseTo(golden.difference.se, 10);
	expectEnds(found.ci, golden.difference.ci, 1e-7);
	expect(pValue(found)! / golden.difference.p).toBeCloseTo(1, 8);
});

describe('over questions and seeds', () => {
	test('mean, error, t interval and p value of arm a are those of two-way cluster-robust regression', () => {
		const expected = golden.crossed.a;
		const found = clusteredMean(seeded('a'));
		expect(found).toMatchObject({ clusters: 24, seeds: 5 });
		expect(found.mean).toBeCloseTo(expected.mean, 10);
		expect(found.se).toBeCloseTo(expected.se, 10);
		expect(found.se).toBeGreaterThan(1.2 * Math.max(...expected.oneWay));
		expectEnds(found.ci, expected.ci, 1e-7);
		expect(pValue(found)! / expected.p).toBeCloseTo(1, 7);
	});

	test('so is that of the paired difference', () => {
		const { mean, se, oneWay } = golden.crossed['a - b'];
		const found = pairedDifference(seeded('a'), seeded('b'));
		expect(found.mean).toBeCloseTo(mean, 10);
		expect(found.se).toBeCloseTo(Math.max(se, ...oneWay), 10);
	});

	test('of arm b, whose seeds do next to nothing, the sum is smaller than the error over questions: that is the least', () => {
		const { se, oneWay } = golden.crossed.b;
		expect(se).toBeLessThan(oneWay[0]!);
		expect(clusteredMean(seeded('b')).se).toBeCloseTo(oneWay[0]!, 10);
	});
});

// Two draws of the clusters agree as far as their numbers allow: SciPy's 200,000 and ours of 50,000 within 2 % of the width.
test.each(['a', 'b'] as const)('the cluster bootstrap of arm %s is that of SciPy', (name) => {
	expectEnds(clusterBootstrap(arms[name], 3, 50_000), golden.bootstrap[name], 0.02);
	expectEnds(clusterBootstrap(arms[name]), golden.bootstrap[name], 0.1); // with the 2000 draws of a summary
});

test('p values are raised as statsmodels raises them', () => {
	holm(golden.holm.p).forEach((p, i) => expect(p).toBeCloseTo(golden.holm.raised[i]!, 12));
});

describe('exact intervals of a rate are those of SciPy', () => {
	test.each([...golden.rates, golden.fractional])('$events of $of', ({ events, of, interval }) => {
		exactInterval(events, of).forEach((end, i) => expect(end).toBeCloseTo(interval[i]!, 9));
	});
});

describe('intervals of a share are Korn and Graubard’s', () => {
	const found = (observations: readonly Observation[], above: number) =>
		rateInterval(observations.map((entry) => ({ ...entry, value: Number(entry.value > above) })))!.clustered;
	test.each(golden.clusteredRates)('above $above, over questions', ({ above, interval }) => {
		expectEnds(found(arms.a, above), interval, 1e-6);
	});
	test.each(golden.crossedRates)('above $above, over questions and seeds', ({ above, interval }) => {
		expectEnds(found(seeded('a'), above), interval, 1e-6);
	});
});

test('variance components are those of the two-way analysis of variance', () => {
	const cells = differencesByKey(arms.a, arms.b).map(({ key, cluster, value }) => ({ question: cluster, seed: parseInt(key), value }));
	const found = varianceComponents(cells)!;
	for (const name of ['question', 'seed', 'residual'] as const) expect(found[name]).toBeCloseTo(golden.components[name], 9);
});

// Ours adds two quantiles of Student's t where statsmodels takes the non-central one: they part by a question at most.
test.each(golden.power)('a difference of $d standard deviations needs the questions that statsmodels says', ({ d, questions }) => {
	const spread = { question: 1, seed: null, residual: 0, questions: 2, seeds: 1 };
	expect(Math.abs(questionsNeeded(d, spread, 1)! - questions)).toBeLessThanOrEqual(1);
});

test('what is needed is what is enough, and no number of questions does the work of seeds', () => {
	const spread = { question: 4, seed: 1, residual: 8, questions: 24, seeds: 5 };
	const [questions, seeds] = [questionsNeeded(2, spread, 6)!, seedsNeeded(2, spread, 24)!];
	expect(detectable(spread, questions, 6)).toBeLessThanOrEqual(2);
	expect(detectable(spread, questions - 1, 6)).toBeGreaterThan(2);
	expect(detectable(spread, 24, seeds)).toBeLessThanOrEqual(2);
	expect(detectable(spread, 24, seeds - 1)).toBeGreaterThan(2);
	expect(questionsNeeded(0.5, spread, 5)).toBeNull();
	expect(seedsNeeded(0.5, spread, 2)).toBeNull();
});
