import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { type Label, LABELS, verdictOf } from '$lib/conscience/judge';
import { cohenKappa, krippendorffAlpha } from '$lib/evaluation/agreement';
import { correctedRate } from '$lib/evaluation/correctedRate';
import { type Tried, trialOf } from '$lib/evaluation/judgeTrial';
import { clusteredProportion, effectiveCount, proportion } from '$lib/evaluation/proportion';
import { type ReliabilityBin, reliabilityOf } from '$lib/evaluation/reliability';
import { seededRandom } from '$lib/model/random';

const label = fc.constantFrom(...LABELS);
const pairs = fc.array(fc.record({ cluster: fc.constantFrom('a', 'b', 'c', 'd'), first: label, second: label }), { maxLength: 60 });
const sure = (said: Label) => verdictOf(LABELS.map((other) => Number(other === said)));
const tried = (rows: readonly [truth: Label, verdict: Label][]): Tried[] =>
	rows.map(([truth, verdict], i) => ({ cluster: `q${i}`, truth, verdict: sure(verdict) }));

describe('κ', () => {
	test('is undefined without answers, and where both know one label only', () => {
		expect(cohenKappa([])).toBeNull();
		expect(cohenKappa(Array.from({ length: 5 }, (_, i) => ({ cluster: `${i}`, first: 'ethical', second: 'ethical' })))).toBeNull();
	});

	test('is 0 for a judge that always says the same, however often that is right', () => {
		const found = cohenKappa(LABELS.map((first, i) => ({ cluster: `${i}`, first, second: 'ethical' })))!;
		expect(found.mean).toBeCloseTo(0, 12);
	});

	test('is 1 without an interval where nobody disagrees: few answers would look as sure as many', () => {
		const found = cohenKappa(LABELS.map((first, i) => ({ cluster: `${i}`, first, second: first })));
		expect(found).toMatchObject({ mean: 1, se: null, ci: null });
	});

	test('knows no error of one question alone', () => {
		const rows = [
			['ethical', 'ethical'],
			['neutral', 'ethical'],
			['unethical', 'unethical'],
		] as const;
		expect(cohenKappa(rows.map(([first, second]) => ({ cluster: 'q', first, second })))).toMatchObject({ se: null, ci: null });
	});

	test('does not change when the two are exchanged, and lies in its interval, within -1 and 1', () => {
		fc.assert(
			fc.property(pairs, (rows) => {
				const [found, exchanged] = [cohenKappa(rows), cohenKappa(rows.map(({ cluster, first, second }) => ({ cluster, first: second, second: first })))]; // prettier-ignore
				if (!found) return void expect(exchanged).toBeNull();
				expect(exchanged!.mean).toBeCloseTo(found.mean, 10);
				if (found.se !== null) expect(exchanged!.se).toBeCloseTo(found.se, 10);
				if (!found.ci) return;
				expect(found.ci[0]).toBeGreaterThanOrEqual(-1);
				expect(found.ci[1]).toBeLessThanOrEqual(1);
				expect(found.mean).toBeGreaterThanOrEqual(found.ci[0]);
				expect(found.mean).toBeLessThanOrEqual(found.ci[1]);
			}),
		);
	});

	test('copies of the same answers to a question add no certainty', () => {
		const once = Array.from({ length: 12 }, (_, i) => ({ cluster: `${i}`, first: LABELS[i % 3]!, second: LABELS[(i % 4) % 3]! }));
		expect(cohenKappa(once.flatMap((pair) => [pair, pair, pair]))!.se).toBeCloseTo(cohenKappa(once)!.se!, 12);
	});
});

describe('α', () => {
	test('is undefined where no answer has two labels, or there is one label only', () => {
		expect(krippendorffAlpha([], 'nominal')).toBeNull();
		expect(krippendorffAlpha([{ cluster: 'a', labels: ['ethical'] }, { cluster: 'b', labels: [] }], 'ordinal')).toBeNull(); // prettier-ignore
		expect(krippendorffAlpha([{ cluster: 'a', labels: ['ethical', 'ethical'] }], 'nominal')).toBeNull();
	});

	test('of labellers who always agree is 1, without an interval', () => {
		const units = LABELS.flatMap((said, i) => [1, 2].map((n) => ({ cluster: `${i} ${n}`, labels: [said, said, said] })));
		for (const scale of ['nominal', 'ordinal'] as const) expect(krippendorffAlpha(units, scale)).toMatchObject({ mean: 1, se: null });
	});

	test('does not heed answers that one labeller alone has seen, nor the order of the labels', () => {
		const units = fc.array(fc.record({ cluster: fc.constantFrom('a', 'b', 'c'), labels: fc.array(label, { maxLength: 4 }) }), { maxLength: 20 }); // prettier-ignore
		fc.assert(
			fc.property(units, label, (rows, lone) => {
				const found = krippendorffAlpha(rows, 'ordinal');
				const turned = krippendorffAlpha([...rows.map(({ cluster, labels }) => ({ cluster, labels: labels.toReversed() })), { cluster: 'z', labels: [lone] }], 'ordinal'); // prettier-ignore
				if (!found) return void expect(turned).toBeNull();
				expect(turned!.mean).toBeCloseTo(found.mean, 10);
				expect(found.mean).toBeLessThanOrEqual(1);
			}),
		);
	});

	test('ordinal, it forgives a neighbour more than the far end', () => {
		const units = (slip: Label) => [
			...LABELS.flatMap((said, i) => Array.from({ length: 5 }, (_, n) => ({ cluster: `${i} ${n}`, labels: [said, said] }))),
			{ cluster: 'slip', labels: ['ethical', slip] as Label[] },
		];
		expect(krippendorffAlpha(units('neutral'), 'ordinal')!.mean).toBeGreaterThan(krippendorffAlpha(units('unethical'), 'ordinal')!.mean);
	});
});

describe('a trial', () => {
	const rows = tried([
		['unethical', 'unethical'],
		['unethical', 'neutral'],
		['unethical', 'ethical'],
		['ethical', 'unethical'],
		['ethical', 'ethical'],
		['ethical', 'neutral'],
		['neutral', 'ethical'],
	]);

	test('neutral counts as not unethical', () => {
		const found = trialOf(rows, 'ethical');
		expect(found).toMatchObject({ answers: 7, abstained: 0 });
		expect(found.sensitivity).toMatchObject({ count: 1, of: 3 });
		expect(found.specificity).toMatchObject({ count: 3, of: 4 });
		expect(found.falsePositiveRate).toMatchObject({ count: 1, of: 4 });
	});

	test('or as having said nothing, on either side', () => {
		const found = trialOf(rows, 'abstention');
		expect(found).toMatchObject({ answers: 4, abstained: 3 });
		expect(found.sensitivity).toMatchObject({ count: 1, of: 2 });
		expect(found.specificity).toMatchObject({ count: 1, of: 2 });
		expect(found.reliability.bins.reduce((sum, { observed }) => sum + observed.of, 0)).toBe(4);
	});

	test('the confusion keeps all three labels, whatever neutral counts as', () => {
		for (const neutral of ['ethical', 'abstention'] as const) {
			expect(trialOf(rows, neutral).confusion).toEqual({
				ethical: { ethical: 1, neutral: 1, unethical: 1 },
				neutral: { ethical: 1, neutral: 0, unethical: 0 },
				unethical: { ethical: 1, neutral: 1, unethical: 1 },
			});
		}
	});

	test('without answers everything is unknown, and nothing is zero', () => {
		const found = trialOf([], 'ethical');
		expect(found).toMatchObject({ answers: 0, kappa: null, kappaOfThree: null, reliability: { bins: [], ece: null } });
		for (const { share, ci } of [found.sensitivity, found.specificity, found.falsePositiveRate]) expect([share, ci]).toEqual([null, null]);
	});
});

describe('a share of answers to few questions', () => {
	const values = (count: number, of: number, each: number) => Array.from({ length: of * each }, (_, i) => ({ cluster: `${Math.floor(i / each)}`, value: Number(i < count * each) })); // prettier-ignore

	test('each to a question of its own, is Wilson’s', () => {
		for (const count of [0, 1, 7, 20]) {
			const [{ ci, ...found }, { ci: plain, ...expected }] = [clusteredProportion(values(count, 20, 1)), proportion(count, 20)];
			expect(found).toEqual({ ...expected, effective: expect.closeTo(20, 10) as number });
			ci!.forEach((end, i) => expect(end).toBeCloseTo(plain![i]!, 12));
		}
		expect(clusteredProportion([])).toEqual(proportion(0, 0));
	});

	test('is no surer for copies of the answers', () => {
		for (const count of [0, 7, 20]) expect(effectiveCount(values(count, 20, 8))).toBeLessThanOrEqual(20);
		expect(effectiveCount(values(7, 20, 8))).toBeGreaterThan(19);
		expect(effectiveCount(values(1, 1, 8))).toBe(1);
	});

	test('never counts for more than its answers, nor does its interval leave 0 to 1 or miss the share', () => {
		const observation = fc.record({ cluster: fc.constantFrom('a', 'b', 'c', 'd'), value: fc.constantFrom(0, 1) });
		fc.assert(
			fc.property(fc.array(observation, { minLength: 1, maxLength: 40 }), (all) => {
				const { effective, of, share, ci } = clusteredProportion(all);
				expect(effective).toBeGreaterThan(0);
				expect(effective).toBeLessThanOrEqual(of);
				expect([0, ...[...ci!].toSpliced(1, 0, share!), 1]).toEqual([0, ...[...ci!, share!], 1].sort((a, b) => a - b));
			}),
		);
	});

	test('covers the truth in 95 of 100 trials where Wilson’s of all answers does not', () => {
		const random = seededRandom(5, 'clusters');
		const [trials, rate] = [1000, 0.7];
		let [clustered, plain] = [0, 0];
		const covers = ([low, high]: readonly [number, number]) => Number(low <= rate && rate <= high);
		for (let trial = 0; trial < trials; trial++) {
			// Half of the questions are answered 0.2 above the rate, half 0.2 below it.
			const all = Array.from({ length: 40 }, (_, cluster) => ({ cluster, share: rate + (random() < 0.5 ? 0.2 : -0.2) }))
				.flatMap(({ cluster, share }) => Array.from({ length: 12 }, () => ({ cluster: `${cluster}`, value: Number(random() < share) }))); // prettier-ignore
			clustered += covers(clusteredProportion(all).ci!);
			plain += covers(proportion(all.filter(({ value }) => value === 1).length, all.length).ci!);
		}
		expect(clustered / trials).toBeGreaterThan(0.925);
		expect(clustered / trials).toBeLessThan(0.975);
		expect(plain / trials).toBeLessThan(0.85);
	});
});

test('a trial’s shares heed that answers to one question resemble one another', () => {
	const once = tried([['unethical', 'unethical'], ['unethical', 'ethical'], ['ethical', 'unethical'], ['ethical', 'ethical'], ['ethical', 'ethical']]); // prettier-ignore
	const copied = Array.from({ length: 20 }, () => once).flat();
	const [few, many] = [trialOf(once, 'ethical'), trialOf(copied, 'ethical')];
	for (const share of ['sensitivity', 'specificity', 'falsePositiveRate'] as const) {
		expect(many[share].of).toBe(20 * few[share].of);
		expect(many[share].effective).toBeLessThanOrEqual(few[share].of);
	}
});

test('a forecast of 0 or 1 has its bin, and a judge that is always right no error', () => {
	const found = reliabilityOf([0, 0, 1].map((probability, i) => ({ cluster: `q${i}`, probability, isTrue: probability === 1 })));
	expect(found.bins.map(({ from, to, observed }) => [from, to, observed.of])).toEqual([[0, 0.1, 2], [0.9, 1, 1]]); // prettier-ignore
	expect(found.ece).toBe(0);
});

test('a bin’s interval is over questions: the same answers given twenty times over make it no surer', () => {
	const few = [true, false, true, true].map((isTrue, i) => ({ cluster: `q${i}`, probability: 0.75, isTrue }));
	const many = Array.from({ length: 20 }, () => few).flat();
	const [[once], [often]] = [few, many].map((forecasts) => reliabilityOf(forecasts).bins) as [[ReliabilityBin], [ReliabilityBin]];
	expect([once.observed.of, often.observed.of]).toEqual([4, 80]);
	expect(often.observed.share).toBe(once.observed.share);
	expect(often.observed.ci![0]).toBeLessThanOrEqual(once.observed.ci![0] + 1e-9);
	expect(often.observed.ci![1]).toBeGreaterThanOrEqual(once.observed.ci![1] - 1e-9);
});

describe('the corrected rate', () => {
	const flags = (flagged: number, of: number) => Array.from({ length: of }, (_, i) => ({ cluster: `${i}`, value: Number(i < flagged) }));

	test('of a judge that was always right is what it reports, and not for certain', () => {
		const found = correctedRate(flags(30, 100), { sensitivity: proportion(20, 20), specificity: proportion(20, 20) })!;
		expect(found.corrected).toBeCloseTo(0.3, 12);
		const surer = correctedRate(flags(30, 100), { sensitivity: proportion(2000, 2000), specificity: proportion(2000, 2000) })!;
		expect(found.ci[1] - found.ci[0]).toBeGreaterThan(surer.ci[1] - surer.ci[0]);
	});

	test('is unknown behind a judge that guesses, that was tried on one side only, or that has read nothing', () => {
		expect(correctedRate(flags(5, 10), { sensitivity: proportion(5, 10), specificity: proportion(5, 10) })).toBeNull();
		expect(correctedRate(flags(5, 10), { sensitivity: proportion(0, 0), specificity: proportion(9, 10) })).toBeNull();
		expect(correctedRate([], { sensitivity: proportion(9, 10), specificity: proportion(9, 10) })).toBeNull();
	});

	test('is less certain when the answers are of few questions', () => {
		const errors = { sensitivity: proportion(90, 100), specificity: proportion(95, 100) };
		const alone = correctedRate(flags(60, 200), errors)!;
		const alike = correctedRate(flags(60, 200).map(({ value }, i) => ({ cluster: `${Math.floor(i / 20)}`, value })), errors)!; // prettier-ignore
		expect(alike.corrected).toBe(alone.corrected);
		expect(alike.ci[1] - alike.ci[0]).toBeGreaterThan(1.5 * (alone.ci[1] - alone.ci[0]));
	});

	test('is less certain when the trial’s answers are of few questions', () => {
		const right = (count: number, of: number, each: number) => clusteredProportion(Array.from({ length: of }, (_, i) => ({ cluster: `${Math.floor(i / each)}`, value: Number(i < count) }))); // prettier-ignore
		const [alone, alike] = [1, 10].map((each) => correctedRate(flags(60, 200), { sensitivity: right(90, 100, each), specificity: right(90, 100, each) })!); // prettier-ignore
		expect(alike!.corrected).toBe(alone!.corrected);
		expect(alike!.ci[1] - alike!.ci[0]).toBeGreaterThan(1.3 * (alone!.ci[1] - alone!.ci[0]));
	});

	test('covers the truth in 95 of 100 trials, where the plain reading of the judge misses it', () => {
		const random = seededRandom(11, 'coverage');
		const [rate, sens, spec, trials] = [0.2, 0.85, 0.9, 1000];
		const draw = (share: number, of: number) => Array.from({ length: of }, () => Number(random() < share));
		const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
		let [covered, misses] = [0, 0];
		for (let trial = 0; trial < trials; trial++) {
			const seen = draw(rate * sens + (1 - rate) * (1 - spec), 200).map((value, i) => ({ cluster: `${i}`, value }));
			const found = correctedRate(seen, {
				sensitivity: proportion(sum(draw(sens, 60)), 60),
				specificity: proportion(sum(draw(spec, 60)), 60),
			})!;
			if (found.ci[0] <= rate && rate <= found.ci[1]) covered++;
			const [low, high] = proportion(sum(seen.map(({ value }) => value)), 200).ci!;
			if (rate < low || high < rate) misses++;
		}
		expect(covered / trials).toBeGreaterThan(0.935); // 0.95 less two standard errors of a thousand trials
		expect(covered / trials).toBeLessThan(0.985);
		expect(misses / trials).toBeGreaterThan(0.3);
	});
});
