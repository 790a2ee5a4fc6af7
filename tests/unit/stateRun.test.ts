import { beforeEach, expect, test } from 'vitest';

import { Run } from '$lib/state/run.svelte';

import { events, experiment, FakeWorker, settings, settled } from './fakeWorker';

let workers: FakeWorker[];
let run: Run;

beforeEach(() => {
	workers = [];
	run = new Run('emergent-alignment', () => {
		const worker = new FakeWorker();
		workers.push(worker);
		return worker.port;
	});
});

const worker = () => workers.at(-1)!;

/** A run that is open and plays. */
async function playing() {
	const played = run.play(settings);
	await worker().open();
	return { played };
}

test('a run opens its worker with the whole experiment, and plays when that is done', async () => {
	const played = run.play(settings);
	expect([run.status, run.working]).toEqual(['new', 'open']);
	expect(worker().last('open').params).toMatchObject({
		experiment,
		arm: 'emergent-alignment',
		engine: 'auto',
		checkpointUrl: settings.checkpointUrl,
	});
	await worker().open();
	expect([run.status, run.working]).toEqual(['paused', 'play']);
	expect(run.backend?.name).toBe('wasm');
	await worker().answer('play', { status: 'finished' });
	await played;
	expect([run.status, run.working, run.over]).toEqual(['finished', null, true]);
});

test('a warm run is not opened twice, also when Run is pressed while it still loads', async () => {
	const warm = run.open(settings);
	const played = run.play(settings);
	await worker().open();
	expect(await warm).toBe(true);
	expect(worker().asked.map(({ kind }) => kind)).toEqual(['open', 'play']);
	await worker().answer('play', { status: 'paused' });
	await played;
	const stepped = run.stepOnce(settings);
	await settled();
	expect(worker().asked.map(({ kind }) => kind)).toEqual(['open', 'play', 'step']);
	await worker().answer('step', { status: 'paused' });
	await stepped;
});

test('events show at the latest when the answer comes, in their order', async () => {
	const { played } = await playing();
	worker().tell(events.evaluation(0, 96));
	worker().tell(events.verdicts(0, [false, true]));
	worker().tell(events.pair(0, 1));
	worker().tell(events.step(1, [{ pairId: '0-1', margin: 0.5 }]));
	worker().tell(events.step(2, [{ pairId: '0-1', margin: 2 }]));
	await worker().answer('play', { status: 'paused' });
	await played;
	const { record } = run;
	expect(record.step).toBe(2);
	expect(record.steps.map(({ step }) => step)).toEqual([1, 2]);
	expect(record.evaluation?.alignment.mean).toBe(96);
	expect(record.cards.map(({ flagged, alternative }) => [flagged, alternative?.answer ?? null])).toEqual([
		[false, null],
		[true, 'better'],
	]);
	expect(record.calls).toEqual([{ step: 0, asked: 2, flagged: 1, pairs: 1 }]);
	expect(record.margins.get('0-1')).toEqual([{ step: 1, margin: 0.5 }, { step: 2, margin: 2 }]); // prettier-ignore
	expect(record.nextCall).toBe(7);
});

test('many events a second are shown a few times a second', async () => {
	await playing();
	const shown = new Set<unknown>();
	for (let step = 1; step <= 300; step++) {
		worker().tell(events.step(step));
		shown.add(run.record.steps);
		if (step % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 10)); // 30 pauses, 300 ms and more
	}
	const seconds = 0.3;
	expect(shown.size).toBeGreaterThan(1);
	expect(shown.size).toBeLessThan(30 * seconds + 10);
	await worker().answer('play', { status: 'paused' });
	expect(run.record.step).toBe(300);
});

test('where the page is slow, it is brought up to date less often, and has three quarters of its time for the reader', async () => {
	await playing();
	const flush = run.record.flush.bind(run.record);
	const shown: { from: number; to: number }[] = [];
	run.record.flush = () => {
		const from = performance.now();
		flush();
		while (performance.now() - from < 50);
		shown.push({ from, to: performance.now() });
	};
	for (let step = 1; shown.length < 4; step++) {
		worker().tell(events.step(step));
		await new Promise((resolve) => setTimeout(resolve, 5));
	}
	for (const [i, { from, to }] of shown.slice(0, -1).entries()) {
		expect(shown[i + 1]!.from - from).toBeGreaterThan(4 * (to - from) - 2); // timers count whole milliseconds
	}
});

test('the time left stays while an event does not know it', async () => {
	await playing();
	worker().tell(events.progress('training', 1, 40));
	worker().tell(events.progress('conscience', 1, null));
	await worker().answer('play', { status: 'paused' });
	expect(run.record.progress).toMatchObject({ phase: 'conscience', secondsLeft: 40 });
});

test('events of another run are not shown', async () => {
	await playing();
	worker().tell(events.step(9), 'another run');
	await worker().answer('play', { status: 'paused' });
	expect(run.record.step).toBe(0);
});

test('a pause that is asked for while the model loads keeps the run from beginning', async () => {
	const played = run.play(settings);
	await run.pause();
	await worker().open();
	await played;
	expect([run.status, run.working]).toEqual(['paused', null]);
	expect(worker().asked.map(({ kind }) => kind)).toEqual(['open']);
});

test('a reset in mid-run begins anew in the same worker, under a place of its own in the store', async () => {
	const { played } = await playing();
	worker().tell(events.step(1));
	const first = worker().last('open').params;
	const reset = run.reset(settings);
	expect(run.record.step).toBe(0);
	await worker().answer('play', { status: 'cancelled' });
	await worker().open();
	await Promise.all([played, reset]);
	expect([run.record.step, run.status, run.working]).toEqual([0, 'paused', null]);
	expect(workers).toHaveLength(1);
	const second = worker().last('open').params;
	expect(second.runId).not.toBe(first.runId);
	expect(second.keepAs).not.toBe(first.keepAs);
});

test('a reset of a run that has not begun opens nothing again', async () => {
	void run.open(settings);
	await worker().open();
	await run.reset(settings);
	expect(worker().asked.map(({ kind }) => kind)).toEqual(['open']);
});

test('a kept run goes on from where it stood, with what it had told', async () => {
	const resumed = run.resume(settings, { id: 'kept', status: 'underway', experiment }, [
		events.evaluation(0, 96),
		events.step(1),
		events.step(2),
	]);
	expect(worker().last('open').params).toMatchObject({ keepAs: 'kept', resumeFrom: 'kept' });
	await worker().open();
	await resumed;
	expect([run.record.step, run.status, run.record.evaluation?.alignment.mean]).toEqual([2, 'paused', 96]);
	void run.play(settings);
	await settled();
	worker().tell(events.step(3));
	await worker().answer('play', { status: 'finished' });
	expect(run.record.steps.map(({ step }) => step)).toEqual([1, 2, 3]);
});

test('changed settings reach the worker, and the run need not be opened again', async () => {
	await playing();
	const changed = { ...experiment, conscience: { ...experiment.conscience, lambda: 0.2 } };
	void run.adjust({ ...settings, experiment: changed });
	await settled();
	expect(worker().last('adjust').params.experiment.conscience.lambda).toBe(0.2);
	expect(await run.open({ ...settings, experiment: changed })).toBe(true);
	expect(worker().asked.filter(({ kind }) => kind === 'open')).toHaveLength(1);
});

test('a pace that was chosen before the run is opened is told as soon as it is', async () => {
	await run.pace(500);
	void run.open(settings);
	await worker().open();
	expect(worker().last('pace').params.restMs).toBe(500);
});

test('a reset with other settings opens the same worker anew; another engine takes another worker', async () => {
	await playing();
	const other = { ...settings, experiment: { ...experiment, seed: 2 } };
	const reset = run.reset(other);
	await worker().open();
	await reset;
	expect(workers).toHaveLength(1);
	expect(worker().last('open').params.experiment.seed).toBe(2);

	void run.reset({ ...other, engine: 'wasm' });
	expect(workers).toHaveLength(2);
	expect(workers[0]!.terminated).toBe(true);
	expect(worker().last('open').params.engine).toBe('wasm');
	await worker().open();
	expect(run.problem).toBeNull();
});

test('cancelling while it loads is no error, and the run can be opened again', async () => {
	const played = run.play(settings);
	const cancelled = run.cancel();
	await worker().refuse('open', 'AbortError', 'aborted');
	await worker().answer('cancel', undefined);
	await Promise.all([played, cancelled]);
	expect([run.status, run.working, run.problem]).toEqual(['new', null, null]);
	void run.play(settings);
	await worker().open();
	expect(run.working).toBe('play');
});

test('a cancelled run keeps what it has shown', async () => {
	const { played } = await playing();
	worker().tell(events.step(1));
	const cancelled = run.cancel();
	await worker().answer('play', { status: 'cancelled' });
	await worker().answer('cancel', undefined);
	await Promise.all([played, cancelled]);
	expect([run.status, run.record.step]).toEqual(['cancelled', 1]);
});

test.each([
	['an error of the run', (w: FakeWorker) => w.refuse('play', 'TrainingError', 'the loss is NaN'), 'TrainingError', 'the loss is NaN'],
	['a crash of the worker', (w: FakeWorker) => w.crash('out of memory'), 'WorkerLostError', 'out of memory'],
	['a lost GPU', (w: FakeWorker) => w.loseDevice('unplugged'), 'GpuError', 'unplugged'],
])('%s becomes the run’s problem, and a new worker takes over', async (_, happen, name, message) => {
	const { played } = await playing();
	worker().tell(events.step(1));
	await happen(worker());
	await played;
	expect([run.status, run.working, run.record.step]).toEqual(['failed', null, 1]);
	expect(run.problem?.name).toBe(name);
	expect(run.problem?.message).toContain(message);
	expect(worker().terminated).toBe(true);
	await expect(run.exportAdapter()).rejects.toThrow('no worker');

	// Nothing but a reset may clear what it has told.
	await run.play(settings);
	expect([workers.length, await run.open(settings), run.record.step]).toEqual([1, false, 1]);
	void run.reset(settings);
	expect(workers).toHaveLength(2);
	await worker().open();
	expect([run.status, run.problem, run.record.step]).toEqual(['paused', null, 0]);
});

test('a model that can’t be loaded is a problem, and trying again uses a new worker', async () => {
	const opened = run.open(settings);
	await worker().refuse('open', 'MissingFileError', 'config.json: there is no such file');
	expect(await opened).toBe(false);
	expect([run.status, run.problem?.name]).toEqual(['failed', 'MissingFileError']);
	void run.reset(settings);
	expect(workers).toHaveLength(2);
});
