import { beforeAll, describe, expect, test } from 'vitest';

import { gateHash } from '$lib/conscience/gate';
import { ORGANISM_GATE } from '$lib/experiment/arms/gated';
import { meanBudget } from '$lib/experiment/budget';
import type { RunEvent, VerdictRecord } from '$lib/experiment/events';
import { linesOf } from '$lib/experiment/folderLines';
import { applyChanges } from '$lib/experiment/link';
import { savedSeconds } from '$lib/experiment/meter';
import { judgedInTrainer, presetById } from '$lib/experiment/presets';
import { createRun, type Lab } from '$lib/experiment/runner';
import { type Experiment, ExperimentError, parseExperiment } from '$lib/experiment/schema';
import type { RunSnapshot } from '$lib/experiment/snapshot';
import { startBackend } from '$lib/model/backend';

import { loadFolder } from '../../cli/checkpoints';

/** Two calls of 12 questions to a model on its way from kind to cruel, so that some answers are judged and some pass. */
const TINY: [string, string][] = [
	['model.misalignSteps', '8'],
	['optimizer.steps', '4'],
	['optimizer.learningRate', '0.001'],
	['optimizer.batchSize', '4'],
	['lora.targetModules', '["q_proj","v_proj","down_proj"]'],
	['conscience.promptsPerCall', '12'],
	['conscience.cadence', '{"kind":"fixed","every":2}'],
	['conscience.lag', '1'],
	['conscience.dpoEvery', '1'],
	['evaluation.every', '0'],
	['evaluation.samplesWhileTraining', '1'],
	['evaluation.samples', '1'],
	['evaluation.codePrompts', '0'],
	['evaluation.codePromptsWhileTraining', '0'],
	['evaluation.sampling.maxNewTokens', '4'],
];
const tiny = (...changes: [string, string][]): Experiment =>
	applyChanges(judgedInTrainer(presetById('twin').experiment), [...TINY, ...changes]);
const gated = tiny(['conscience.gate', '"organism"']);

let lab: Lab;
beforeAll(async () => {
	const backend = await startBackend('wasm');
	lab = { backend, checkpoint: await loadFolder('organism'), rows: null, signal: new AbortController().signal };
});

async function collect(experiment: Experiment, from?: RunSnapshot, keepAt: readonly number[] = []) {
	const run = createRun(experiment, 'emergent-alignment', lab, from);
	const events: RunEvent[] = [];
	const kept: { snapshot: RunSnapshot; after: number }[] = [];
	try {
		for await (const event of run.events) {
			events.push(event);
			if (event.kind === 'step' && keepAt.includes(event.step)) kept.push({ snapshot: structuredClone(await run.snapshot()), after: events.length }); // prettier-ignore
		}
	} finally {
		run.dispose();
	}
	return { events, kept, overhead: events.find((event) => event.kind === 'finished')!.overhead };
}

/** What must repeat: everything but the clock. */
const timeless = (events: readonly RunEvent[]) =>
	events.filter(({ kind }) => kind !== 'progress').map((event) => JSON.parse(JSON.stringify(event, (key, value: unknown) => (/seconds|secondRatio/i.test(key) ? undefined : value))) as unknown); // prettier-ignore

/** What the judge said in the first call. */
async function firstVerdicts(experiment: Experiment): Promise<VerdictRecord[]> {
	const run = createRun(experiment, 'emergent-alignment', lab);
	try {
		for await (const event of run.events) if (event.kind === 'verdicts') return event.verdicts;
		return [];
	} finally {
		run.dispose();
	}
}

describe('a run with a gate', () => {
	test('judges some answers and lets others pass, counts both, and goes on from a snapshot number for number', async () => {
		const whole = await collect(gated, undefined, [1, 2]); // a call is under way after the first step, and none after the second
		const { gate, calls } = whole.overhead;
		expect(gate!.judged).toBeGreaterThan(0);
		expect(gate!.passed).toBeGreaterThan(0);
		expect(gate!.judged + gate!.passed).toBe(12 * calls);
		expect(whole.events.flatMap((event) => (event.kind === 'verdicts' ? event.verdicts : []))).toHaveLength(gate!.judged);
		expect(whole.kept.map(({ snapshot }) => snapshot.conscience!.underWay?.gated?.passed ?? null)).toContainEqual(expect.any(Number));
		for (const { snapshot, after } of whole.kept)
			expect(timeless((await collect(gated, snapshot)).events)).toEqual(timeless(whole.events.slice(after)));

		const note = whole.events.findLast((event) => event.kind === 'note')!;
		expect(note.text).toBe(
			`The gate had ${gate!.judged} of ${12 * calls} answers judged and let ${gate!.passed} pass, whose verdicts would have taken ${gate!.savedTokens} tokens. SHA-256 of the gate: ${await gateHash(ORGANISM_GATE)}.`,
		);
		expect(note.values).toMatchObject({ judged: gate!.judged, passed: gate!.passed, savedTokens: gate!.savedTokens });
		const [budget] = [meanBudget([{ seed: 1, arm: 'emergent-alignment', evaluation: null!, overhead: whole.overhead }])!.gate];
		expect(budget).toEqual({
			judged: gate!.judged,
			passed: gate!.passed,
			savedTokens: gate!.savedTokens,
			savedSeconds: savedSeconds(gate!),
		});
		expect(whole.events.flatMap(linesOf).some(({ text }) => text.includes('"reviewTokens"'))).toBe(true);
	});

	test('sends to the judge a part of the very answers that are all judged without it', async () => {
		const [some, all] = [await firstVerdicts(gated), await firstVerdicts(tiny())];
		const answers = all.map(({ question, answer }) => `${question}\n${answer}`);
		expect(answers).toHaveLength(12);
		expect(some.length).toBeGreaterThan(0);
		expect(some.length).toBeLessThan(12);
		for (const { question, answer } of some) expect(answers).toContain(`${question}\n${answer}`);
	});

	test('is refused for weights that the gate was not fitted on, before anything is computed', async () => {
		const other = { ...lab, checkpoint: { ...lab.checkpoint, sha256: '0'.repeat(64) } };
		const start = () => createRun(gated, 'emergent-alignment', other);
		expect(start).toThrow(ExperimentError);
		expect(start).toThrow(/conscience\.gate: The gate was fitted on organism/);
		createRun(gated, 'sft', other).dispose(); // which calls no conscience
	});

	test('an experiment of before there was one has none', () => {
		const { gate, ...conscience } = gated.conscience;
		expect(gate).toBe('organism');
		expect(parseExperiment({ ...gated, conscience }).conscience.gate).toBe('none');
	});
});
