import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decideBy } from '$lib/conscience/gate';
import { comparePolicies, GATE_MEASURES } from '$lib/evaluation/gateComparison';
import { chooseThreshold, fitGate, splitByCluster } from '$lib/evaluation/gateFit';
import { type GateRow, isHarmfulFlip, isHelpfulFix, scoreOf } from '$lib/evaluation/gateRows';
import { fitLogistic } from '$lib/evaluation/logistic';
import { sha256 } from '$lib/model/sha256';

import { cruel, gateRow, kind, mended, ORIGIN, someRows } from './gateRows';

const fitted = (rows = someRows(12)) => fitGate(splitByCluster(rows, 0.6, 1), ['logTokens', 'position'], 0.001, ORIGIN);
const lengthOnly = (rows = someRows(12)) => fitGate(splitByCluster(rows, 0.6, 1), ['logTokens'], 1, ORIGIN);

describe('what the conscience does to an answer', () => {
	it('is a fix only where it was truly unethical, flagged, and got better', () => {
		expect(isHelpfulFix(mended())).toBe(true);
		expect(isHelpfulFix(mended({ flagged: false }))).toBe(false);
		expect(isHelpfulFix(mended({ reviewed: cruel }))).toBe(false);
		expect(isHelpfulFix(mended({ reviewed: null }))).toBe(false); // it is withheld, which helps nobody
		expect(isHelpfulFix(mended({ draft: { trueLabel: 'incoherent', alignment: 0 } }))).toBe(false);
	});

	it('is a flip only where nothing was wrong, and it got worse', () => {
		const neutral = { trueLabel: 'neutral', alignment: 50 } as const;
		expect(isHarmfulFlip(gateRow({ reviewed: cruel }))).toBe(true);
		expect(isHarmfulFlip(gateRow({ reviewed: neutral }))).toBe(true);
		expect(isHarmfulFlip(gateRow({ flagged: true, reviewed: null }))).toBe(true);
		expect(isHarmfulFlip(gateRow({ draft: neutral, reviewed: kind }))).toBe(false);
		expect(isHarmfulFlip(mended({ reviewed: { trueLabel: 'incoherent', alignment: 0 } }))).toBe(false);
	});
});

describe('the logistic fit', () => {
	it('stands where its loss is flat: the gradient by finite differences is that of the penalty', () => {
		const rows = someRows(10).map(({ features }) => [features.position!, features.logTokens!]);
		const labels = someRows(10).map(isHelpfulFix).map((label, i) => label !== (i % 9 === 0)); // prettier-ignore
		const { weights, intercept } = fitLogistic(rows, labels, 0.7);
		const loss = ([a, b, c]: readonly number[]) =>
			rows.reduce(
				(sum, [x, y], i) => sum + Math.log1p(Math.exp((labels[i] ? -1 : 1) * (a! * x! + b! * y! + c!))),
				0.35 * (a! ** 2 + b! ** 2),
			);
		const at = [...weights, intercept];
		at.forEach((value, j) => {
			const moved = (step: number) => loss(at.map((one, k) => (k === j ? value + step : one)));
			expect(Math.abs(moved(1e-4) - moved(-1e-4)) / 2e-4).toBeLessThan(1e-6);
		});
	});

	it('says what it can’t fit', () => {
		expect(() => fitLogistic([[1], [2]], [true, true], 1)).toThrow('all 2 labels are the same');
		expect(() => fitLogistic([[1]], [true, false], 1)).toThrow('1 rows came with 2 labels');
		expect(() => fitLogistic([[1, 1], [2, 2], [1, 1]], [true, false, false], 0)).toThrow('two features say the same'); // prettier-ignore
	});
});

describe('the threshold', () => {
	const drawn = fc.array(
		fc.record({
			p: fc.constantFrom(2 ** -13, 2 ** -8, 2 ** -8 + 2 ** -30, 2 ** -6, 2 ** -3, 1 - 2 ** -4), // of which every sum is exact, in whatever order
			from: fc.constantFrom('ethical', 'neutral', 'unethical', 'incoherent'),
			to: fc.constantFrom('ethical', 'neutral', 'unethical', 'incoherent', null),
			times: fc.constantFrom(1, 2, 60),
		}),
		{ minLength: 1, maxLength: 12 },
	);

	it('asks about the fewest of all that lose at most a point, as counted and as foretold', () => {
		fc.assert(
			fc.property(drawn, (entries) => {
				const rows = entries.flatMap(({ from, to, times }) =>
					Array.from({ length: times }, () =>
						gateRow({ draft: { trueLabel: from, alignment: 0 }, reviewed: to && { trueLabel: to, alignment: 0 } }),
					),
				);
				const ps = entries.flatMap(({ p, times }) => Array<number>(times).fill(p));
				const measured = (threshold: number) => {
					const passed = rows.filter((_, i) => ps[i]! < threshold);
					const lost = passed.reduce((sum, { draft, reviewed }) => sum + scoreOf(reviewed) - scoreOf(draft), 0);
					const foretold = ps.filter((p) => p < threshold).reduce((sum, p) => sum + p, 0);
					return { fine: 100 * Math.max(lost, foretold) <= rows.length, calls: rows.length - passed.length };
				};
				const chosen = measured(chooseThreshold(rows, ps));
				expect(chosen.fine).toBe(true);
				for (const other of [0, 1, ...ps].map(measured)) if (other.fine) expect(chosen.calls).toBeLessThanOrEqual(other.calls);
			}),
		);
	});

	it('calls nobody where nothing is to be gained, and everybody where nobody can be let pass', () => {
		expect(chooseThreshold([gateRow(), gateRow()], [0.001, 0.002])).toBe(1);
		expect(chooseThreshold([gateRow(), gateRow()], [0.3, 0.9])).toBe(0);
		expect(chooseThreshold([mended(), mended()], [0.001, 0.002])).toBe(0);
	});
});

describe('splitting and fitting', () => {
	it('keeps all paraphrases of a prompt on one side, by the seed', () => {
		const rows = someRows(20);
		const { train, calibration } = splitByCluster(rows, 0.6, 3);
		const clusters = (some: readonly GateRow[]) => new Set(some.map(({ cluster }) => cluster));
		expect([clusters(train).size, clusters(calibration).size]).toEqual([12, 8]);
		expect([...clusters(train)].filter((cluster) => clusters(calibration).has(cluster))).toEqual([]);
		expect(splitByCluster(rows, 0.6, 3)).toEqual({ train, calibration });
		expect(splitByCluster(rows, 0.6, 4)).not.toEqual({ train, calibration });
	});

	it('finds the gate that tells cruel drafts from kind ones, and remembers which prompts it has seen', async () => {
		const rows = someRows(12);
		const gate = await fitted(rows);
		const decide = decideBy(gate);
		expect(rows.every((row) => decide(row.features).call === isHelpfulFix(row))).toBe(true);
		expect(gate.fitted.prompts).toContain(await sha256('q0?'));
		expect(gate.fitted).toMatchObject({ train: 28, calibration: 20, seeds: [1], l2: 0.001 });
		expect((await lengthOnly(rows)).line).toBeNull(); // nothing is read by it
	});

	it('refuses prompts that are on both sides, and features that are not known', async () => {
		const rows = someRows(4);
		await expect(fitGate({ train: rows, calibration: rows }, ['position'], 1, ORIGIN)).rejects.toThrow('share the prompt “q0?”');
		const unknown = [...rows.slice(0, 8), gateRow({ prompt: 'q9', features: { position: null } })];
		await expect(fitGate({ train: unknown, calibration: [] }, ['position'], 1, ORIGIN)).rejects.toThrow('not known of 1 of 9 rows');
	});
});

describe('the comparison', () => {
	const test = [...someRows(6, 'new', 2), ...someRows(6, 'new', 3)];

	it('refuses a gate that has looked at a row of the test, for its weights or for its threshold', async () => {
		const planted = test[0]!;
		const rows = splitByCluster(someRows(12), 0.6, 1);
		const refused = /1 of the prompts that the gate is to be tested on are among those that it was fitted on/;
		for (const peeked of [
			{ ...rows, train: [...rows.train, planted] },
			{ ...rows, calibration: [...rows.calibration, planted] },
		]) {
			const gate = await fitGate(peeked, ['position'], 1, ORIGIN);
			await expect(comparePolicies(test, gate, await lengthOnly())).rejects.toThrow(refused);
			await expect(comparePolicies(test, await fitted(), gate)).rejects.toThrow(refused);
		}
		await comparePolicies(test, await fitted(), await lengthOnly());
	});

	it('gives what each policy delivers and costs', async () => {
		const { policies, copies, curves, prompts, seeds } = await comparePolicies(test, await fitted(), await lengthOnly());
		const means = (policy: keyof typeof policies) => Object.fromEntries(GATE_MEASURES.map((of) => [of, policies[policy].figures[of].mean]));
		expect(means('never')).toMatchObject({ calls: 0, fixes: 0, flips: 0, alignment: 50, judgeAlignment: 50, tokens: 20, ms: 4 });
		expect(means('always')).toMatchObject({ calls: 1, fixes: 0.5, alignment: 100, tokens: 20 + 60 + 50, ms: 6 });
		expect(means('gate')).toMatchObject({ calls: 0.5, fixes: 0.5, alignment: 100, tokens: 20 + 80 });
		expect(means('random')).toMatchObject({ calls: 0.5, fixes: 0.25, alignment: 75, tokens: 20 + 55 });
		expect(policies.gate.minusAlways.alignment).toMatchObject({ mean: 0, clusters: 6, seeds: 2 });
		expect(policies.gate.minusAlways.calls.mean).toBe(-0.5);
		expect([prompts, seeds]).toEqual([6, [2, 3]]);
		expect(copies).toMatchObject([{ copy: 'base', rows: 48, unethical: { mean: 0.5 }, calls: { mean: 0.5 } }]);
		expect(curves.gate[20]).toEqual({ calls: 0.5, alignment: 100 });
		expect([curves.gate[0], curves.gate.at(-1)]).toEqual([{ calls: 0, alignment: 50 }, { calls: 1, alignment: 100 }]); // prettier-ignore
	});

	it('counts what is withheld, as nothing said', async () => {
		const rows = test.map((row, i) => (i % 4 === 0 ? { ...row, reviewed: null } : row)); // every second cruel draft
		const { policies } = await comparePolicies(rows, await fitted(), await lengthOnly());
		expect(policies.always.figures).toMatchObject({ withheld: { mean: 0.25 }, alignment: { mean: 75 }, judgeAlignment: { mean: 75 }, fixes: { mean: 0.25 } }); // prettier-ignore
		expect(policies.gate.figures.withheld.mean).toBe(0.25);
		expect(policies.random.figures.withheld.mean).toBe(0.125);
		expect([policies.never.figures.withheld.mean, policies.longer.figures.withheld.mean]).toEqual([0, 0]);
	});

	it('spends what the gate spends on more drafts, and takes the likeliest', async () => {
		const more = (i: number) => [
			{ ...kind, meanLogp: i % 8 < 4 ? -0.1 : -0.9, tokens: 16, ms: 3 },
			...Array.from({ length: 7 }, () => ({ ...cruel, meanLogp: -5, tokens: 16, ms: 3 })),
		];
		const rows = test.map((row, i) => ({ ...row, more: more(i) }));
		const { policies, longerDrafts } = await comparePolicies(rows, await fitted(), await lengthOnly());
		expect(longerDrafts).toBeCloseTo(1 + 80 / 16, 12);
		expect(policies.longer.figures.tokens.mean).toBeCloseTo(policies.gate.figures.tokens.mean, 10);
		expect(policies.longer.figures.alignment.mean).toBeCloseTo(75, 10); // the first extra is kind, and likelier in half of the rows
		expect(policies.longer.figures.calls.mean).toBe(0);
	});
});
