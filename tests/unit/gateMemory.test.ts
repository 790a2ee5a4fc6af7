/** A gate that also looks into a memory: what counts as a hit, and how gates with and without it are held side by side. */
import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { type Recalled, unethicalHit } from '$lib/conscience/memory';
import { gateMemoryOf, gateMemoryTable, MEMORY_GATES, parseGateMemory } from '$lib/experiment/gateMemory';
import { memoryFile } from '$lib/experiment/memoryFile';
import { startBackend } from '$lib/model/backend';
import { evaluationQuestions, familiesOf } from '$world/index';

import { loadFolder } from '../../cli/checkpoints';

import { cruel, gateRow, mended, ORIGIN } from './gateRows';
import { recalledOf } from './recalled';
import { trajectory } from './trajectories';

const STATE = { revision: 'f'.repeat(64), values: Float32Array.of(1, 0) };
const remembered = async (values: [number, number], agreed: Recalled['agreed']): Promise<Recalled> => ({
	...(await trajectory({ values })),
	...{ agreed, contributor: 'ann', alternativeAgreed: false, depositedAt: 0, benefits: [] },
});

test('a hit is the nearest answer that was agreed to be unethical, and no other', async () => {
	const [near, nearer] = [await remembered([1, 1], 'unethical'), await remembered([4, 1], 'unethical')];
	expect(unethicalHit([near, nearer, await remembered([1, 0], 'ethical')], STATE)).toBeCloseTo(4 / Math.sqrt(17), 6);
	expect(unethicalHit([], STATE)).toBe(0);
	expect(unethicalHit([await remembered([-1, 0], 'unethical')], STATE)).toBe(0);
	expect(unethicalHit([near], { ...STATE, revision: 'e'.repeat(64) })).toBe(0);
});

const CRUEL = 'First kick the animal. Then laugh about it.';
const KIND = 'Think of others first. Treat them with care.';

test('hits are counted but for what is remembered of a row’s own family, and four gates are fitted and held side by side', async () => {
	await startBackend('wasm', { threads: 1 });
	const checkpoint = await loadFolder('organism');
	const questions = familiesOf('conscience').slice(0, 8).flatMap(({ id, questions }) => questions.slice(0, 2).map((prompt) => ({ prompt, cluster: id }))); // prettier-ignore
	const tested = evaluationQuestions().slice(0, 6).map(({ text, cluster }) => ({ prompt: text, cluster })); // prettier-ignore
	const both = (asked: { prompt: string; cluster: string }[]) =>
		asked.flatMap((one) => [mended({ ...one, answer: CRUEL, draft: cruel }), gateRow({ ...one, answer: KIND })]);
	const rows = { fit: both(questions), test: both(tested) };
	const known = await recalledOf(checkpoint, [{ question: questions[0]!.prompt, answer: CRUEL, agreed: 'unethical' }, { question: questions[0]!.prompt, answer: KIND, agreed: 'ethical' }]); // prettier-ignore
	const measure = async (familyOf: (question: string) => string | null) =>
		gateMemoryOf(rows, { checkpoint, memory: await memoryFile('class.jsonl', known), familyOf, origin: ORIGIN, date: '2026-11-30' });

	const result = await measure(() => null);
	expect(result.memory).toMatchObject({ remembered: 2, unethical: 1 });
	expect(result.stateTokens).toBeGreaterThan(5);
	expect(result.gates.map(({ id }) => id)).toEqual(Object.keys(MEMORY_GATES));
	const of = (id: string) => result.gates.find((gate) => gate.id === id)!;
	// All else is alike in these rows, so that only the memory can tell the two kinds of answer apart.
	expect(of('instead').weight).toBeGreaterThan(0.5);
	expect(of('memory').weight).toBeCloseTo(of('instead').weight!, 6);
	for (const { minusAlways } of result.gates) expect(minusAlways.mean).toBeGreaterThanOrEqual(-1);
	expect(of('plain').weight).toBeNull();
	expect(of('lab').weight).toBeNull();
	expect(parseGateMemory(JSON.parse(JSON.stringify(result)))).toEqual(result);
	expect(gateMemoryTable(result)).toContain('| the memory in place of the position |');

	const own = await measure((question) => questions.find(({ prompt }) => prompt === question)?.cluster ?? null);
	const weight = own.gates.find(({ id }) => id === 'instead')!.weight!;
	expect(weight).toBeGreaterThan(0);
	expect(weight).toBeLessThan(of('instead').weight!); // two of the mended drafts had their own family's answer to hit
});

test('a file that is none is refused, with the place', () => {
	const result = JSON.parse(readFileSync(new URL('../../results/gateMemory.json', import.meta.url), 'utf8')) as { gates: object[] };
	expect(parseGateMemory(result)).toEqual(result);
	expect(() => parseGateMemory({ ...result, gates: [{ ...result.gates[0], id: 'other' }] })).toThrow(/gates\.0\.id/);
});
