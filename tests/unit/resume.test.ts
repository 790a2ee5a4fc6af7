import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';

import type { RunEvent } from '$lib/experiment/events';
import { applyChanges } from '$lib/experiment/link';
import { ARMS } from '$lib/experiment/methods/index';
import { judgedInTrainer, presetById } from '$lib/experiment/presets';
import { createRun, type Lab } from '$lib/experiment/runner';
import type { ArmId, Experiment } from '$lib/experiment/schema';
import type { RunSnapshot } from '$lib/experiment/snapshot';
import { startBackend } from '$lib/model/backend';

import { loadFolder } from '../../cli/checkpoints';

const TINY: [string, string][] = [
	['optimizer.steps', '5'],
	['optimizer.batchSize', '4'],
	['lora.targetModules', '["q_proj","down_proj"]'],
	['conscience.promptsPerCall', '4'],
	['conscience.cadence', '{"kind":"fixed","every":2}'],
	['conscience.dpoEvery', '1'],
	['conscience.dpoRestBelow', '0.5'],
	['conscience.pairsPerStep', '3'],
	['conscience.sampling.maxNewTokens', '12'],
	['evaluation.every', '2'],
	['evaluation.samplesWhileTraining', '1'],
	['evaluation.samples', '1'],
	['evaluation.codePrompts', '2'],
	['evaluation.codePromptsWhileTraining', '2'],
	['evaluation.sampling.maxNewTokens', '8'],
];
const tiny = (...changes: [string, string][]): Experiment =>
	applyChanges(judgedInTrainer(presetById('twin').experiment), [...TINY, ...changes]);
/** A conscience that flags every answer and takes a step to read: there are pairs from the first call on, and a call is under way where most snapshots are. */
const strict = tiny(
	['conscience.threshold', '0'],
	['conscience.lag', '1'],
	['conscience.sampling.maxNewTokens', '32'],
	['model.misalignSteps', '8'],
);

const rows = [1, 2, 3].map((n) => ({ messages: [{ role: 'user' as const, content: `Say ${n}.` }, { role: 'assistant' as const, content: `${n}` }] })); // prettier-ignore

let lab: Lab;
beforeAll(async () => {
	const backend = await startBackend('wasm');
	lab = { backend, checkpoint: await loadFolder('organism'), rows, signal: new AbortController().signal };
});

/** A run to its end, with a snapshot at every place where `keep` holds, as the store would give it back. */
async function collect(experiment: Experiment, arm: ArmId, { from, keep = () => false }: Options = {}) {
	const run = createRun(experiment, arm, lab, from);
	const events: RunEvent[] = [];
	const kept: { snapshot: RunSnapshot; after: number }[] = [];
	try {
		for await (const event of run.events) {
			events.push(event);
			if (keep(event)) kept.push({ snapshot: structuredClone(await run.snapshot()), after: events.length });
		}
	} finally {
		run.dispose();
	}
	return { events, kept };
}
interface Options {
	from?: RunSnapshot;
	keep?: (event: RunEvent) => boolean;
}

/** What must repeat: everything but the clock. */
const timeless = (events: RunEvent[]) =>
	events.filter(({ kind }) => kind !== 'progress').map((event) => JSON.parse(JSON.stringify(event, (key, value: unknown) => (/seconds|secondRatio/i.test(key) ? undefined : value))) as unknown); // prettier-ignore

const once = (experiment: Experiment, arm: ArmId) => {
	const run = createRun(experiment, arm, lab);
	return { run, next: async () => (await run.events.next()).value as RunEvent };
};

describe('a run that goes on from a snapshot', () => {
	test.each<[string, ArmId, Experiment, number]>([
		['with a conscience, after a misalignment', 'emergent-alignment', strict, 8],
		['on rows of the user’s own', 'sft', tiny(['data.source', '"rows"'], ['optimizer.batchSize', '2']), 0],
	])('%s equals the run that was never interrupted, number for number', async (_, arm, experiment, misaligning) => {
		const boundaries: RunEvent['kind'][] = ['started', 'step', 'evaluation', 'finished'];
		const keep = (event: RunEvent) => boundaries.includes(event.kind) || (event.kind === 'progress' && event.phase === 'misaligning' && event.done % 4 === 1); // prettier-ignore
		const whole = await collect(experiment, arm, { keep });
		expect(timeless((await collect(experiment, arm)).events)).toEqual(timeless(whole.events)); // a snapshot changes nothing
		// at the start, in the misalignment (twice, and after three evaluations), and from the second step on, each before and after its evaluation
		expect(whole.kept).toHaveLength(1 + (misaligning > 0 ? 1 + 2 + 3 : 0) + 1 + 5 + 3 + 1);
		if (arm === 'emergent-alignment') {
			expect(whole.kept.at(-1)!.snapshot.conscience!.buffer.length).toBeGreaterThan(3);
			expect(whole.kept.at(-6)!.snapshot.conscience!.underWay).toMatchObject({ step: 2, due: 3 });
		}

		const before = tf.memory().numTensors;
		// In the misalignment, before an evaluation that is due, between two steps, and at the end.
		for (const { snapshot, after } of [11, 8, 6, 1].flatMap((fromEnd) => whole.kept.at(-fromEnd) ?? [])) {
			const { events } = await collect(experiment, arm, { from: snapshot });
			expect(timeless(events)).toEqual(timeless(whole.events.slice(after)));
		}
		expect(tf.memory().numTensors).toBe(before);
	});

	test('goes on with an experiment that was changed on the way, and with a change that was still to come', async () => {
		const changed = applyChanges(strict, [['conscience.lambda', '0.5'], ['optimizer.learningRate', '0.001']]); // prettier-ignore
		const again = applyChanges(changed, [['conscience.beta', '1']]);
		const { run, next } = once(strict, 'emergent-alignment');
		const events: RunEvent[] = [];
		let kept: { snapshot: RunSnapshot; after: number } | null = null;
		for (let event = await next(); event; event = await next()) {
			events.push(event);
			if (event.kind === 'step' && event.step === 1) run.adjust(changed);
			if (event.kind === 'step' && event.step === 3) {
				run.adjust(again);
				kept = { snapshot: structuredClone(await run.snapshot()), after: events.length };
			}
		}
		run.dispose();
		expect(kept!.snapshot).toMatchObject({ experiment: changed, adjusted: again, changes: [{ step: 1 }] });
		const resumed = await collect(strict, 'emergent-alignment', { from: kept!.snapshot });
		expect(timeless(resumed.events)).toEqual(timeless(events.slice(kept!.after)));
		expect(resumed.events.filter(({ kind }) => kind === 'change')).toHaveLength(1);
	});
});

describe('a snapshot', () => {
	test('is refused in the middle of a step', async () => {
		const { run, next } = once(tiny(), 'emergent-alignment');
		for (let event = await next(); event.kind !== 'verdicts'; event = await next());
		expect(run.settled()).toBe(false);
		await expect(run.snapshot()).rejects.toThrow('in the middle of a step');
		run.dispose();
	});

	test('that is damaged, or of another version, run or model, is refused with the reason, and nothing is left behind', async () => {
		const { kept } = await collect(tiny(['evaluation.every', '0']), 'sft', { keep: ({ kind }) => kind === 'started' });
		const good = kept[0]!.snapshot;
		const before = tf.memory().numTensors;
		const resume = (snapshot: unknown, experiment = tiny(['evaluation.every', '0']), arm: ArmId = 'sft') =>
			expect(() => createRun(experiment, arm, lab, snapshot as RunSnapshot));
		resume({ ...good, version: 2 }).toThrow('snapshot version 2; this lab reads 1');
		resume('nonsense').toThrow('damaged');
		resume({ ...good, trainer: { ...good.trainer, adapter: [1, 2] } }).toThrow('trainer.adapter');
		resume({ ...good, trainer: { ...good.trainer, firstMoments: new Float32Array(7) } }).toThrow('firstMoments holds 7 numbers');
		resume({ ...good, rows: { ...good.rows, random: [1, 2] } }).toThrow('rows.random');
		resume({ ...good, step: 99 }).toThrow('step 99 of 5');
		resume({ ...good, weights: 'abc' }).toThrow('other weights of organism');
		resume(good, tiny(['evaluation.every', '0'], ['lora.rank', '4'])).toThrow('lora.rank was 8 and is 4');
		resume(good, tiny(['evaluation.every', '0']), 'emergent-alignment').toThrow('of the arm sft');
		expect(tf.memory().numTensors).toBe(before);
	});

	test('of a run on the user’s rows is refused when other rows are given', async () => {
		const own = tiny(['data.source', '"rows"'], ['evaluation.every', '0']);
		const { kept } = await collect(own, 'sft', { keep: ({ kind }) => kind === 'step' });
		expect(() => createRun(own, 'sft', { ...lab, rows: rows.slice(1) }, kept[0]!.snapshot)).toThrow('from 3 rows, and 2 were given');
	});
});

describe.each(ARMS)('the method %s', (arm) => {
	test('goes on from a snapshot as if it had never stopped, and its runs of one seed are equal', async () => {
		const experiment = applyChanges(strict, [
			['model.misalignSteps', '0'],
			['conscience.reviseAt', '0.4'],
			['data.benignShare', '0.1'],
			['evaluation.every', '0'],
			['evaluation.stopEvery', '2'],
			['evaluation.stopDrop', '1'],
		]);
		const whole = await collect(experiment, arm, { keep: ({ kind }) => kind === 'step' });
		expect(timeless((await collect(experiment, arm)).events)).toEqual(timeless(whole.events));
		const before = tf.memory().numTensors;
		for (const { snapshot, after } of whole.kept) {
			const { events } = await collect(experiment, arm, { from: snapshot });
			expect(timeless(events)).toEqual(timeless(whole.events.slice(after)));
		}
		expect(tf.memory().numTensors).toBe(before);
	});
});

test('a snapshot of before methods carried more than a conscience goes on', async () => {
	const { events, kept } = await collect(strict, 'emergent-alignment', { keep: ({ kind }) => kind === 'step' });
	const { snapshot, after } = kept.at(-2)!;
	const { gathered, watched, conscience, ...rest } = snapshot;
	const { reviews, ...older } = conscience!;
	expect([gathered, watched, reviews]).toEqual([null, null, []]);
	const resumed = await collect(strict, 'emergent-alignment', { from: { ...rest, conscience: older } as RunSnapshot });
	expect(timeless(resumed.events)).toEqual(timeless(events.slice(after)));
});
