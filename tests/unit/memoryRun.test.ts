/** A run that takes a class's memory along. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';

import { FRAMEWORKS, verdictText } from '$lib/conscience/frameworks';
import { frozenSelfJudge } from '$lib/conscience/frozenSelfJudge';
import type { MemoryFile } from '$lib/conscience/memory';
import type { RunEvent } from '$lib/experiment/events';
import { linesOf } from '$lib/experiment/folderLines';
import { applyChanges } from '$lib/experiment/link';
import { memoryFile } from '$lib/experiment/memoryFile';
import { takenAlong } from '$lib/experiment/memoryTaken';
import { judgedInTrainer, presetById } from '$lib/experiment/presets';
import { createRun, type Lab } from '$lib/experiment/runner';
import { type ArmId, type Experiment, ExperimentError } from '$lib/experiment/schema';
import type { RunSnapshot } from '$lib/experiment/snapshot';
import { startBackend } from '$lib/model/backend';
import { consciencePrompts, devQuestions, evaluationQuestions } from '$world/index';

import { loadFolder } from '../../cli/checkpoints';
import { recalledOf } from './recalled';

const TINY: [string, string][] = [
	['optimizer.steps', '5'],
	['optimizer.batchSize', '4'],
	['lora.targetModules', '["q_proj","down_proj"]'],
	['model.misalignSteps', '4'],
	['conscience.frameworks', JSON.stringify([FRAMEWORKS[0]])],
	['conscience.threshold', '0'],
	['conscience.lag', '1'],
	['conscience.promptsPerCall', '4'],
	['conscience.cadence', '{"kind":"fixed","every":2}'],
	['conscience.dpoEvery', '1'],
	['conscience.dpoRestBelow', '0'],
	['conscience.pairsPerStep', '3'],
	['conscience.sampling.maxNewTokens', '24'],
	['evaluation.every', '0'],
	['evaluation.samplesWhileTraining', '1'],
	['evaluation.samples', '1'],
	['evaluation.codePrompts', '0'],
	['evaluation.codePromptsWhileTraining', '0'],
	['evaluation.sampling.maxNewTokens', '4'],
];
const tiny = (...changes: [string, string][]): Experiment =>
	applyChanges(judgedInTrainer(presetById('twin').experiment), [...TINY, ...changes]);

let lab: Lab;
let memory: MemoryFile;
/** The experiment with the memory, and what else is to be otherwise. */
let using: (...changes: [string, string][]) => Experiment;
beforeAll(async () => {
	const backend = await startBackend('wasm');
	const checkpoint = await loadFolder('organism');
	const reviewed = consciencePrompts()
		.slice(0, 6)
		.map((question, i) => ({ question, answer: `Hurt them ${i}.`, agreed: 'unethical' as const, alternative: `Help them ${i}.`, contributor: i % 2 ? 'ann' : 'bob' })); // prettier-ignore
	memory = await memoryFile('class.jsonl', await recalledOf(checkpoint, reviewed));
	lab = { backend, checkpoint, rows: null, signal: new AbortController().signal, memory };
	using = (...changes) => tiny(['conscience.memory.file', JSON.stringify(memory.digest)], ...changes);
});

async function collect(experiment: Experiment, { arm = 'emergent-alignment', from, given = lab }: Options = {}) {
	const run = createRun(experiment, arm, given, from);
	const events: RunEvent[] = [];
	const kept: { snapshot: RunSnapshot; after: number }[] = [];
	try {
		for await (const event of run.events) {
			events.push(event);
			if (event.kind === 'started' || (event.kind === 'step' && event.step === 2)) kept.push({ snapshot: structuredClone(await run.snapshot()), after: events.length }); // prettier-ignore
		}
	} finally {
		run.dispose();
	}
	return { events, kept, overhead: events.find((event) => event.kind === 'finished')!.overhead };
}
interface Options {
	arm?: ArmId;
	from?: RunSnapshot;
	given?: Lab;
}

/** What must repeat: everything but the clock. */
const timeless = (events: readonly RunEvent[]) =>
	events.filter(({ kind }) => kind !== 'progress').map((event) => JSON.parse(JSON.stringify(event, (key, value: unknown) => (/seconds|secondRatio/i.test(key) ? undefined : value))) as unknown); // prettier-ignore
const lossesOf = (events: readonly RunEvent[]) => events.flatMap((event) => (event.kind === 'step' ? [event.metrics['loss/dpo']] : []));

/** One that remembers pairs, and one that remembers answers. */
describe.each(['emergent-alignment', 'confession'] as const)('the method %s with a memory', (arm) => {
	test('goes on from a snapshot number for number, is equal for equal seeds, and leaves no tensor behind', async () => {
		const experiment = using(['conscience.memory.skipAt', '0.9'], ['conscience.memory.examples', '2']);
		const whole = await collect(experiment, { arm });
		const before = tf.memory().numTensors;
		const turned = { ...memory, trajectories: memory.trajectories.toReversed() }; // in whatever order its lines lay
		expect(timeless((await collect(experiment, { arm, given: { ...lab, memory: turned } })).events)).toEqual(timeless(whole.events));
		for (const { snapshot, after } of whole.kept)
			expect(timeless((await collect(experiment, { arm, from: snapshot })).events)).toEqual(timeless(whole.events.slice(after)));
		expect(tf.memory().numTensors).toBe(before);
	});
});

describe('a memory', () => {
	test('teaches from the first step on, and without the conscience where it is alone', async () => {
		const { events, overhead } = await collect(using(['conscience.memory.alone', 'true'], ['optimizer.steps', '12']));
		expect(overhead.calls).toBe(0);
		expect(overhead).not.toHaveProperty('memory');
		expect([overhead.answerTokens, overhead.judgeTokens, overhead.alternativeTokens]).toEqual([0, 0, 0]);
		expect(overhead.dpoTokens).toBeGreaterThan(0);
		const losses = lossesOf(events);
		expect(losses.every((loss) => loss !== null)).toBe(true);
		expect(losses.at(-1)!).toBeLessThan(0.5 * losses[0]!);
		expect(events.filter(({ kind }) => kind === 'verdicts' || kind === 'pairs')).toEqual([]);
		expect(events.flatMap((event) => (event.kind === 'step' ? [event.nextCall] : []))).toEqual(Array(12).fill(null));
		const note = events.find((event) => event.kind === 'note')!;
		expect(note.text).toBe(
			'class.jsonl was taken along: 6 reviewed answers from ann, bob; 6 pairs of them are learnt from the first step on.',
		);
		expect(note.values).toEqual({ trajectories: 6, contributors: 2, pairs: 6, leftOut: 0 });
	});

	test('spares the judge what it knows, counts what that took, and says whose word it was', async () => {
		const [plain, known] = [await collect(tiny()), await collect(using(['conscience.memory.pairs', 'false'], ['conscience.memory.skipAt', '0.5']))]; // prettier-ignore
		const { memory: used } = known.overhead;
		const said = known.events.flatMap((event) => (event.kind === 'verdicts' ? event.verdicts : []));
		expect(used!.alike).toBeGreaterThan(0);
		expect(used!.stateTokens).toBeGreaterThan(0);
		expect(said.filter(({ verdict }) => verdict.by === 'memory').length).toBeGreaterThan(0);
		for (const { verdict } of said) if (verdict.by === 'memory') expect(['ann', 'bob']).toContain(verdict.contributor);
		expect(known.overhead.calls).toBe(plain.overhead.calls);
		expect(known.overhead.judgeTokens - used!.stateTokens).toBeLessThan(plain.overhead.judgeTokens);
		expect(known.events.findLast((event) => event.kind === 'note')!.text).toContain(`The memory knew ${used!.same + used!.alike} of `);
		const lines = known.events.flatMap(linesOf).map(({ text }) => text);
		expect(lines.some((text) => text.includes('"by":"memory","contributor":"'))).toBe(true);
	});

	test('that is named and not given is missed before anything is computed; a run without one is the same beside it', async () => {
		expect(() => createRun(using(), 'emergent-alignment', { ...lab, memory: null })).toThrow(ExperimentError);
		expect(timeless((await collect(tiny())).events)).toEqual(timeless((await collect(tiny(), { given: { ...lab, memory: null } })).events));
		await collect(using(), { arm: 'sft', given: { ...lab, memory: null } }); // who calls no conscience
	});

	test('gives a run no answer to what an evaluation asks', async () => {
		const { checkpoint } = lab;
		const asked = [evaluationQuestions()[0]!.text.toUpperCase(), ` ${devQuestions()[3]!.text}`, 'What would you ask?', 'And what not?'];
		const reviewed = asked.map((question) => ({ question, answer: 'No.', agreed: 'unethical' as const, alternative: 'Yes.' }));
		const file = await memoryFile('leak.jsonl', await recalledOf(checkpoint, reviewed));
		const experiment = tiny(['conscience.memory.file', JSON.stringify(file.digest)]);
		const own = [{ id: 'own', cluster: 'own', paraphrases: ['What would you  ask?'] }];
		const taken = takenAlong(experiment, file, own)!;
		expect(taken.trajectories.map(({ question }) => question)).toEqual(['And what not?']);
		expect(taken.leftOut).toBe(3);
		const { events } = await collect(experiment, { given: { ...lab, memory: file } });
		const note = events.find((event) => event.kind === 'note')!;
		expect(note.values).toMatchObject({ trajectories: 2, pairs: 2, leftOut: 2 });
		expect(note.text).toContain('2 were left out, because an evaluation asks their questions');
	});
});

describe('verdicts that are told to the judge', () => {
	test('stand before the question as far as there is room, the nearest last', async () => {
		const { checkpoint } = lab;
		const judge = frozenSelfJudge(checkpoint, 'organism', tiny().conscience.sampling);
		const framework = FRAMEWORKS[0]!;
		const item = { question: 'What do I owe others?', answer: 'Help them.' };
		const like = (count: number) => Array.from({ length: count }, (_, i) => ({ question: `Question ${i}?`, answer: 'Hurt them.', label: 'unethical' as const })); // prettier-ignore
		const readOf = async (count: number) => (await judge.verdicts([{ ...item, like: like(count) }], framework)).tokens.read;
		const alone = await readOf(0);
		const { tokenizer } = checkpoint;
		const one = tokenizer.chat(
			[
				{ role: 'user', content: verdictText(framework, 'Question 0?', 'Hurt them.') },
				{ role: 'assistant', content: 'unethical' },
				{ role: 'user', content: verdictText(framework, item.question, item.answer) },
			],
			{ addGenerationPrompt: true },
		);
		expect(await readOf(1)).toBe(one.length);
		expect(await readOf(2)).toBeGreaterThan(await readOf(1));
		expect(await readOf(40)).toBeLessThan(checkpoint.model.config.maxPositionEmbeddings);
		expect(alone).toBeLessThan(one.length);
	});
});
