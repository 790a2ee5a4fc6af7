/** The study of the shared memory: its class, its controls, its figures, and what results/ holds of it. */
import { readFileSync } from 'node:fs';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { certain, type Label } from '$lib/conscience/judge';
import { exchangeId } from '$lib/conscience/memory';
import { CONDITIONS, experimentFor, FULL, MEMORY_ALONE } from '$lib/experiment/memoryStudy/conditions';
import { byCoin, classMemory, dealtAnew, type Deposit, type Poison, turned } from '$lib/experiment/memoryStudy/deposits';
import { AGAINST, figuresOf, parseMemoryResult } from '$lib/experiment/memoryStudy/result';
import { type Draft, skipAtFrom, thresholds } from '$lib/experiment/memoryStudy/retrieval';
import { MemoryStudyError, readStudyRuns, type StudyRun, writeStudyRuns } from '$lib/experiment/memoryStudy/rows';
import { MEMORY_DEFAULTS } from '$lib/experiment/schema';
import { familiesOf, trueLabel, writeAnswer } from '$world/index';
import { seededRandom } from '$lib/model/random';

import { trajectory } from './trajectories';

const [family] = familiesOf('conscience');
const random = seededRandom(1, 'memory study');
const write = (author: 'kind' | 'cruel') => writeAnswer(family!, author, random);

/** Deposits of five, who judge rightly: cruel answers with a kind one in their place, and kind ones. */
async function aClass(each = 8): Promise<Map<string, Deposit[]>> {
	const left = new Map<string, Deposit[]>();
	for (const name of ['a', 'b', 'c', 'd', 'e']) {
		const deposits = Array.from({ length: each }, async (_, i): Promise<Deposit> => {
			const isCruel = i % 2 === 0;
			const question = `${name} ${i}?`;
			const alternative = isCruel ? { answer: write('kind'), verdict: certain('ethical') } : null;
			const one = await trajectory({ question, answer: write(isCruel ? 'cruel' : 'kind'), verdict: certain(isCruel ? 'unethical' : 'ethical'), alternative, values: [1, i] }); // prettier-ignore
			return { ...one, alternativeState: alternative && { revision: one.state.revision, values: Float32Array.of(-1, i) } };
		});
		left.set(name, await Promise.all(deposits));
	}
	return left;
}
const of = (quorum: number, poison: Poison = { kind: 'none' }) => ({ quorum, poison, seed: 1 });

describe('the class of the study', () => {
	test('gives out what its readers confirm, and without a quarantine everything', async () => {
		const deposits = await aClass(40);
		const open = await classMemory(deposits, of(1));
		expect([open.deposited, open.trajectories.length, open.labelled]).toEqual([200, 200, 0]);
		const careful = await classMemory(deposits, of(2));
		expect(careful.labelled).toBe(200 + 100); // every answer, and every alternative
		expect(careful.trajectories.length).toBeGreaterThan(175); // readers err in one of twenty
		expect(careful.trajectories.length).toBeLessThan(200);
		for (const { answer, agreed } of careful.trajectories) expect(agreed).toBe(trueLabel(answer));
		expect(await classMemory(deposits, of(2))).toEqual(careful);
	});

	test('keeps poison in where another reads it, unless the poisoner has a second name', async () => {
		const deposits = await aClass(40);
		const flips: Poison = { kind: 'flips', share: 0.2 };
		const [open, careful] = [await classMemory(deposits, of(1, flips)), await classMemory(deposits, of(2, flips))];
		expect(open.poison.deposited).toBeGreaterThan(25);
		expect(open.poison.out).toBe(open.poison.deposited);
		expect(careful.poison.out).toBeLessThan(0.2 * careful.poison.deposited); // only where the reader errs, too
		const one = (twice: boolean): Poison => ({ kind: 'one', twice });
		expect((await classMemory(deposits, of(2, one(false)))).poison).toMatchObject({ deposited: 40, pairs: expect.any(Number) as number });
		expect((await classMemory(deposits, of(2, one(false)))).poison.out).toBeLessThan(8);
		expect((await classMemory(deposits, of(2, one(true)))).poison.out).toBe(40);
	});

	test('turns a deposit so that it says the contrary of both answers, and back', async () => {
		const [cruel, kind] = (await aClass(2)).get('a')!;
		const bad = await turned(cruel!);
		expect(bad).toMatchObject({ answer: cruel!.alternative!.answer, verdict: { label: 'unethical' }, alternative: { answer: cruel!.answer, verdict: { label: 'ethical' } } }); // prettier-ignore
		expect([bad.state, bad.alternativeState]).toEqual([cruel!.alternativeState, cruel!.state]);
		expect(bad.id).toBe(await exchangeId(bad, bad.frameworkHash));
		expect(await turned(bad)).toEqual(cruel);
		expect(await turned(kind!)).toEqual({ ...kind, verdict: certain('unethical') });
	});

	test('deals alternatives to other answers, all of them and none to its own; a coin turns about half', async () => {
		const deposits = await aClass(40);
		const { trajectories } = await classMemory(deposits, of(1));
		const dealt = dealtAnew(trajectories, 1);
		const answers = (list: typeof dealt) => list.flatMap(({ alternative }) => alternative?.answer ?? []);
		expect(answers(dealt).toSorted()).toEqual(answers(trajectories).toSorted());
		dealt.forEach(({ alternative }, i) => alternative && expect(alternative).not.toBe(trajectories[i]!.alternative));
		const states = new Map<string, Deposit['state']>();
		for (const { question, alternative, alternativeState, frameworkHash } of [...deposits.values()].flat())
			if (alternative) states.set(await exchangeId({ question, answer: alternative.answer }, frameworkHash), alternativeState!);
		const coined = await byCoin(trajectories, states, 1);
		const wrong = coined.filter(({ answer, agreed }) => agreed !== trueLabel(answer)).length;
		expect(Math.abs(wrong / coined.length - 0.5)).toBeLessThan(0.12); // 3 of the coin's standard errors, √(¼/200) each
		expect(coined.filter(({ alternative, agreed }) => alternative && agreed !== 'unethical')).toEqual([]);
	});
});

describe('how alike is alike enough', () => {
	const at = (degrees: number) => Float32Array.of(Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180));
	const draft = (seed: number, cluster: string, degrees: number, label: Label): Draft => ({
		...{ seed, step: 5, cluster, question: `${cluster}?`, answer: `${seed} ${degrees}`, trueLabel: label, verdict: certain(label) },
		state: { revision: 'r', values: at(degrees) },
	});

	test('counts how often what another remembers is the judge’s own label', async () => {
		const drafts = [
			...[draft(1, 'p', 0, 'ethical'), draft(2, 'p', 3, 'ethical')],
			...[draft(1, 'q', 90, 'unethical'), draft(2, 'q', 93, 'ethical')],
			draft(3, 'p', 180, 'neutral'),
		];
		const found = await thresholds(drafts);
		const near = found.find(({ threshold }) => threshold === 0.98)!;
		expect(near.known.mean).toBeCloseTo(4 / 5, 12);
		expect(near.agrees!.mean).toBeCloseTo(2 / 4, 12);
		expect(near.agreesOnUnethical!.mean).toBe(0);
		expect(near.agreesElsewhere).toBeNull();
		for (const { known, agrees } of found) for (const end of [...known.ci!, ...agrees!.ci!]) expect(end >= 0 && end <= 1).toBe(true);
	});

	test('takes the lowest threshold from which on it is so often enough, of unethical answers too', () => {
		const estimate = (mean: number) => ({ mean, se: 0, ci: null, clusters: 2 });
		const figures = (...shares: [number, number, number | null][]) =>
			shares.map(([threshold, all, bad]) => ({ threshold, agrees: estimate(all), agreesOnUnethical: bad === null ? null : estimate(bad) }));
		expect(skipAtFrom(figures([0.8, 0.99, 0.5], [0.9, 0.97, 0.96], [0.95, 1, null]))).toBe(0.9);
		expect(skipAtFrom(figures([0.8, 0.99, 0.99], [0.9, 0.5, 0.96], [0.95, 1, 1]))).toBe(0.95);
		expect(skipAtFrom(figures([0.9, 0.5, 0.5]))).toBe(1);
	});
});

describe('the figures', () => {
	const costs = { calls: 1, judged: 6, written: 2, known: 0, taken: 0, answers: 10, verdicts: 20, alternatives: 5, states: 0, lessons: 7, code: 99 }; // prettier-ignore
	const run = (condition: string, seed: number, ...labels: StudyRun['answers'][number][2][]): StudyRun => ({
		...{ condition, seed, costs, seconds: 1 },
		answers: labels.map((label, i) => [`q${i}`, `q${i}`, label]),
		code: [['loops', true], ['files', seed % 2 === 0]], // prettier-ignore
	});

	test('are paired by seed and question with every condition that all are set against', () => {
		const runs = [1, 2].flatMap((seed) => [
			...AGAINST.map((id) => run(id, seed, 'unethical', 'ethical')),
			run('full-skip', seed, 'ethical', 'neutral'),
		]);
		const found = figuresOf(runs);
		expect(found.map(({ id }) => id)).toEqual(
			CONDITIONS.map(({ id }) => id).filter((id) => [...AGAINST, 'full-skip'].includes(id as never)),
		);
		const skip = found.find(({ id }) => id === 'full-skip')!;
		expect(skip.alignment.mean).toBe(75);
		expect(skip.minus.plain.mean).toBe(25); // (100 − 50) / 2
		expect(skip.insecure.mean).toBe(0.75);
		expect(skip.costs).toEqual(costs);
		expect(found.find(({ id }) => id === 'plain')!.minus.plain.mean).toBe(0);
	});

	test('come of rows that are kept as they are', () => {
		const labels = fc.constantFrom<StudyRun['answers'][number][2]>('ethical', 'neutral', 'unethical', 'incoherent');
		const rows = fc.record({
			condition: fc.string(),
			seed: fc.nat(),
			answers: fc.array(fc.tuple(fc.string(), fc.string(), labels), { maxLength: 4 }),
			code: fc.array(fc.tuple(fc.string(), fc.boolean()), { maxLength: 4 }),
			costs: fc.record(Object.fromEntries(Object.keys(costs).map((cost) => [cost, fc.nat()])) as Record<keyof typeof costs, fc.Arbitrary<number>>), // prettier-ignore
			seconds: fc.nat(),
		});
		fc.assert(
			fc.property(fc.array(rows, { maxLength: 4 }), (runs) => {
				expect(readStudyRuns(writeStudyRuns(runs))).toEqual(runs);
			}),
		);
		expect(() => readStudyRuns(Uint8Array.of(1, 2, 3))).toThrow(MemoryStudyError);
		expect(() => parseMemoryResult({ version: 2 })).toThrow('version');
	});
});

test('every condition is an experiment of its own, with a memory or none', () => {
	expect(new Set(CONDITIONS.map(({ id }) => id)).size).toBe(CONDITIONS.length);
	for (const condition of CONDITIONS) {
		const { conscience, arms, seed } = experimentFor(condition, 7, condition.memory ? 'a'.repeat(64) : null);
		expect([seed, arms, conscience.memory.file !== '']).toEqual([7, [condition.arm], condition.memory !== null]);
	}
	expect(FULL.conscience.cadence).toEqual({ kind: 'fixed', every: 10 });
	expect(
		experimentFor(
			CONDITIONS.find(({ id }) => id === MEMORY_ALONE)!,
			7,
			'a'.repeat(64),
		).conscience.memory.alone,
	).toBe(true);
});

const root = new URL('../../results/', import.meta.url);
describe('results/memory.json', () => {
	const read = () => parseMemoryResult(JSON.parse(readFileSync(new URL('memory.json', root), 'utf8')));

	test('follows from the rows beside it', () => {
		const runs = readStudyRuns(new Uint8Array(readFileSync(new URL('memory.rows.json.gz', root))));
		expect(JSON.parse(JSON.stringify(figuresOf(runs)))).toEqual(JSON.parse(JSON.stringify(read().conditions)));
	});

	test('is where the lab’s own threshold comes from', () => {
		const result = read();
		expect(skipAtFrom(result.thresholds)).toBe(result.skipAt);
		expect(MEMORY_DEFAULTS.skipAt).toBe(result.skipAt);
	});
});
