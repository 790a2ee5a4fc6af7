import { flushSync } from 'svelte';
import { expect, test } from 'vitest';

import { answerAll, judgeWorkers, makeLab, meetJudge, openAll, workers } from './fakeLab';
import { loaded } from './fakeJudgeWorker';
import { event } from './fakeRun';
import { settled } from './fakeWorker';

const WEBLLM = 'preset=twin&conscience.judge=webllm';
const kinds = (worker: number) => workers[worker]!.asked.map(({ kind }) => kind);

/** A twin that plays, with its judge loaded. */
async function judged() {
	const lab = makeLab(WEBLLM);
	const played = lab.play();
	await meetJudge({ opening: true });
	return { lab, played };
}

test.each([
	['base', { kind: 'folder', url: 'http://lab.test/organism/webllm/', name: 'organism' }],
	['https://models.test/mine/', { kind: 'folder', url: 'https://models.test/mine/', name: 'https://models.test/mine/' }],
	['Qwen3-0.6B-q4f32_1-MLC', { kind: 'listed', id: 'Qwen3-0.6B-q4f32_1-MLC' }],
])('the judge’s model %s is found where it is, and only the base is loaded before it is needed', async (judgeModel, source) => {
	const lab = makeLab(`${WEBLLM}&conscience.judgeModel=${encodeURIComponent(judgeModel)}`);
	void lab.warm();
	await settled();
	expect(judgeWorkers).toHaveLength(judgeModel === 'base' ? 1 : 0);
	void lab.play();
	await settled();
	expect(judgeWorkers[0]!.asked.map(({ params }) => params)).toEqual([{ source }]);
});

test('of a model of a hub, which has nothing compiled beside it, the same model of WebLLM’s list judges', async () => {
	const checkpoint = `https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct/resolve/${'0'.repeat(40)}`;
	const lab = makeLab(`${WEBLLM}&model.checkpoint=${encodeURIComponent(JSON.stringify(checkpoint))}`);
	expect(lab.experiment.model.checkpoint).toBe(checkpoint);
	void lab.play();
	await settled();
	expect(judgeWorkers[0]!.looked).toEqual([{ kind: 'twin', name: 'SmolLM2-135M-Instruct' }]);
});

test('a run whose judge has a worker of its own begins when it is loaded, and only the copy with a conscience meets it', async () => {
	const lab = makeLab(WEBLLM);
	void lab.play();
	await settled();
	expect(judgeWorkers).toHaveLength(1);
	expect(judgeWorkers[0]!.asked[0]).toMatchObject({ params: { source: { kind: 'folder', url: 'http://lab.test/organism/webllm/', name: 'organism' } } }); // prettier-ignore
	expect([lab.playing, lab.underway, workers.length]).toEqual([true, false, 0]);
	await judgeWorkers[0]!.say({ kind: 'files', loadedBytes: 4e6, totalBytes: 8e6, secondsLeft: 2 });
	expect(lab.judging.loading).toMatchObject({ loadedBytes: 4e6 });
	await judgeWorkers[0]!.answer('load', loaded);
	expect([lab.judging.loading, lab.judging.judge?.library]).toEqual([null, 'software.wasm']);
	await openAll();
	await judgeWorkers[0]!.answer('connect', undefined);
	await workers[1]!.answer('connectJudge', undefined);
	expect(kinds(0)).toEqual(['open', 'play']);
	expect(kinds(1)).toEqual(['open', 'connectJudge', 'play']);
	expect(workers[1]!.last('connectJudge').params.identity).toEqual(loaded.identity);
});

test('of two judges that are asked for in a row the second is loaded', async () => {
	const lab = makeLab(WEBLLM);
	void lab.warm();
	await settled();
	lab.change(({ conscience }) => (conscience.judgeModel = 'Qwen3-0.6B-q4f32_1-MLC'));
	void lab.play();
	await settled();
	const [first, second] = judgeWorkers[0]!.asked;
	expect(second).toMatchObject({ kind: 'load', params: { source: { id: 'Qwen3-0.6B-q4f32_1-MLC' } } });
	await judgeWorkers[0]!.reply(first!.id, { error: { name: 'AbortError', message: 'another' } });
	expect([lab.judging.loading?.kind, lab.judging.fault]).toEqual(['starting', null]);
	await judgeWorkers[0]!.reply(second!.id, { result: loaded });
	expect([lab.judging.loading, lab.judging.judge]).toEqual([null, loaded]);
});

test('nobody loads a judge for a run that asks none of that kind', async () => {
	const lab = makeLab('preset=sft&conscience.judge=webllm');
	void lab.play();
	await openAll();
	expect(kinds(0)).toEqual(['open', 'play']);
	void makeLab().play();
	await openAll();
	expect(judgeWorkers).toEqual([]);
});

test('a judge that can’t be loaded says why and keeps the run from beginning; the frozen copy in the trainer can take its place', async () => {
	const lab = makeLab(WEBLLM);
	const played = lab.play();
	await settled();
	await judgeWorkers[0]!.refuse('load', 'MissingFileError', 'There is no such file.');
	await played;
	expect([lab.judging.fault?.message, lab.playing, lab.underway]).toEqual(['There is no such file.', false, false]);
	expect(lab.heldUp).toBeGreaterThan(0);
	void lab.judgeInTrainer();
	await settled();
	await openAll();
	expect(lab.judging.fault).toBeNull();
	expect(lab.experiment.conscience.judge).toBe('frozen-self');
	expect(workers[1]!.last('open').params.experiment.conscience.judge).toBe('frozen-self');
	expect(kinds(1)).toEqual(['open', 'play']);
	expect(lab.heldUp).toBe(0);
});

test('each press that comes to nothing is told of anew; what nobody pressed for is not', async () => {
	const lab = makeLab(WEBLLM);
	const refuse = () => judgeWorkers[0]!.refuse('load', 'MissingFileError', 'There is no such file.');
	void lab.warm();
	await settled();
	await refuse();
	expect([lab.judging.fault?.message, lab.heldUp]).toEqual(['There is no such file.', 0]);
	const presses = [];
	for (const press of [() => lab.play(), () => lab.stepOnce()]) {
		const pressed = press();
		await settled();
		await refuse();
		await pressed;
		presses.push(lab.heldUp);
	}
	expect(presses[0]).toBeGreaterThan(0);
	expect(presses[1]).toBeGreaterThan(presses[0]!);
});

test('a pause while the judge is being loaded ends the loading, and nothing has begun', async () => {
	const lab = makeLab(WEBLLM);
	const played = lab.play();
	await settled();
	void lab.pause();
	await settled();
	expect(judgeWorkers[0]!.count('cancel')).toBe(1);
	await judgeWorkers[0]!.refuse('load', 'AbortError', 'cancelled');
	await played;
	expect([lab.judging.fault, lab.judging.loading, lab.playing, lab.underway]).toEqual([null, null, false, false]);
	void lab.play();
	await settled();
	expect(judgeWorkers[0]!.count('load')).toBe(2);
});

test('a copy that has lost its judge waits, and goes on with the judge loaded again', async () => {
	const { lab } = await judged();
	await judgeWorkers[0]!.say({ kind: 'lost', reason: 'The GPU was lost.' });
	workers[1]!.tell(event('judgeLost', { step: 4, reason: 'The GPU was lost.' }));
	await workers[1]!.answer('play', { status: 'paused' });
	expect(lab.runs.map(({ judgeLost, status }) => [judgeLost, status])).toEqual([
		[null, 'paused'],
		['The GPU was lost.', 'paused'],
	]);
	expect([lab.judging.judge, lab.runs[0]!.working]).toEqual([null, 'play']); // the other copy goes on
	void lab.askJudgeAgain(lab.runs[1]!);
	await settled();
	await meetJudge({ opening: false });
	expect(kinds(1).slice(-2)).toEqual(['connectJudge', 'play']);
	expect(lab.runs[1]!.judgeLost).toBeNull();
});

test('a copy that has lost its judge goes on with the frozen copy in the trainer, of which it is told first', async () => {
	const { lab } = await judged();
	await judgeWorkers[0]!.crash('killed');
	expect([judgeWorkers[0]!.terminated, lab.judging.judge]).toEqual([true, null]);
	workers[1]!.tell(event('judgeLost', { step: 4, reason: 'The worker of the judge has ended.' }));
	await workers[1]!.answer('play', { status: 'paused' });
	void lab.judgeInTrainer();
	await settled();
	expect(kinds(1).slice(-2)).toEqual(['adjust', 'play']);
	expect(workers[1]!.last('adjust').params.experiment.conscience.judge).toBe('frozen-self');
	expect(lab.changed).toBe(false);
});

test('a judge that is chosen in mid-run takes over once it is loaded, with whatever was changed meanwhile', async () => {
	const lab = makeLab();
	void lab.play();
	await openAll();
	lab.change(({ conscience }) => (conscience.judge = 'webllm'));
	flushSync();
	await settled();
	expect(kinds(1)).not.toContain('adjust');
	lab.change(({ conscience }) => (conscience.lambda = 0.5));
	flushSync();
	await settled();
	await meetJudge({ opening: false });
	expect(workers[1]!.last('adjust').params.experiment.conscience).toMatchObject({ judge: 'webllm', lambda: 0.5 });
	expect(judgeWorkers[0]!.count('load')).toBe(1);
	await answerAll('play', 'finished');
	expect(lab.over).toBe(true);
});
