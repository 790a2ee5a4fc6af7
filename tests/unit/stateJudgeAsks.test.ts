import { flushSync } from 'svelte';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { lookOf } from '$lib/conscience/listedModels';
import type { JudgeOutlook } from '$lib/worker/judgeProtocol';

import { judgeWorkers, makeLab, meetJudge, openAll, workers } from './fakeLab';
import { loaded } from './fakeJudgeWorker';
import { settled } from './fakeWorker';

const MODEL = 'Qwen3-0.6B-q4f32_1-MLC';
const WEBLLM = `preset=twin&conscience.judge=webllm&conscience.judgeModel=${MODEL}`;
const large: JudgeOutlook = { ...loaded, totalBytes: 500e6, missingBytes: 400e6, hosts: ['huggingface.co'] };
const kinds = (worker: number) => workers[worker]!.asked.map(({ kind }) => kind);
const persist = vi.fn(async () => false);

beforeEach(() => {
	persist.mockClear();
	vi.stubGlobal('navigator', { storage: { persist } });
});
afterEach(() => void vi.unstubAllGlobals());

/** A lab in which Run was pressed, and a judge that is large, or slow, waits for the reader's yes. */
async function asked(outlook = large) {
	const lab = makeLab(WEBLLM);
	const played = lab.play();
	judgeWorkers[0]!.outlook = outlook;
	await settled();
	return { lab, played, judge: judgeWorkers[0]! };
}

test.each([
	['large', large],
	['slow, on a processor that plays a graphics card', { ...large, missingBytes: 0 }],
])('a judge that is %s is loaded once the reader says yes, and the browser is asked to keep it', async (_, outlook) => {
	const { lab, judge } = await asked(outlook);
	expect([lab.judging.loading?.kind, lab.judging.outlook, judge.count('load'), persist.mock.calls.length]).toEqual([
		'asking',
		outlook,
		0,
		0,
	]);
	lab.judging.agree();
	await judge.answer('load', loaded);
	expect([lab.judging.judge, persist.mock.calls.length, lab.judging.mayBeCleared]).toEqual([loaded, 1, true]);
	await openAll();
	expect(kinds(0)).toEqual(['open', 'play']);
});

test.each([
	['small', { ...large, missingBytes: 9e6, adapter: { ...large.adapter, software: false } }],
	['here already', { ...large, missingBytes: 0, adapter: { ...large.adapter, software: false } }],
])('a judge that is %s is loaded without a question', async (_, outlook) => {
	const { lab, judge } = await asked(outlook);
	expect([lab.judging.loading?.kind, judge.count('load'), persist.mock.calls.length]).toEqual(['starting', 1, 0]);
});

test('a yes holds for another try of the same download, and not after it was cancelled', async () => {
	const { lab, played, judge } = await asked();
	lab.judging.agree();
	await judge.refuse('load', 'DownloadError', 'The line was cut.');
	await played;
	expect(lab.judging.fault?.message).toBe('The line was cut.');
	void lab.play();
	await settled();
	expect([lab.judging.loading?.kind, judge.count('load')]).toEqual(['starting', 2]);
	void lab.pause();
	await judge.refuse('load', 'AbortError', 'cancelled');
	void lab.play();
	await settled();
	expect(lab.judging.loading?.kind).toBe('asking');
});

test('in the place of a judge that nobody wants to load the trainer judges, and the run that waited begins', async () => {
	const { lab, judge } = await asked();
	void lab.judgeInTrainer();
	await settled();
	await openAll();
	expect([lab.judging.loading, judge.count('load')]).toEqual([null, 0]);
	expect(workers[1]!.last('open').params.experiment.conscience.judge).toBe('frozen-self');
	expect(kinds(1)).toEqual(['open', 'play']);
});

test('a question that was not asked by Run begins nothing when the trainer judges instead', async () => {
	const lab = makeLab('preset=twin&conscience.judge=webllm');
	void lab.warm();
	judgeWorkers[0]!.outlook = large;
	await settled();
	expect(lab.judging.loading?.kind).toBe('asking');
	await lab.judgeInTrainer();
	await settled();
	expect([lab.judging.loading, lab.playing, lab.underway]).toEqual([null, false, false]);
	expect(workers.flatMap(({ asked }) => asked.map(({ kind }) => kind))).not.toContain('play');
});

test('a judge that could not be loaded before Run was pressed begins nothing when the trainer judges instead, and the press begins what it asked for', async () => {
	const lab = makeLab('preset=twin&conscience.judge=webllm');
	void lab.warm();
	const fail = () => judgeWorkers[0]!.refuse('load', 'JudgeFitError', 'There is no WebGPU here.');
	await settled();
	await fail();
	await lab.judgeInTrainer();
	expect([lab.playing, lab.underway]).toEqual([false, false]);

	lab.change(({ conscience }) => (conscience.judge = 'webllm'));
	void lab.play();
	await settled();
	await fail();
	void lab.judgeInTrainer();
	await settled();
	expect([lab.playing, lab.underway]).toEqual([true, true]);
});

test('a question falls away when another model is chosen, which the run that waited begins with', async () => {
	const { lab, judge } = await asked();
	lab.change(({ conscience }) => (conscience.judgeModel = 'base'));
	judge.outlook = loaded;
	flushSync();
	await settled();
	expect(judge.looked.map(({ kind }) => kind)).toEqual(['listed', 'folder']);
	await judge.answer('load', loaded);
	await openAll();
	expect(workers[1]!.last('open').params.experiment.conscience.judgeModel).toBe('base');
});

test('a pause ends the question, and nothing has begun', async () => {
	const { lab, played } = await asked();
	await lab.pause();
	await played;
	expect([lab.judging.loading, lab.judging.fault, lab.playing, lab.underway]).toEqual([null, null, false, false]);
});

/** A twin that WebLLM judges with the model itself, and of which the reader has then chosen another judge, which is looked at. */
async function rejudged(outlook: JudgeOutlook) {
	const lab = makeLab('preset=twin&conscience.judge=webllm');
	void lab.play();
	const judge = judgeWorkers[0]!;
	await meetJudge({ opening: true });
	judge.outlook = outlook;
	lab.change(({ conscience }) => (conscience.judgeModel = MODEL));
	flushSync();
	await settled();
	return { lab, judge };
}

test('while the reader is asked in mid-run the judge so far goes on, and does so until the trainer has taken over', async () => {
	const { lab, judge } = await rejudged(large);
	expect([lab.judging.loading?.kind, lab.judging.judge]).toEqual(['asking', loaded]);
	void lab.judgeInTrainer();
	await settled();
	expect(workers[1]!.last('adjust').params.experiment.conscience.judge).toBe('frozen-self');
	expect([lab.judging.loading, judge.count('load'), judge.count('unload')]).toEqual([null, 1, 0]);
});

test('a judge that can’t be had in mid-run leaves no other in its place', async () => {
	const { lab, judge } = await rejudged(large);
	await lab.judging.cancel();
	await settled();
	expect([lab.judging.judge, lab.judging.fault, judge.count('unload')]).toEqual([null, null, 1]);
});

test('WebLLM’s list is read once', async () => {
	const lab = makeLab();
	void lab.judging.list();
	const listed = [lookOf({ model_id: MODEL, model: '', model_lib: '', vram_required_MB: 1925 })];
	await judgeWorkers[0]!.answer('listed', listed);
	await lab.judging.list();
	expect([lab.judging.listed, judgeWorkers[0]!.count('listed')]).toEqual([listed, 1]);
});
