import { expect, test } from 'vitest';

import type { RunEvent } from '$lib/experiment/events';
import { presetById } from '$lib/experiment/presets';
import { type Prepare, runHandlers } from '$lib/worker/handlers';
import type { LabEvent, OpenParams } from '$lib/worker/protocol';

const steps = 3;
const preset = presetById('twin').experiment;
const experiment = { ...preset, optimizer: { ...preset.optimizer, steps }, evaluation: { ...preset.evaluation, every: 2 } };
const params: OpenParams = { runId: 'r', experiment, arm: 'sft', rows: null, engine: 'auto', checkpointUrl: 'http://lab.test/organism/' };
const backend = { name: 'cpu', reason: 'a test', adapter: null, software: false } as const;

const event = (kind: RunEvent['kind'], rest: object = {}) => ({ kind, ...rest }) as RunEvent;

/** The events of a run of three steps with an evaluation after the second, in the runner's order. */
async function* script(signal: AbortSignal): AsyncGenerator<RunEvent, void> {
	yield event('started');
	yield event('evaluation', { final: false });
	for (let step = 1; step <= steps; step++) {
		signal.throwIfAborted();
		yield event('step', { step });
		yield event('progress', { phase: 'training' });
		if (step === 2) yield event('evaluation', { final: false });
	}
	yield event('evaluation', { final: true });
	yield event('finished');
}

function worker(overrides: { prepare?: Prepare; adapter?: () => Promise<unknown> } = {}) {
	const told: string[] = [];
	const disposed: number[] = [];
	let begun = 0;
	const prepare: Prepare = async () => ({
		backend,
		parameters: 10,
		createRun(signal) {
			const run = ++begun;
			return {
				events: script(signal),
				adapter: (overrides.adapter ?? (async () => ({}))) as never,
				dispose: () => void disposed.push(run),
			};
		},
	});
	const emit = (labEvent: LabEvent) => {
		if (labEvent.kind !== 'run') return;
		const { event } = labEvent;
		told.push(event.kind === 'step' ? `step ${event.step}` : event.kind);
	};
	return { handlers: runHandlers(overrides.prepare ?? prepare, emit), told, disposed };
}

test('play goes on to the end', async () => {
	const { handlers, told } = worker();
	expect(await handlers.open(params)).toEqual({ backend, parameters: 10 });
	expect(told).toEqual([]);
	expect(await handlers.play({ runId: 'r' })).toEqual({ status: 'finished' });
	expect(told.filter((kind) => kind.startsWith('step'))).toEqual(['step 1', 'step 2', 'step 3']);
	expect(told.at(-1)).toBe('finished');
	expect(await handlers.play({ runId: 'r' })).toEqual({ status: 'finished' });
});

test('one step is one optimizer step with the evaluation that is due after it, and the last brings the run to its end', async () => {
	const { handlers, told } = worker();
	await handlers.open(params);
	expect(await handlers.step({ runId: 'r' })).toEqual({ status: 'paused' });
	expect(told).toEqual(['started', 'evaluation', 'step 1']);
	await handlers.step({ runId: 'r' });
	expect(told.slice(3)).toEqual(['progress', 'step 2', 'progress', 'evaluation']);
	expect(await handlers.step({ runId: 'r' })).toEqual({ status: 'finished' });
	expect(told.slice(7)).toEqual(['step 3', 'progress', 'evaluation', 'finished']);
});

test('a pause stops at the next event, and play goes on from there', async () => {
	const { handlers, told } = worker();
	await handlers.open(params);
	const playing = handlers.play({ runId: 'r' });
	await handlers.pause({ runId: 'r' });
	expect(await playing).toEqual({ status: 'paused' });
	const atPause = told.length;
	expect(atPause).toBeLessThan(4);
	await new Promise((resolve) => setTimeout(resolve, 20));
	expect(told).toHaveLength(atPause);
	expect(await handlers.play({ runId: 'r' })).toEqual({ status: 'finished' });
	expect(told.filter((kind) => kind === 'step 1')).toHaveLength(1);
});

test('a reset in mid-run ends it, frees it and begins again from the first event', async () => {
	const { handlers, told, disposed } = worker();
	await handlers.open(params);
	const playing = handlers.play({ runId: 'r' });
	await handlers.reset({ runId: 'r' });
	expect(await playing).toEqual({ status: 'cancelled' });
	expect(disposed).toEqual([1]);
	told.length = 0;
	await handlers.step({ runId: 'r' });
	expect(told).toEqual(['started', 'evaluation', 'step 1']);
});

test('a cancelled run stays as it is and can be exported', async () => {
	const { handlers } = worker({ adapter: async () => ({ 'README.md': 'kept' }) });
	await handlers.open(params);
	await handlers.step({ runId: 'r' });
	await handlers.cancel({ runId: 'r' });
	expect(await handlers.play({ runId: 'r' })).toEqual({ status: 'cancelled' });
	expect(await handlers.exportAdapter({ runId: 'r' })).toEqual({ files: { 'README.md': 'kept' } });
});

test('an export during a run waits for the event that the run is at, and holds up the next', async () => {
	const order: string[] = [];
	const { handlers, told } = worker({
		adapter: async () => {
			order.push(`begun after ${told.length}`);
			await new Promise((resolve) => setTimeout(resolve, 30));
			order.push(`done after ${told.length}`);
			return {};
		},
	});
	await handlers.open(params);
	const playing = handlers.play({ runId: 'r' });
	await handlers.exportAdapter({ runId: 'r' });
	const [begun, done] = order.map((entry) => Number(entry.split(' ').at(-1)));
	expect(begun).toBeGreaterThan(0);
	expect(done).toBe(begun);
	await playing;
});

test('an open that is cancelled rejects, whatever it waits for', async () => {
	const prepare: Prepare = (_, signal) =>
		new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
	const { handlers } = worker({ prepare });
	const opening = handlers.open(params);
	await handlers.cancel({ runId: 'r' });
	await expect(opening).rejects.toMatchObject({ name: 'AbortError' });
	await expect(handlers.play({ runId: 'r' })).rejects.toMatchObject({ name: 'RunStateError' });
});

test('a second open takes the place of the first', async () => {
	const { handlers, told, disposed } = worker();
	await handlers.open(params);
	await handlers.step({ runId: 'r' });
	await handlers.open({ ...params, runId: 's' });
	expect(disposed).toEqual([1]);
	await expect(handlers.step({ runId: 'r' })).rejects.toThrow("holds no run 'r'");
	told.length = 0;
	await handlers.step({ runId: 's' });
	expect(told).toEqual(['started', 'evaluation', 'step 1']);
});
