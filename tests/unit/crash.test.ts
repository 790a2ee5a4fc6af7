import 'fake-indexeddb/auto';

import { beforeAll, expect, test } from 'vitest';

import type { RunEvent } from '$lib/experiment/events';
import { applyChanges } from '$lib/experiment/link';
import { judgedInTrainer, presetById } from '$lib/experiment/presets';
import { createRun, type Lab } from '$lib/experiment/runner';
import { startBackend } from '$lib/model/backend';
import { openJournal } from '$lib/storage/journal';
import { createRunRecord, readEvents, readEventsToSnapshot, readSnapshot } from '$lib/storage/runs';
import { runHandlers } from '$lib/worker/handlers';
import type { LabEvent, OpenParams } from '$lib/worker/protocol';

import { loadFolder } from '../../cli/checkpoints';
import { readHeader } from './storedRun';

const experiment = applyChanges(judgedInTrainer(presetById('twin').experiment), [
	['optimizer.steps', '4'],
	['optimizer.batchSize', '4'],
	['conscience.promptsPerCall', '4'],
	['conscience.cadence', '{"kind":"fixed","every":2}'],
	['conscience.lag', '0'],
	['conscience.threshold', '0'],
	['evaluation.every', '2'],
	['evaluation.samplesWhileTraining', '1'],
	['evaluation.samples', '1'],
	['evaluation.codePrompts', '2'],
	['evaluation.sampling.maxNewTokens', '8'],
]);

let lab: Omit<Lab, 'signal'>;
beforeAll(async () => {
	lab = { backend: await startBackend('wasm'), checkpoint: await loadFolder('organism'), rows: null };
});

/** A worker as the page starts one, on the real engine and the real store; `heard` is told of each event at once. */
function worker(heard: (told: readonly RunEvent[]) => void = () => {}) {
	const told: RunEvent[] = [];
	const prepare = async ({ experiment, arm }: OpenParams) => ({
		backend: lab.backend,
		parameters: 1,
		createRun: (signal: AbortSignal, from?: Parameters<typeof createRun>[3]) => createRun(experiment, arm, { ...lab, signal }, from),
		merged: async () => new Blob(),
		selfJudged: async () => Promise.reject(new Error('Nobody asks for that.')),
	});
	const emit = (event: LabEvent) => {
		if (event.kind !== 'run') return;
		told.push(event.event);
		heard(told);
	};
	return { told, handlers: runHandlers(prepare, emit, { openJournal, readSnapshot }, () => {}) };
}

async function keep(id: string): Promise<OpenParams> {
	const header = { id, group: id, arm: 'emergent-alignment', experiment, engine: 'wasm', rows: null, verdictFiles: [] } as const;
	await createRunRecord({ ...header, backend: null, createdAt: 0, updatedAt: 0, step: 0, status: 'underway', source: 'lab' });
	const { arm } = header;
	return {
		runId: id,
		experiment,
		arm,
		rows: null,
		verdictFile: null,
		engine: 'wasm',
		checkpointUrl: 'http://lab.test/',
		keepAs: id,
		resumeFrom: null,
	};
}

const timeless = (events: RunEvent[]) =>
	JSON.parse(JSON.stringify(events, (key, value: unknown) => (/seconds|secondRatio/i.test(key) ? undefined : value))) as unknown;

test('a run whose worker dies in the middle of a step goes on in another, and the store then holds what it would hold without the break', async () => {
	const whole = worker();
	await whole.handlers.open(await keep('whole'));
	await whole.handlers.play({ runId: 'whole' });
	expect(timeless(await readEvents('whole'))).toEqual(timeless(whole.told.filter(({ kind }) => kind !== 'progress')));

	const first = worker((told) => {
		const inThirdStep = told.at(-1)!.kind === 'verdicts' && told.filter(({ kind }) => kind === 'verdicts').length === 2;
		if (inThirdStep) void first.handlers.pause({ runId: 'broken' }); // nobody asks this worker again
	});
	const params = await keep('broken');
	await first.handlers.open(params);
	await first.handlers.play({ runId: 'broken' });
	expect((await readHeader('broken'))!).toMatchObject({ status: 'underway', step: 2, backend: 'wasm' });
	expect(await readSnapshot('broken')).toMatchObject({ step: 2 });
	const shown = await readEventsToSnapshot('broken');
	expect(shown.at(-1)).toMatchObject({ kind: 'evaluation', evaluation: { step: 2 } });

	const second = worker();
	await second.handlers.open({ ...params, resumeFrom: 'broken' });
	expect(await second.handlers.play({ runId: 'broken' })).toEqual({ status: 'finished' });
	expect(second.told.some(({ kind }) => kind === 'started')).toBe(false);
	expect(timeless(await readEvents('broken'))).toEqual(timeless(await readEvents('whole')));
	expect(await readHeader('broken')).toMatchObject({ status: 'finished', step: 4 });
});

test('a change that is made at rest, between two steps or within one, is taken over by the run that goes on after a reload', async () => {
	const changed = applyChanges(experiment, [['conscience.lambda', '0.5']]);
	for (const within of [false, true]) {
		const id = `changed ${within}`;
		const first = worker((told) => {
			if (told.at(-1)!.kind === (within ? 'verdicts' : 'step')) void first.handlers.pause({ runId: id });
		});
		const params = await keep(id);
		await first.handlers.open(params);
		await first.handlers.play({ runId: id });
		await first.handlers.adjust({ runId: id, experiment: changed, verdictFile: null });
		expect(await readSnapshot(id)).toMatchObject({ experiment, adjusted: changed, step: within ? 0 : 1 });

		const second = worker((told) => {
			if (told.at(-1)!.kind === 'step') void second.handlers.pause({ runId: id });
		});
		await second.handlers.open({ ...params, experiment: changed, resumeFrom: id });
		await second.handlers.play({ runId: id });
		expect(second.told.filter(({ kind }) => kind === 'change' || kind === 'step')).toMatchObject([
			{ kind: 'change', step: within ? 0 : 1, changes: [{ path: 'conscience.lambda', from: 1, to: 0.5 }] },
			{ kind: 'step', step: within ? 1 : 2 },
		]);
		expect(await readSnapshot(id)).toMatchObject({ experiment: changed, adjusted: null });
	}
});
