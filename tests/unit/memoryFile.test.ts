/** A memory as a file that a run takes with it. */
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

import { LABELS, verdictOf } from '$lib/conscience/judge';
import type { Recalled } from '$lib/conscience/memory';
import { looksLikeMemory, memoryFile, memoryFileFor, memoryLines, parseMemory } from '$lib/experiment/memoryFile';
import { applyChanges } from '$lib/experiment/link';
import { presetById } from '$lib/experiment/presets';
import { ExperimentError, parseExperiment } from '$lib/experiment/schema';

import { trajectory } from './trajectories';

async function recalled(fields: Parameters<typeof trajectory>[0] = {}, beside: Partial<Recalled> = {}): Promise<Recalled> {
	const one = await trajectory(fields);
	return { ...one, contributor: 'ann', agreed: 'unethical', alternativeAgreed: false, depositedAt: 7, benefits: [], ...beside };
}

const benefit = ({ id, contributor }: Recalled, measuredBy: string, value: number) => ({
	id,
	contributor,
	measuredBy,
	question: 'q',
	value,
});

describe('the lines of a memory', () => {
	it('make the same trajectories again, and the same text in whatever order these came', async () => {
		const words = fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme' }).filter((text) => text.trim() !== '' && !/[\0\p{Surrogate}]/u.test(text)); // prettier-ignore
		const states = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e3, max: 1e3 }), { minLength: 1, maxLength: 6 });
		const drawn = fc.record({
			question: words,
			answer: words,
			alternative: fc.option(words),
			agreed: fc.constantFrom(...LABELS),
			label: fc.option(fc.constantFrom(...LABELS)),
			values: states.filter((values) => values.some((value) => Math.abs(value) > 1e-20)),
			contributor: words.map((text) => text.trim()).filter((text) => !/\p{Cc}/u.test(text)),
			worth: fc.array(fc.record({ measuredBy: fc.constantFrom('ann', 'bob'), question: words, value: fc.double({ min: -1, max: 1, noNaN: true }).map((value) => value + 0) })), // prettier-ignore
		});
		const distinct = fc.uniqueArray(drawn, { maxLength: 5, selector: ({ question, answer }) => JSON.stringify([question.trim(), answer.trim()]) }); // prettier-ignore
		await fc.assert(
			fc.asyncProperty(distinct, async (all) => {
				const trajectories = await Promise.all(
					all.map(async ({ question, answer, alternative, label, values, worth, agreed, contributor }) => {
						const written = alternative === null ? null : { answer: alternative, verdict: verdictOf([0.8, 0.1, 0.1]) };
						const one = await recalled({ question, answer, alternative: written, label, values }, { agreed, contributor });
						const numbers = one.state.values.map((value) => value + 0); // −0 is 0 in JSON
						const benefits = worth.map((each) => ({ ...each, id: one.id, contributor }));
						const key = ({ measuredBy, question, value }: (typeof benefits)[number]) => JSON.stringify({ measuredBy, question, value });
						return {
							...one,
							state: { ...one.state, values: numbers },
							alternativeAgreed: written !== null,
							benefits: benefits.toSorted((a, b) => (key(a) < key(b) ? -1 : 1)),
						};
					}),
				);
				const text = memoryLines(trajectories);
				expect(memoryLines(trajectories.toReversed())).toBe(text);
				const read = await parseMemory(text);
				expect(read.faults).toEqual([]);
				const byId = (list: readonly Recalled[]) => list.toSorted((a, b) => (a.id < b.id ? -1 : 1));
				expect(byId(read.trajectories)).toEqual(byId(trajectories));
				expect(memoryLines(read.trajectories)).toBe(text);
			}),
			{ numRuns: 60 },
		);
	});

	it('that are no such lines are told of with their number and the reason, and the others are used', async () => {
		const good = await recalled({}, { alternativeAgreed: false });
		const json = JSON.parse(memoryLines([good])) as Record<string, unknown>;
		const other = JSON.parse(memoryLines([await recalled({ answer: 'Everything.' })])) as Record<string, unknown>;
		const lines: [object | string, string][] = [
			['{"kind":', 'is not JSON'],
			[{ ...json, kind: 'trajectory' }, 'kind: expected "remembered"'],
			[{ ...json, agreed: 'good' }, 'agreed: expected'],
			[{ ...json, contributor: '' }, 'contributor'],
			[{ ...json, alternativeAgreed: true }, 'alternativeAgreed: there is no alternative'],
			[{ ...json, state: { revision: 'f'.repeat(64), values: [0, 0] } }, 'state.values: must not be all 0'],
			[{ ...json, benefits: [{ measuredBy: 'bob', question: 'q', value: 2 }] }, 'benefits.0.value'],
			[{ ...json, answer: 'Other words.' }, 'id: is not that of its question, answer and framework'],
			[json, 'id: line 1 holds the same exchange'],
		];
		const text = [json, ...lines.map(([line]) => line), other].map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
		const { trajectories, faults } = await parseMemory(`\uFEFF${text.join('\r\n')}\n\n`);
		expect(trajectories.map(({ answer }) => answer)).toEqual([good.answer, 'Everything.']);
		expect(faults).toEqual(lines.map(([, message], i) => ({ line: i + 2, message: expect.stringContaining(message) as string })));
	});

	it('are never misread, whatever text comes', async () => {
		await fc.assert(
			fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (text) => {
				const { trajectories, faults } = await parseMemory(text);
				expect(trajectories).toEqual([]);
				expect(faults.length > 0).toBe(text.replace(/^\uFEFF/, '').trim() !== '');
			}),
		);
	});

	it('are told from other files by the first of them', async () => {
		expect(looksLikeMemory(memoryLines([await recalled()]))).toBe(true);
		expect(looksLikeMemory(`\uFEFF\n { "kind" : "remembered"`)).toBe(true);
		for (const other of ['', '{"kind":"trajectory"}', '{"question":"q","answer":"a","label":"ethical"}', '[1]'])
			expect(looksLikeMemory(other)).toBe(false);
	});

	it('keep what was measured, and of whom it was', async () => {
		const one = await recalled();
		const measured = { ...one, benefits: [benefit(one, 'bob', 0.5), benefit(one, 'eve', -1)] };
		expect((await parseMemory(memoryLines([measured]))).trajectories[0]!.benefits).toEqual(measured.benefits);
	});
});

describe('an experiment that takes a memory along', () => {
	const twin = presetById('twin').experiment;

	it('names it by its digest, and is refused without it', async () => {
		const [file, other] = [await memoryFile('class.jsonl', [await recalled()]), await memoryFile('other.jsonl', [])];
		const experiment = applyChanges(twin, [['conscience.memory.file', JSON.stringify(file.digest)]]);
		expect(memoryFileFor(experiment, file)).toBe(file);
		expect(() => memoryFileFor(experiment, null)).toThrow(ExperimentError);
		expect(() => memoryFileFor(experiment, null)).toThrow(`${file.digest.slice(0, 8)}… along, and none was given`);
		expect(() => memoryFileFor(experiment, other)).toThrow(`another was given (${other.digest.slice(0, 8)}…)`);
		expect(memoryFileFor(twin, file)).toBeNull();
		expect(memoryFileFor({ ...experiment, arms: ['sft'] }, null)).toBeNull(); // nobody there listens
	});

	test('is none where it is of before there were memories', () => {
		const { memory, ...conscience } = twin.conscience;
		expect(memory.file).toBe('');
		expect(parseExperiment({ ...twin, conscience })).toEqual(twin);
	});

	test.each([
		['conscience.memory.skipAt', '0.2'],
		['conscience.memory.examples', '9'],
		['conscience.memory.file', '"abc"'],
	])('can’t have %s %s', (path, value) => {
		expect(() => applyChanges(twin, [[path, value]])).toThrow(path);
	});
});
