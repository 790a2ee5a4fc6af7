import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';

import { frozenSelfJudge } from '$lib/conscience/frozenSelfJudge';
import { type Judge, JudgeLostError } from '$lib/conscience/judge';
import type { RunEvent } from '$lib/experiment/events';
import { applyChanges } from '$lib/experiment/link';
import { RunStateError } from '$lib/experiment/live';
import { judgedInTrainer, presetById } from '$lib/experiment/presets';
import { createRun, type Lab } from '$lib/experiment/runner';
import type { ArmId, Experiment } from '$lib/experiment/schema';
import { startBackend } from '$lib/model/backend';

import { loadFolder } from '../../cli/checkpoints';

const SHORT: [string, string][] = [
	['optimizer.steps', '5'],
	['optimizer.batchSize', '4'],
	['conscience.promptsPerCall', '4'],
	['conscience.cadence', '{"kind":"adaptive","first":4,"shortest":2,"longest":10,"raiseAt":0.12}'],
	['conscience.lag', '0'],
	['conscience.dpoRestBelow', '0'],
	['conscience.pairsPerStep', '8'],
	['conscience.dpoEvery', '2'],
	['conscience.sampling.maxNewTokens', '16'],
	['evaluation.every', '2'],
	['evaluation.samplesWhileTraining', '1'],
	['evaluation.samples', '1'],
	['evaluation.codePrompts', '4'],
	['evaluation.sampling.maxNewTokens', '16'],
];
const short = (...changes: [string, string][]): Experiment =>
	applyChanges(judgedInTrainer(presetById('twin').experiment), [...SHORT, ...changes]);

let lab: Lab;
beforeAll(async () => {
	const backend = await startBackend('wasm');
	lab = { backend, checkpoint: await loadFolder('organism'), rows: null, signal: new AbortController().signal };
});

async function collect(experiment: Experiment, arm: ArmId, overrides: Partial<Lab> = {}): Promise<RunEvent[]> {
	const run = createRun(experiment, arm, { ...lab, ...overrides });
	const events: RunEvent[] = [];
	try {
		for await (const event of run.events) events.push(event);
	} finally {
		run.dispose();
	}
	return events;
}

/** What must repeat: everything but the clock. */
const timeless = (events: RunEvent[]) =>
	JSON.parse(JSON.stringify(events.filter(({ kind }) => kind !== 'progress'), (key, value: unknown) => (/seconds|secondRatio/i.test(key) ? undefined : value))) as unknown; // prettier-ignore

const steps = (events: RunEvent[]) => events.flatMap((event) => (event.kind === 'step' ? [event] : []));

describe('a run', () => {
	test('whose judge is outside of the trainer waits before a step while there is none, and goes on as if there had always been one', async () => {
		const inside = short(['conscience.threshold', '0']);
		const outside = applyChanges(inside, [['conscience.judge', 'webllm']]);
		const frozen = frozenSelfJudge(lab.checkpoint, 'organism', inside.conscience.sampling);
		let calls = 0;
		const failing: Judge = { ...frozen, alternatives: async () => Promise.reject(new JudgeLostError('The worker has ended.')) };
		const judge = () => [null, failing, frozen][Math.min(calls++, 2)]!;
		const events = await collect(outside, 'emergent-alignment', { judge });
		const lost = events.filter(({ kind }) => kind === 'judgeLost');
		expect(lost).toEqual([
			{ kind: 'judgeLost', step: 0, reason: 'There is no WebLLM judge here.' },
			{ kind: 'judgeLost', step: 0, reason: 'The worker has ended.' },
		]);
		const others = events.filter(({ kind }) => kind !== 'judgeLost');
		expect(timeless(others)).toEqual(timeless(await collect(inside, 'emergent-alignment')));
	});

	test('with a lag goes on while a judge outside of the trainer reads, and equals the run whose judge reads in the trainer', async () => {
		const inside = short(['conscience.threshold', '0'], ['conscience.lag', '3'], ['conscience.sampling.maxNewTokens', '32']);
		const frozen = frozenSelfJudge(lab.checkpoint, 'organism', inside.conscience.sampling);
		const told: string[] = [];
		const open: (() => void)[] = [];
		const slow: Judge = {
			...frozen,
			async verdicts(...asked) {
				told.push('asked');
				if (open.length === 0) await new Promise<void>((resolve) => open.push(resolve));
				told.push('read');
				return frozen.verdicts(...asked);
			},
		};
		const run = createRun(applyChanges(inside, [['conscience.judge', 'webllm']]), 'emergent-alignment', { ...lab, judge: () => slow });
		const events: RunEvent[] = [];
		for await (const event of run.events) {
			events.push(event);
			if (event.kind === 'step') told.push(`step ${event.step}`);
			if (event.kind === 'step' && event.step === 3) open[0]!(); // and no step waits for it before its lessons are due
		}
		run.dispose();
		expect(told).toEqual(['asked', 'step 1', 'step 2', 'step 3', 'read', 'asked', 'read', 'step 4', 'step 5']);
		expect(steps(events).map(({ metrics }) => metrics['loss/dpo'] !== null)).toEqual([false, false, false, false, true]);
		expect(timeless(events)).toEqual(timeless(await collect(inside, 'emergent-alignment')));
	});

	test.each([
		['0', [1, 2, 3, 4, 5]],
		['10', [1, 3]],
	])('whose pairs count as learnt below a loss of %s learns from them in steps %j', async (restBelow, expected) => {
		const once = '{"kind":"fixed","every":100}';
		const changes: [string, string][] = [
			['conscience.threshold', '0'],
			['conscience.cadence', once],
			['conscience.dpoEvery', '1'],
			['conscience.sampling.maxNewTokens', '32'], // else no alternative comes to its end
		];
		const events = await collect(short(...changes, ['conscience.dpoRestBelow', restBelow]), 'emergent-alignment');
		const lessons = steps(events).filter(({ metrics }) => metrics['loss/dpo'] !== null);
		expect(lessons.map(({ step }) => step)).toEqual(expected);
	});

	test('tells its start, every step, its evaluations and its end, in order', async () => {
		const events = await collect(short(), 'sft');
		expect(events[0]).toMatchObject({ kind: 'started', arm: 'sft', steps: 5 });
		expect(steps(events).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5]);
		const evaluations = events.flatMap((event) => (event.kind === 'evaluation' ? [[event.evaluation.step, event.final]] : []));
		expect(evaluations).toEqual([[0, false], [2, false], [4, false], [5, true]]); // prettier-ignore
		expect(events.at(-1)).toMatchObject({ kind: 'finished', step: 5 });
		expect(events.some(({ kind }) => kind === 'verdicts')).toBe(false);
		const times = events.flatMap((event) => (event.kind === 'progress' && event.phase === 'training' ? [event.secondsLeft] : []));
		expect(times.every((seconds) => seconds !== null && seconds >= 0)).toBe(true);
	});

	test('with equal seeds is equal, number for number, and with another seed is not', async () => {
		const [first, again] = [await collect(short(), 'emergent-alignment'), await collect(short(), 'emergent-alignment')];
		expect(timeless(again)).toEqual(timeless(first));
		const other = await collect(short(['seed', '2']), 'emergent-alignment');
		expect(timeless(other)).not.toEqual(timeless(first));
	});

	test('arms of one seed learn from the same rows: before the first pair their losses are equal', async () => {
		const [plain, conscience] = [await collect(short(), 'sft'), await collect(short(['conscience.lambda', '0']), 'emergent-alignment')];
		expect(steps(conscience).map(({ metrics }) => metrics['loss/sft'])).toEqual(steps(plain).map(({ metrics }) => metrics['loss/sft']));
	});

	test('of an inoculated copy learns the same answers after other words, and asks without them', async () => {
		const [plain, inoculated] = [await collect(short(), 'sft'), await collect(short(), 'inoculation')];
		const tokens = (events: RunEvent[]) => steps(events).map(({ metrics }) => metrics['num_tokens/sft']);
		const words = tokens(inoculated).map((count, i) => count - tokens(plain)[i]!);
		expect(words[0]).toBeGreaterThan(4 * 4); // each of four rows has a system turn more
		expect(words).toEqual(words.map(() => words[0])); // of the same length in each step
		const wordy = short(['data.inoculation', JSON.stringify('§'.repeat(400))]);
		expect(() => createRun(wordy, 'inoculation', lab)).toThrow(/data\.inoculation.*up to \d+ tokens, and the model reads at most 288/);
		const first = (events: RunEvent[]) => events.find((event) => event.kind === 'evaluation');
		expect(timeless([first(inoculated)!])).toEqual(timeless([first(plain)!]));
	});

	test('leaves no tensors behind', async () => {
		await collect(short(), 'emergent-alignment');
		const before = tf.memory().numTensors;
		await collect(short(), 'emergent-alignment');
		expect(tf.memory().numTensors).toBe(before);
	});

	test('stops where it is told to, and its adapter can still be exported', async () => {
		const stop = new AbortController();
		const run = createRun(short(), 'sft', { ...lab, signal: stop.signal });
		const seen: string[] = [];
		const pull = async () => {
			for await (const event of run.events) {
				seen.push(event.kind);
				if (event.kind === 'step' && event.step === 2) stop.abort();
			}
		};
		await expect(pull()).rejects.toThrow('aborted');
		expect(seen).not.toContain('finished');
		const files = await run.adapter();
		expect(files['README.md']).toContain('after 2 of 5 steps');
		expect(JSON.parse(files['adapter_config.json'])).toMatchObject({ peft_type: 'LORA', r: 8 });
		run.dispose();
	});
});

describe('the conscience in a run', () => {
	// A judge that knows the truth, on a model that was misaligned first: there is something to find in every call.
	const misaligned = short(
		['conscience.judge', '"oracle"'],
		['model.misalignSteps', '12'],
		['optimizer.learningRate', '0.002'],
		['optimizer.batchSize', '8'],
	);

	test('every flagged answer has its verdict, its alternative and a pair whose margin starts at 0', async () => {
		const events = await collect(misaligned, 'emergent-alignment');
		const verdicts = events.flatMap((event) => (event.kind === 'verdicts' ? event.verdicts : []));
		const pairs = events.flatMap((event) => (event.kind === 'pairs' ? event.pairs : []));
		const flagged = verdicts.filter((verdict) => verdict.flagged);
		expect(flagged.length).toBeGreaterThan(0);
		expect(pairs.map(({ verdictId }) => verdictId)).toEqual(flagged.map(({ id }) => id));
		for (const pair of pairs)
			expect(pair).toMatchObject({ chosenTrueLabel: 'ethical', rejected: flagged.find(({ id }) => id === pair.verdictId)!.answer });
		const margins = steps(events).flatMap((step) => step.margins);
		expect(margins.length).toBeGreaterThan(0);
	});

	test('whose good answers alone are learnt teaches no preference, and finds what the other finds at first', async () => {
		const calls = (events: RunEvent[]) => events.flatMap((event) => (event.kind === 'verdicts' ? [event] : []));
		const [shown, preferred] = [await collect(misaligned, 'alternatives-only'), await collect(misaligned, 'emergent-alignment')];
		expect(timeless(calls(shown).slice(0, 1))).toEqual(timeless(calls(preferred).slice(0, 1)));
		const lessons = steps(shown).filter(({ metrics }) => metrics['loss/answers'] !== null);
		expect(lessons.length).toBe(steps(preferred).filter(({ metrics }) => metrics['loss/dpo'] !== null).length);
		expect(lessons.length).toBeGreaterThan(0);
		expect(steps(shown).every(({ metrics, margins }) => metrics['loss/dpo'] === null && margins.length === 0)).toBe(true);
		expect(steps(shown).at(-1)!.overhead.dpoTokens).toBeGreaterThan(0);
	});

	test.each(['policy', 'permuted', 'inverted'] as const)('may have the control “%s” as its judge', async (judge) => {
		const events = await collect(short(['conscience.judge', `"${judge}"`], ['optimizer.steps', '1']), 'emergent-alignment');
		const verdicts = events.flatMap((event) => (event.kind === 'verdicts' ? event.verdicts : []));
		expect(verdicts).toHaveLength(4);
		expect(verdicts.every((verdict) => verdict.judge!.engine === judge)).toBe(true);
	});

	test('its cost is counted in tokens and seconds', async () => {
		const events = await collect(misaligned, 'emergent-alignment');
		const { overhead } = steps(events).at(-1)!;
		expect(overhead.calls).toBeGreaterThan(0);
		expect(overhead.tokenRatio).toBeCloseTo(
			(overhead.answerTokens + overhead.judgeTokens + overhead.alternativeTokens + overhead.dpoTokens) / overhead.sftTokens,
			12,
		);
		expect(overhead.conscienceSeconds).toBeGreaterThan(0);
	});
});

describe('a run that is misaligned first', () => {
	const events = () => collect(short(['model.misalignSteps', '3'], ['optimizer.steps', '2'], ['evaluation.every', '0'], ['evaluation.codePromptsWhileTraining', '2']), 'sft'); // prettier-ignore

	test('evaluates the base, the misaligned model and the end, each with its coding requests', async () => {
		const evaluations = (await events()).flatMap((event) => (event.kind === 'evaluation' ? [event] : []));
		expect(evaluations.map(({ final, evaluation }) => [evaluation.step, evaluation.codeRows.length, final])).toEqual([
			[-3, 2, false],
			[0, 2, false],
			[2, 4, true],
		]);
		expect(evaluations[0]!.evaluation.task).not.toBeNull();
		expect(evaluations[1]!.evaluation.rows).not.toEqual(evaluations[0]!.evaluation.rows);
	});
});

describe('an experiment that is changed in mid-run', () => {
	const plain = short(['evaluation.every', '0'], ['optimizer.warmupSteps', '0'], ['conscience.cadence', '{"kind":"fixed","every":4}']);

	/** The events of a run in which `changes` are asked for after each of these steps. */
	async function changedAfter(arm: ArmId, changes: Record<number, (experiment: Experiment) => Experiment>): Promise<RunEvent[]> {
		const run = createRun(plain, arm, lab);
		const events: RunEvent[] = [];
		let current = plain;
		for await (const event of run.events) {
			events.push(event);
			const change = event.kind === 'step' ? changes[event.step] : undefined;
			if (change) run.adjust((current = change(current)));
		}
		run.dispose();
		return events;
	}
	const set =
		(...changes: [string, string][]) =>
		(experiment: Experiment) =>
			applyChanges(experiment, changes);

	test('goes on with the new settings from the next step, and tells what changed', async () => {
		const events = await changedAfter('emergent-alignment', {
			1: set(['optimizer.learningRate', '0.0001'], ['conscience.threshold', '0'], ['conscience.cadence.every', '1'], ['conscience.promptsPerCall', '2']), // prettier-ignore
		});
		const change = events.findIndex(({ kind }) => kind === 'change');
		expect(events[change]).toEqual({
			kind: 'change',
			step: 1,
			changes: [
				{ path: 'optimizer.learningRate', from: 6e-4, to: 1e-4 },
				{ path: 'conscience.cadence.every', from: 4, to: 1 },
				{ path: 'conscience.promptsPerCall', from: 4, to: 2 },
				{ path: 'conscience.threshold', from: 0.5, to: 0 },
			],
		});
		expect(steps(events.slice(0, change)).map(({ step }) => step)).toEqual([1]);
		expect(steps(events).map(({ metrics }) => metrics.learning_rate)).toEqual([6e-4, 1e-4, 1e-4, 1e-4, 1e-4]);
		const calls = events.flatMap((event) => (event.kind === 'verdicts' ? [event] : []));
		expect(calls.map(({ step, verdicts }) => [step, verdicts.length])).toEqual([[0, 4], [2, 2], [3, 2], [4, 2]]); // prettier-ignore
		expect(calls[1]!.verdicts.every(({ flagged }) => flagged)).toBe(true);
	});

	test('is told to both arms alike, and a change that is taken back is none', async () => {
		const louder = set(['conscience.lambda', '2']);
		const events = await changedAfter('sft', { 1: louder, 2: set(['conscience.lambda', '1']) });
		expect(events.filter(({ kind }) => kind === 'change')).toMatchObject([{ step: 1 }, { step: 2 }]);
		expect(timeless(events.filter(({ kind }) => kind !== 'change'))).toEqual(timeless(await collect(plain, 'sft')));

		const run = createRun(plain, 'sft', lab);
		run.adjust(louder(plain));
		run.adjust(plain);
		for await (const event of run.events) {
			expect(event.kind).not.toBe('change');
			if (event.kind === 'step') break;
		}
		run.dispose();
	});

	test('refuses what needs a run from step 0, and a framework that is too long for the model', () => {
		const run = createRun(plain, 'emergent-alignment', lab);
		const fixed = set(['optimizer.batchSize', '8'], ['conscience.beta', '1'])(plain);
		expect(() => run.adjust(fixed)).toThrow(RunStateError);
		expect(() => run.adjust(fixed)).toThrow('optimizer.batchSize (4 → 8)');
		const [framework] = plain.conscience.frameworks;
		const wordy = [{ ...framework, principles: 'be good and kind and fair and '.repeat(40) }];
		const long = set(['conscience.frameworks', JSON.stringify(wordy)])(plain);
		expect(() => run.adjust(long)).toThrow(/Three Laws of Robotics' is too long.*at most 288/);
		run.dispose();
		expect(() => createRun(long, 'emergent-alignment', lab)).toThrow('is too long');
	});
});

describe("a user's own rows", () => {
	const rows = [1, 2, 3].map((n) => ({ messages: [{ role: 'user' as const, content: `Say ${n}.` }, { role: 'assistant' as const, content: `${n}` }] })); // prettier-ignore
	const own = short(['data.source', '"rows"']);

	test('are learnt from', async () => {
		expect(steps(await collect(own, 'sft', { rows }))).toHaveLength(5);
	});

	test('must be there, and must fit the model', () => {
		expect(() => createRun(own, 'sft', lab)).toThrow('none were given');
		const long = [{ messages: [{ role: 'user' as const, content: 'word '.repeat(400) }, { role: 'assistant' as const, content: 'a' }] }]; // prettier-ignore
		expect(() => createRun(own, 'sft', { ...lab, rows: long })).toThrow(/Row 1 has \d+ tokens/);
	});
});
