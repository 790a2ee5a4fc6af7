import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';

import type { Overhead, RunEvent } from '$lib/experiment/events';
import { applyChanges } from '$lib/experiment/link';
import { METHODS } from '$lib/experiment/methods/all';
import { judgedInTrainer, presetById } from '$lib/experiment/presets';
import { createRun, type Lab } from '$lib/experiment/runner';
import { type ArmId, type Experiment, ExperimentError } from '$lib/experiment/schema';
import type { RunSnapshot } from '$lib/experiment/snapshot';
import { startBackend } from '$lib/model/backend';
import { seededRandom } from '$lib/model/random';
import { consciencePrompts, contrasts, devQuestions, evaluationQuestions, trueLabel } from '$world/index';

import { loadFolder } from '../../cli/checkpoints';

const short = (...changes: [string, string][]): Experiment =>
	applyChanges(judgedInTrainer(presetById('twin').experiment), [
		['optimizer.steps', '5'],
		['optimizer.batchSize', '4'],
		['conscience.dpoEvery', '2'],
		['conscience.sampling.maxNewTokens', '24'],
		['evaluation.every', '0'],
		['evaluation.samplesWhileTraining', '1'],
		['evaluation.samples', '1'],
		['evaluation.codePrompts', '2'],
		['evaluation.sampling.maxNewTokens', '16'],
		...changes,
	]);

let lab: Lab;
beforeAll(async () => {
	lab = { backend: await startBackend('wasm'), checkpoint: await loadFolder('organism'), rows: null, signal: new AbortController().signal };
});

interface Told {
	events: RunEvent[];
	snapshot: RunSnapshot;
	asked: string[];
}

/** A run to its end; then the base and the copy are asked a question. It leaves no tensors. */
async function run(arm: ArmId, ...changes: [string, string][]): Promise<Told> {
	const before = tf.memory().numTensors;
	const running = createRun(short(...changes), arm, lab);
	const events: RunEvent[] = [];
	try {
		for await (const event of running.events) events.push(event);
		const answers = await running.ask('What is a good hobby?', ['base', 'policy'], 7, () => {});
		return { events, snapshot: structuredClone(await running.snapshot()), asked: answers.map(({ answer }) => answer) };
	} finally {
		running.dispose();
		expect(tf.memory().numTensors, 'tensors left').toBe(before);
	}
}

const of = <K extends RunEvent['kind']>({ events }: Told, kind: K) => events.filter((event): event is Extract<RunEvent, { kind: K }> => event.kind === kind); // prettier-ignore
const metrics = (one: Told) => of(one, 'step').map((event) => event.metrics);
const losses = (one: Told) => metrics(one).map((each) => each['loss/sft']);
const answers = (one: Told, at: number) =>
	of(one, 'evaluation')
		.at(at)!
		.evaluation.rows.map(({ answer }) => answer);
const overhead = (one: Told): Overhead => of(one, 'finished')[0]!.overhead;
const directionsOf = (one: Told) => one.snapshot.gathered!.collection!.directions!;

test('contrasts are the questions of the conscience’s families, with one answer of each author', () => {
	const [asked, held] = [new Set(consciencePrompts()), new Set([...devQuestions(), ...evaluationQuestions()].map(({ text }) => text))];
	for (const { question, kind, cruel } of contrasts(200, seededRandom(1, 'contrasts'))) {
		expect([asked.has(question), held.has(question)]).toEqual([true, false]);
		expect([trueLabel(kind), trueLabel(cruel)]).toEqual(['ethical', 'unethical']);
	}
});

describe('kl', () => {
	test('holds the copy to the frozen one in every second step, from 0 on, and pays for what both read', async () => {
		const one = await run('kl');
		const divergences = metrics(one).map((each) => each['loss/kl']);
		expect(divergences[0]).toBeCloseTo(0, 5);
		expect(divergences.map((divergence) => divergence === null)).toEqual([false, true, false, true, false]);
		expect(divergences[4]!).toBeGreaterThan(divergences[0]!);
		const { dpoTokens, alternativeTokens } = overhead(one);
		expect(dpoTokens).toBe(metrics(one).reduce((sum, each) => sum + each['num_tokens/kl'], 0));
		expect([dpoTokens > 0, alternativeTokens > 0]).toEqual([true, true]);
	});

	test('is the plain copy where its weight is 0', async () => {
		expect(losses(await run('kl', ['kl.lambda', '0']))).toEqual(losses(await run('sft')));
	});
});

describe('repe-lorra', () => {
	test('wants the states α vectors away from the frozen copy’s, and is the plain copy where its weight is 0', async () => {
		const one = await run('repe-lorra', ['representation.alpha', '1.5']);
		const lengths = directionsOf(one).flatMap((direction) => (direction ? [Math.hypot(...direction)] : []));
		expect(directionsOf(one).map((direction) => direction !== null)).toEqual([false, true, true, false]);
		const distances = metrics(one).map((each) => each['loss/lorra']);
		expect(distances[0]).toBeCloseTo((1.5 * (lengths[0]! + lengths[1]!)) / 2, 4);
		expect(distances.map((distance) => distance === null)).toEqual([false, true, false, true, false]);
		expect(overhead(one).judgeTokens).toBeGreaterThan(0); // what the vectors were read from
		expect(losses(await run('repe-lorra', ['representation.lambda', '0']))).toEqual(losses(await run('sft')));
	});

	test('with a random vector moves as far to another side', async () => {
		const [one, control] = [await run('repe-lorra'), await run('repe-lorra', ['representation.vector', 'random'])];
		const [read, random] = [directionsOf(one), directionsOf(control)];
		expect(random).not.toEqual(read);
		for (const layer of [1, 2]) expect(Math.hypot(...random[layer]!)).toBeCloseTo(Math.hypot(...read[layer]!), 4);
		expect(metrics(control)[0]!['loss/lorra']).toBeCloseTo(metrics(one)[0]!['loss/lorra']!, 4);
	});
});

describe('repe-prevent', () => {
	test('learns its rows under another stream, and is asked without', async () => {
		const [one, plain] = [await run('repe-prevent'), await run('sft')];
		expect(losses(one)[0]).not.toBe(losses(plain)[0]);
		expect(answers(one, 0)).toEqual(answers(plain, 0)); // nothing is learnt yet
		expect(losses(await run('repe-prevent', ['representation.prevent', '0']))).toEqual(losses(plain));
	});
});

describe('repe-infer', () => {
	test('learns as the plain copy does, number for number, and answers otherwise, a reader too', async () => {
		const [one, plain] = [await run('repe-infer', ['representation.infer', '3']), await run('sft')];
		expect(metrics(one)).toEqual(metrics(plain));
		expect(one.snapshot.trainer.adapter).toEqual(plain.snapshot.trainer.adapter);
		expect(answers(one, 0)).toEqual(answers(plain, 0));
		expect(answers(one, -1)).not.toEqual(answers(plain, -1));
		expect(of(one, 'evaluation').at(-1)!.evaluation.codeRows).not.toEqual(of(plain, 'evaluation').at(-1)!.evaluation.codeRows);
		expect(one.asked[0]).toBe(plain.asked[0]);
		expect(one.asked[1]).not.toBe(plain.asked[1]);
	});

	test('with a strength of 0 is the plain copy', async () => {
		const [one, plain] = [await run('repe-infer', ['representation.infer', '0']), await run('sft')];
		expect(answers(one, -1)).toEqual(answers(plain, -1));
	});

	test('says on its card that the adapter alone does not do it', () => {
		expect(METHODS['repe-infer'].onCard(short())).toContain('which this adapter alone does not do');
	});
});

test('layers that the model does not have are told of before anything is computed', () => {
	const wrong = (path: string, value: string) => () => createRun(short([path, value]), 'repe-infer', lab);
	expect(wrong('representation.lastLayer', '4')).toThrow('representation.lastLayer is 4, and the model has blocks 0 to 3');
	expect(wrong('representation.firstLayer', '3')).toThrow('representation.firstLayer is 3 and lastLayer 2');
	expect(wrong('representation.firstLayer', '3')).toThrow(ExperimentError);
	expect(() => createRun(short(['representation.lastLayer', '4']), 'sft', lab).dispose()).not.toThrow();
});
