import { flushSync } from 'svelte';
import { beforeEach, describe, expect, test } from 'vitest';

import { loaded } from './fakeJudgeWorker';
import { emptyStore, judgeWorkers, makeLab, meetJudge, openAll, store, workers } from './fakeLab';
import { events, settled } from './fakeWorker';

const WEBLLM = 'preset=twin&conscience.judge=webllm';
const MODEL = 'Qwen3-0.6B-q4f32_1-MLC';
const kinds = (worker: number) => workers[worker]!.asked.map(({ kind }) => kind);
const count = (worker: number, kind: string) => kinds(worker).filter((asked) => asked === kind).length;

beforeEach(emptyStore);

/** Turns a knob, and waits until whoever follows the link has heard of it. */
async function turn(lab: ReturnType<typeof makeLab>, lambda: number) {
	lab.change(({ conscience }) => (conscience.lambda = lambda));
	flushSync();
	await settled();
}

/** A twin whose copies stand at step 2, paused, and whose judge is lost. */
async function withoutJudge() {
	const lab = makeLab(WEBLLM);
	const played = lab.play();
	await settled();
	const [judge] = judgeWorkers;
	await meetJudge({ opening: true });
	for (const worker of workers) for (const step of [1, 2]) worker.tell(events.step(step));
	void lab.pause();
	for (const worker of workers) await worker.answer('play', { status: 'paused' });
	for (const worker of workers) await worker.answer('pause', undefined);
	await played;
	await judge!.say({ kind: 'lost', reason: 'the device' });
	return { lab, judge: judge! };
}

describe('while the judge is loaded', () => {
	test('a knob that is turned reaches runs that have begun, and none begins from step 0', async () => {
		const { lab } = await withoutJudge();
		const places = lab.runs.map(({ keptAs }) => keptAs);
		void lab.play();
		await settled();
		await turn(lab, 0.25);
		await meetJudge({ opening: false });
		await settled();
		expect(count(0, 'open')).toBe(1);
		expect(workers[0]!.last('adjust').params.experiment.conscience.lambda).toBe(0.25);
		expect(lab.runs.map(({ record, keptAs }) => [record.step, keptAs])).toEqual(places.map((place) => [2, place]));
	});

	test('a knob that is turned before the first step is what the run begins with', async () => {
		const lab = makeLab(WEBLLM);
		void lab.play();
		await settled();
		await turn(lab, 0.25);
		await judgeWorkers[0]!.answer('load', loaded);
		expect(workers.map((worker) => worker.last('open').params.experiment.conscience.lambda)).toEqual([0.25, 0.25]);
		expect(lab.changed).toBe(false);
	});

	test('a reset lets nothing of the run before begin', async () => {
		const { lab, judge } = await withoutJudge();
		void lab.play();
		await settled();
		void lab.reset();
		await openAll();
		lab.change((experiment) => (experiment.seed = 99));
		await judge.answer('load', loaded);
		await openAll();
		expect([lab.underway, lab.changed, lab.playing, store.headers.size]).toEqual([false, false, false, 0]); // the run before had kept nothing
	});

	test('a second press of Run after a reset is the only one that begins', async () => {
		const lab = makeLab(WEBLLM);
		void lab.play();
		await settled();
		void lab.reset();
		await openAll();
		void lab.play();
		await settled();
		await meetJudge({ opening: false });
		expect([count(0, 'play'), count(1, 'play'), store.headers.size]).toEqual([1, 1, 2]);
	});

	test('“End here” ends the loading, too', async () => {
		const { lab, judge } = await withoutJudge();
		void lab.play();
		await settled();
		void lab.cancel();
		await settled();
		expect(judge.count('cancel')).toBe(1);
	});
});

test('a judge that ends while a copy is to meet it lets that copy wait, and the other go on', async () => {
	const lab = makeLab(WEBLLM);
	const played = lab.play();
	await settled();
	await judgeWorkers[0]!.answer('load', loaded);
	await openAll();
	await judgeWorkers[0]!.refuse('connect', 'WorkerLostError', 'The worker of the judge has ended.');
	expect([kinds(0).at(-1), kinds(1).at(-1)]).toEqual(['play', 'open']);
	expect(lab.runs[1]!.judgeLost).toContain('has ended');
	await workers[0]!.answer('play', { status: 'paused' });
	await played;
	expect([lab.activity, lab.playing]).toEqual([null, false]);
});

test('a model that is not wanted after all leaves the judge so far in its place', async () => {
	const lab = makeLab(WEBLLM);
	void lab.play();
	await settled();
	const [judge] = judgeWorkers;
	await meetJudge({ opening: true });
	judge!.outlook = { ...loaded, missingBytes: 1e6, elsewhere: true, hosts: ['huggingface.co'] }; // small, but from elsewhere
	lab.change(({ conscience }) => (conscience.judgeModel = MODEL));
	flushSync();
	await settled();
	expect(lab.judging.loading?.kind).toBe('asking');
	lab.keepJudge();
	flushSync();
	await settled();
	expect([lab.judging.loading, lab.judging.judge, lab.experiment.conscience.judgeModel]).toEqual([null, loaded, 'base']);
	expect([judge!.count('load'), judge!.count('unload')]).toEqual([1, 0]);
});

test('a run that rests goes on with its judge while the file is missing that shall judge next', async () => {
	const { lab } = await withoutJudge();
	lab.change(({ conscience }) => (conscience.judge = 'imported'));
	flushSync();
	await settled();
	expect(lab.hindrance).not.toBeNull();
	void lab.play();
	await settled();
	await meetJudge({ opening: false });
	expect([kinds(0).at(-1), kinds(1).at(-1)]).toEqual(['play', 'play']);
});
