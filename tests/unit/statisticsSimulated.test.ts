import { describe, expect, test } from 'vitest';

import { clusterBootstrap } from '$lib/evaluation/bootstrap';
import { detectable, varianceComponents } from '$lib/evaluation/power';
import { rateInterval } from '$lib/evaluation/rates';
import { pValue } from '$lib/evaluation/significance';
import { clusteredMean, type Interval, type Observation, pairedDifference, type PairedObservation } from '$lib/evaluation/statistics';
import { normal, type Random, seededRandom } from '$lib/model/random';

const QUESTIONS = 24;
const holds = (interval: Interval | null, truth: number) => interval !== null && interval[0] <= truth && truth <= interval[1];

/** Answers to 24 questions with effects of their own; `answers` says how many a question has. */
const draw = (random: Random, answers: (question: number) => number): Observation[] =>
	Array.from({ length: QUESTIONS }, (_, q) => {
		const middle = 60 + 10 * normal(random);
		return Array.from({ length: answers(q) }, () => ({ cluster: `q${q}`, value: middle + 15 * normal(random) }));
	}).flat();

const share = (repetitions: number, happens: (i: number) => boolean) =>
	Array.from({ length: repetitions }, (_, i) => happens(i)).filter(Boolean).length / repetitions;

describe('95 % intervals over 24 questions', () => {
	// 4000 repetitions know a coverage of 95 % to 0.7 points.
	test('the t interval holds the true mean in 93 to 97 % of repetitions', () => {
		const random = seededRandom(1, 'coverage');
		const coverage = share(4000, () => holds(clusteredMean(draw(random, () => 8)).ci, 60));
		expect(coverage).toBeGreaterThan(0.93);
		expect(coverage).toBeLessThan(0.97);
	});

	test('so it does where one answer cluster is four times another', () => {
		const random = seededRandom(2, 'coverage');
		const coverage = share(4000, () => holds(clusteredMean(draw(random, (q) => (q % 2 ? 2 : 8))).ci, 60));
		expect(coverage).toBeGreaterThan(0.93);
		expect(coverage).toBeLessThan(0.97);
	});

	test('an interval that takes every answer for independent does not', () => {
		const random = seededRandom(3, 'coverage');
		const naive = (rows: Observation[]) => clusteredMean(rows.map(({ value }, i) => ({ cluster: String(i), value }))).ci;
		expect(share(1000, () => holds(naive(draw(random, () => 8)), 60))).toBeLessThan(0.8);
	});

	test('the bootstrap is somewhat too narrow, as it is known to be', () => {
		const random = seededRandom(4, 'coverage');
		const coverage = share(1000, (i) =>
			holds(
				clusterBootstrap(
					draw(random, () => 4),
					i,
					400,
				),
				60,
			),
		);
		expect(coverage).toBeGreaterThan(0.9);
		expect(coverage).toBeLessThan(0.965);
	});

	test('equal seeds draw equal intervals, and a single cluster has none', () => {
		const rows = draw(seededRandom(5), () => 3);
		expect(clusterBootstrap(rows)).toEqual(clusterBootstrap(rows));
		expect(clusterBootstrap(rows, 1)).not.toEqual(clusterBootstrap(rows, 2));
		expect(clusterBootstrap([{ cluster: 'q', value: 1 }])).toBeNull();
	});
});

/** 24 questions × 5 seeds, one answer each; what a seed does it does to all questions. */
const crossed = (random: Random, mean: number): (Observation & { seed: number })[] => {
	const questions = Array.from({ length: QUESTIONS }, () => 10 * normal(random));
	return Array.from({ length: 5 }, (_, seed) => {
		const ofSeed = 8 * normal(random);
		return questions.map((of, q) => ({ cluster: `q${q}`, seed, value: mean + of + ofSeed + 15 * normal(random) }));
	}).flat();
};

describe('95 % intervals over 24 questions × 5 seeds, where seeds matter', () => {
	// 2000 repetitions know a coverage of 95 % to a point.
	const coverage = (interval: (rows: ReturnType<typeof crossed>) => Interval | null) => {
		const random = seededRandom(8, 'coverage');
		return share(2000, () => holds(interval(crossed(random, 60)), 60));
	};

	test('over both they hold the true mean', () => {
		const both = coverage((rows) => clusteredMean(rows).ci);
		expect(both).toBeGreaterThan(0.92);
		expect(both).toBeLessThan(0.985);
	});

	test('over questions alone they do not', () => {
		expect(coverage((rows) => clusteredMean(rows.map(({ cluster, value }) => ({ cluster, value }))).ci)).toBeLessThan(0.85);
	});

	test('the difference that can be found is found in four of five tries, or a little more often', () => {
		const d = detectable({ question: 100, seed: 64, residual: 225, questions: QUESTIONS, seeds: 5 }, QUESTIONS, 5)!;
		const random = seededRandom(9, 'coverage');
		const power = share(2000, () => pValue(clusteredMean(crossed(random, d)))! < 0.05);
		expect(power).toBeGreaterThan(0.77);
		expect(power).toBeLessThan(0.9);
	});
});

/** Two arms that share what is easy and what is lucky, and differ by `effect`. */
function arms(seed: number, effect: number): [PairedObservation[], PairedObservation[]] {
	const random = seededRandom(seed, 'arms');
	const shared = Array.from({ length: QUESTIONS }, () => 20 * normal(random));
	const arm = (mean: number) =>
		shared.map((level, q) => ({ key: `${seed}/q${q}`, cluster: `q${q}`, value: mean + level + 5 * normal(random) }));
	return [arm(60 + effect), arm(60)];
}

describe('paired differences on 20 seeds', () => {
	const found = (effect: number) => share(20, (seed) => (pValue(pairedDifference(...arms(seed, effect))) ?? 1) < 0.05);
	test('find an effect that was planted, though questions differ by far more', () => expect(found(5)).toBeGreaterThanOrEqual(0.85));
	// At 5 % a null is taken for an effect once in twenty seeds; four or more of twenty would come of chance once in sixty.
	test('find none where there is none', () => expect(found(0)).toBeLessThanOrEqual(0.15));
});

test('the difference that can be found is found in four of five tries', () => {
	const spread = { question: 9, seed: null, residual: 0, questions: QUESTIONS, seeds: 1 };
	const random = seededRandom(6, 'power');
	const d = detectable(spread, QUESTIONS, 1)!;
	const power = share(4000, () => {
		const rows = Array.from({ length: QUESTIONS }, (_, q) => ({ cluster: `q${q}`, value: d + 3 * normal(random) }));
		return pValue(clusteredMean(rows))! < 0.05;
	});
	expect(power).toBeGreaterThan(0.77);
	expect(power).toBeLessThan(0.83);
});

test('the components of a made-up table are found again', () => {
	const random = seededRandom(7, 'components');
	const [questions, seeds] = [Array.from({ length: 400 }, () => 3 * normal(random)), Array.from({ length: 60 }, () => 2 * normal(random))];
	const cells = questions.flatMap((q, i) => seeds.map((s, seed) => ({ question: `q${i}`, seed, value: q + s + 4 * normal(random) })));
	const { question, seed, residual } = varianceComponents(cells)!;
	expect(question).toBeCloseTo(9, -0.5);
	expect(Math.abs(seed! - 4)).toBeLessThan(1.5); // 60 seeds know a variance to a fifth of it
	expect(residual).toBeCloseTo(16, 0);
});

describe('rateInterval', () => {
	const rows = (values: number[]) => values.map((value, i) => ({ cluster: `q${i % 24}`, value }));
	test('none of 192 answers to 24 questions is no proof of none', () => {
		const { events, answers, independent, clustered } = rateInterval(rows(new Array<number>(192).fill(0)))!;
		expect([events, answers]).toEqual([0, 192]);
		expect(independent[1]).toBeCloseTo(1 - 0.025 ** (1 / 192), 10);
		expect(clustered[1]).toBeCloseTo(1 - 0.025 ** (1 / 24), 10);
		expect([independent[0], clustered[0]]).toEqual([0, 0]);
	});

	test('all of them is its mirror image', () => {
		expect(rateInterval(rows(new Array<number>(192).fill(1)))!.clustered[0]).toBeCloseTo(0.025 ** (1 / 24), 10);
	});

	test('answers that agree within a question count for less', () => {
		const { independent, clustered } = rateInterval(
			Array.from({ length: 192 }, (_, i) => ({ cluster: `q${i % 24}`, value: i % 24 < 6 ? 1 : 0 })),
		)!;
		expect(clustered[1] - clustered[0]).toBeGreaterThan(2 * (independent[1] - independent[0]));
	});

	test('24 questions know an error less well than 192 answers would: one answer of a kind alone counts for less than among independent ones', () => {
		const { independent, clustered } = rateInterval(rows([1, ...new Array<number>(191).fill(0)]))!;
		expect(clustered[1]).toBeGreaterThan(1.04 * independent[1]); // (2.069 / 1.973)² is 1.10
		expect(clustered[0]).toBeLessThan(independent[0]);
	});

	test('what is no share has no such interval', () => {
		expect(rateInterval([{ cluster: 'q', value: 0.5 }])).toBeNull();
		expect(rateInterval([])).toBeNull();
	});
});
