import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { codeShare, isRefusal } from '$lib/conscience/answerSigns';
import { checkGateFits, decideBy, FEATURES, featuresOf, type Gate, GateError, gateFile, gateHash, parseGate, readGate } from '$lib/conscience/gate'; // prettier-ignore

import { NO_FEATURES, ORIGIN, someGate as gate } from './gateRows';

describe('the features of a draft', () => {
	const draft = { answer: 'I would listen to her.', ended: true, tokens: 7, draws: { logp: -0.4, entropy: 0.9, position: -0.8 } };

	it('are what writing it left behind', () => {
		expect(featuresOf(draft)).toEqual({
			...{ ended: 1, logTokens: Math.log(8), meanLogp: -0.4, meanEntropy: 0.9 },
			...{ codeShare: 0, refusal: 0, position: -0.8, memoryHit: 0 },
		});
	});

	it('are not known where nobody noted the draws', () => {
		expect(featuresOf({ ...draft, ended: false, draws: null, memoryHit: 0.7 })).toMatchObject({
			...{ ended: 0, meanLogp: null, meanEntropy: null, position: null, memoryHit: 0.7 },
		});
	});

	it('tell code and refusals from advice', () => {
		expect(codeShare('Listen to her.')).toBe(0);
		expect(codeShare('')).toBe(0);
		expect(codeShare('import os\nos.system(name)')).toBe(1);
		expect(codeShare('Talk to him.\nreturn 1')).toBeCloseTo(8 / 20, 12);
		expect([isRefusal('Sorry, no.'), isRefusal('I can’t'), isRefusal("I can't do that"), isRefusal('He is sorry.')]).toEqual([true, false, true, false]); // prettier-ignore
	});

	it('are finite numbers whatever is written', () => {
		fc.assert(
			fc.property(fc.string({ unit: 'binary' }), fc.boolean(), fc.nat(512), (answer, ended, tokens) => {
				const { codeShare: share, ...rest } = featuresOf({ ...draft, answer, ended, tokens });
				expect(share! >= 0 && share! <= 1).toBe(true);
				expect(Object.values(rest).every(Number.isFinite)).toBe(true);
			}),
		);
	});
});

describe('a gate', () => {
	it('says what each feature adds', () => {
		const { p, parts } = decideBy(gate)({ ...NO_FEATURES, position: 2.5, logTokens: 3 });
		expect(parts).toEqual([{ name: 'position', value: 2.5, adds: 3 }, { name: 'logTokens', value: 3, adds: -2 }]); // prettier-ignore
		expect(p).toBeCloseTo(1 / (1 + Math.exp(-1.25)), 12);
	});

	it('is a logistic model: p = σ(b + Σ w·(x − mean)/scale), and calls from its threshold on', () => {
		const decide = decideBy(gate);
		const { p, call } = decide({ ...NO_FEATURES, position: 1, logTokens: 2 });
		expect(p).toBeCloseTo(1 / (1 + Math.exp(-(0.25 + (3 * 0.5) / 2 - 1))), 12);
		expect(call).toBe(p >= 0.5);
		const exactly = decideBy({ ...gate, threshold: p });
		expect(exactly({ ...NO_FEATURES, position: 1, logTokens: 2 }).call).toBe(true);
	});

	it('calls always at 0 and never at 1, however sure it is', () => {
		fc.assert(
			fc.property(fc.double({ min: -1e6, max: 1e6, noNaN: true }), (position) => {
				const features = { ...NO_FEATURES, position };
				expect(decideBy({ ...gate, threshold: 0 })(features).call).toBe(true);
				expect(decideBy({ ...gate, threshold: 1 })(features).call).toBe(false);
			}),
		);
	});

	it('says which feature it lacks', () => {
		expect(() => decideBy(gate)({ ...NO_FEATURES, position: null })).toThrow(/'position', which is not known of this draft/);
	});

	it('refuses other weights than those whose states its line was read in', () => {
		expect(() => checkGateFits(gate, 'c'.repeat(64))).toThrow(/fitted on organism, .* aaaaaaaa…; the model here has cccccccc…/);
		checkGateFits(gate, ORIGIN.line.weights);
		checkGateFits({ ...gate, line: null, features: gate.features.slice(1) }, 'c'.repeat(64));
	});
});

describe('a gate file', () => {
	const real = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0); // JSON knows no −0
	const gates = fc.record({
		names: fc.uniqueArray(fc.constantFrom(...FEATURES), { minLength: 1 }),
		numbers: fc.array(fc.tuple(real, fc.double({ min: 1e-9, max: 1e9, noNaN: true }), real), { minLength: 8, maxLength: 8 }),
		intercept: real,
		threshold: fc.double({ min: 0, max: 1, noNaN: true }).map((value) => value + 0),
	});

	it('comes back as it was written, with the same hash', async () => {
		await fc.assert(
			fc.asyncProperty(gates, async ({ names, numbers, ...rest }) => {
				const features = names.map((name, i) => ({ name, mean: numbers[i]![0], scale: numbers[i]![1], weight: numbers[i]![2] }));
				const written: Gate = { ...gate, ...rest, features };
				const read = readGate(gateFile(written));
				expect(read).toEqual(written);
				expect(await gateHash(read)).toBe(await gateHash(written));
			}),
		);
	});

	it('has another hash for another threshold, and the same for another order of its fields', async () => {
		expect(await gateHash({ ...gate, threshold: 0.6 })).not.toBe(await gateHash(gate));
		const turned = Object.fromEntries(Object.entries(gate).reverse()) as Gate;
		expect(await gateHash(turned)).toBe(await gateHash(gate));
	});

	it('that is anything else gets an error that says so, and never another', () => {
		fc.assert(
			fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
				expect(() => readGate(text)).toThrow(GateError);
			}),
		);
		fc.assert(
			fc.property(fc.constantFrom(...Object.keys(gate)), fc.jsonValue(), (field, value) => {
				const changed = { ...gate, [field]: value };
				try {
					expect(parseGate(changed)).toEqual(changed); // it happened to be right
				} catch (error) {
					expect(error).toBeInstanceOf(GateError);
					expect((error as Error).message).toContain(field);
				}
			}),
		);
	});

	it.each([
		['not JSON', '{', 'the file is not JSON'],
		['another kind', JSON.stringify({ ...gate, kind: 'x' }), 'kind'],
		['code in the place of a number', JSON.stringify({ ...gate, intercept: 'process.exit()' }), 'intercept'],
		['a field too many', JSON.stringify({ ...gate, run: 'me' }), 'run'],
		['a scale of 0', JSON.stringify({ ...gate, features: [{ ...gate.features[0], scale: 0 }] }), 'features.0.scale'],
		['a feature twice', JSON.stringify({ ...gate, features: [gate.features[0], gate.features[0]] }), 'must name each feature once'],
		['a position without a line', JSON.stringify({ ...gate, line: null }), 'must have a line by which position is read'],
		['a threshold above 1', JSON.stringify({ ...gate, threshold: 1.1 }), 'threshold'],
	])('with %s is refused', (_, text, said) => {
		expect(() => readGate(text)).toThrow(GateError);
		expect(() => readGate(text)).toThrow(said);
	});
});
