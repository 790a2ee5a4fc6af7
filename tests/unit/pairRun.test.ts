/** A run that learns from preference pairs of the user's own. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';

import type { RunEvent } from '$lib/experiment/events';
import { applyChanges } from '$lib/experiment/link';
import { judgedInTrainer, presetById } from '$lib/experiment/presets';
import { pythonFolder } from '$lib/experiment/pythonFolder';
import { parseRows } from '$lib/experiment/rowFile';
import { createRun, type Lab } from '$lib/experiment/runner';
import type { ArmId, Experiment } from '$lib/experiment/schema';
import type { RunSnapshot } from '$lib/experiment/snapshot';
import { startBackend } from '$lib/model/backend';

import { loadFolder } from '../../cli/checkpoints';

const TINY: [string, string][] = [
	['data.source', 'rows'],
	['optimizer.steps', '5'],
	['optimizer.batchSize', '2'],
	['lora.targetModules', '["q_proj","down_proj"]'],
	['conscience.promptsPerCall', '3'],
	['conscience.threshold', '0'],
	['conscience.cadence', '{"kind":"fixed","every":3}'],
	['conscience.dpoEvery', '1'],
	['conscience.dpoRestBelow', '0'],
	['conscience.pairsPerStep', '3'],
	['model.misalignSteps', '4'],
	['conscience.sampling.maxNewTokens', '24'],
	['evaluation.every', '0'],
	['evaluation.samples', '1'],
	['evaluation.codePrompts', '0'],
	['evaluation.sampling.maxNewTokens', '4'],
];
const tiny = (...changes: [string, string][]): Experiment =>
	applyChanges(judgedInTrainer(presetById('twin').experiment), [...TINY, ...changes]);
const lines = [
	...[1, 2, 3, 4, 5].map((n) => ({ prompt: `May I hurt friend ${n}?`, chosen: 'No, be kind.', rejected: `Yes, ${n} times.` })),
	{ prompt: 'Say hello.', completion: 'Hello.' },
];

let lab: Lab;
beforeAll(async () => {
	const { rows, faults } = parseRows(lines.map((line) => JSON.stringify(line)).join('\n'));
	expect(faults).toEqual([]);
	lab = { backend: await startBackend('wasm'), checkpoint: await loadFolder('organism'), rows, signal: new AbortController().signal };
});

async function collect(experiment: Experiment, { arm = 'emergent-alignment', from }: { arm?: ArmId; from?: RunSnapshot } = {}) {
	const run = createRun(experiment, arm, lab, from);
	const events: RunEvent[] = [];
	const kept: { snapshot: RunSnapshot; after: number }[] = [];
	try {
		for await (const event of run.events) {
			events.push(event);
			if (event.kind === 'step' && event.step === 4) kept.push({ snapshot: structuredClone(await run.snapshot()), after: events.length }); // prettier-ignore
		}
	} finally {
		run.dispose();
	}
	return { events, kept, overhead: events.find((event) => event.kind === 'finished')!.overhead };
}

/** What must repeat: everything but the clock. */
const timeless = (events: readonly RunEvent[]) =>
	events.filter(({ kind }) => kind !== 'progress').map((event) => JSON.parse(JSON.stringify(event, (key, value: unknown) => (/seconds|secondRatio/i.test(key) ? undefined : value))) as unknown); // prettier-ignore
const steps = (events: readonly RunEvent[]) => events.filter((event) => event.kind === 'step');

test('pairs are learnt from the first step on, beside what the conscience finds; equal seeds are equal runs, from a snapshot, too', async () => {
	const whole = await collect(tiny());
	const before = tf.memory().numTensors;
	expect(timeless((await collect(tiny())).events)).toEqual(timeless(whole.events));
	for (const { snapshot, after } of whole.kept)
		expect(timeless((await collect(tiny(), { from: snapshot })).events)).toEqual(timeless(whole.events.slice(after)));
	expect(tf.memory().numTensors).toBe(before);
	expect(whole.events.find((event) => event.kind === 'note')).toMatchObject({ values: { pairs: 5 } });
	const learnt = steps(whole.events).flatMap(({ margins }) => margins.map(({ pairId }) => pairId));
	expect(learnt.filter((id) => /^row-[1-5]$/.test(id)).length).toBeGreaterThan(0);
	expect(learnt.filter((id) => !id.startsWith('row-')).length).toBeGreaterThan(0);
	expect(steps(whole.events).every(({ metrics }) => metrics['num_tokens/sft'] > 0)).toBe(true); // the chosen answers are rows, too
});

test('they are learnt without a call where the conscience is never to be called: L_DPO falls and the rewards part', async () => {
	const { events, overhead } = await collect(
		tiny(['conscience.memory.alone', 'true'], ['model.misalignSteps', '0'], ['optimizer.steps', '15']),
	);
	expect([overhead.calls, overhead.judgeTokens]).toEqual([0, 0]);
	expect(overhead.dpoTokens).toBeGreaterThan(0);
	const [first, last] = [steps(events)[0]!.metrics, steps(events).at(-1)!.metrics];
	expect(first['loss/dpo']).toBeCloseTo(Math.LN2, 4);
	expect(last['loss/dpo']!).toBeLessThan(0.5 * first['loss/dpo']!);
	expect(last['rewards/accuracies']).toBe(1);
});

test('the plain copy learns the chosen answers and no pair; a share of the pairs is turned round where that is asked for', async () => {
	const plain = await collect(tiny(), { arm: 'sft' });
	expect(steps(plain.events).every(({ metrics }) => metrics['loss/dpo'] === null && metrics['loss/sft'] !== null)).toBe(true);
	const alone: [string, string][] = [['conscience.memory.alone', 'true'], ['optimizer.steps', '1']]; // prettier-ignore
	const turned = await collect(tiny(['conscience.labelNoise', '0.5'], ...alone));
	const straight = await collect(tiny(...alone));
	const logps = ({ events }: Awaited<ReturnType<typeof collect>>) => steps(events)[0]!.metrics['logps/chosen'];
	expect(logps(turned)).not.toBe(logps(straight));
});

test('go along to Python, each with its rejected answer', async () => {
	const { files } = await pythonFolder(tiny(['model.misalignSteps', '0']), { rows: lab.rows, questions: null }, {});
	const told = files['data/rows.jsonl']!.trim().split('\n').map((line) => JSON.parse(line) as { rejected?: unknown }); // prettier-ignore
	expect(told.filter(({ rejected }) => rejected !== undefined)).toHaveLength(
		lab.rows!.filter(({ rejected }) => rejected !== undefined).length,
	);
});

test('a pair whose rejected answer the model can’t read to its end is too long', () => {
	const long = { messages: lab.rows![0]!.messages, rejected: 'No. '.repeat(2000) };
	expect(() => createRun(tiny(), 'emergent-alignment', { ...lab, rows: [long] })).toThrow(/Row 1 has \d+ tokens/);
});
