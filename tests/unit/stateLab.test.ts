import { flushSync } from 'svelte';
import { beforeEach, describe, expect, test } from 'vitest';

import { presetById } from '$lib/experiment/presets';
import type { Lab } from '$lib/state/lab.svelte';

import { events, settled } from './fakeWorker';
import { answerAll, makeLab, openAll, place, playing, workers } from './fakeLab';

describe('the link', () => {
	test('is the experiment: a change is written to it, and what it says is what runs', () => {
		const lab = makeLab('preset=twin&seed=7');
		expect(lab.experiment.seed).toBe(7);
		lab.change((experiment) => (experiment.conscience.lambda = 0.25));
		expect(place.query).toContain('conscience.lambda=0.25');
		expect(place.query).toContain('seed=7');
		expect(place.history).toHaveLength(2);
	});

	test('of a preset is short, and the engine stands beside the experiment', () => {
		const lab = makeLab();
		lab.choosePreset(presetById('realign'));
		expect(place.query).toBe('preset=realign');
		lab.chooseEngine('wasm');
		expect(place.query).toBe('preset=realign&engine=wasm');
	});

	test('that can’t be read leaves the first story, says why, and can be put away', () => {
		const lab = makeLab('preset=nobody');
		expect(lab.linkFault).toContain('nobody');
		expect(lab.experiment).toEqual(presetById('twin').experiment);
		lab.dismissLinkFault();
		expect(lab.linkFault).toBeNull();
	});
});

describe('a twin', () => {
	test('runs on two workers with one experiment, each with its arm', async () => {
		const { lab, played } = await playing();
		expect(workers.map((worker) => worker.last('open').params.arm)).toEqual(['sft', 'emergent-alignment']);
		expect(workers.map((worker) => worker.last('open').params.experiment)).toEqual([lab.experiment, lab.experiment]);
		expect([lab.activity, lab.playing, lab.underway]).toEqual(['play', true, true]);
		await answerAll('play', 'finished');
		await played;
		expect([lab.activity, lab.playing, lab.underway, lab.over]).toEqual([null, false, false, true]);
	});

	test('pauses both, and steps both by one', async () => {
		const { lab, played } = await playing();
		const paused = lab.pause();
		await answerAll('play', 'paused');
		for (const worker of workers) await worker.answer('pause', undefined);
		await Promise.all([played, paused]);
		expect([lab.playing, lab.underway]).toEqual([false, true]);
		const stepped = lab.stepOnce();
		await settled();
		expect(workers.map((worker) => worker.asked.filter(({ kind }) => kind === 'step').length)).toEqual([1, 1]);
		await answerAll('step', 'paused');
		await stepped;
	});

	test('goes on with one copy when the other has crashed', async () => {
		const { lab, played } = await playing();
		await workers[0]!.crash('killed');
		expect(lab.runs.map(({ status, working }) => [status, working])).toEqual([
			['failed', null],
			['paused', 'play'],
		]);
		expect(lab.playing).toBe(true);
		workers[1]!.tell(events.step(1));
		await workers[1]!.answer('play', { status: 'finished' });
		await played;
		expect(lab.runs[1]!.record.step).toBe(1);
		expect(lab.over).toBe(true);
	});

	test('starts a crashed copy again with what the run was begun with, whatever the link says now', async () => {
		const { lab } = await playing();
		await workers[0]!.crash('killed');
		lab.change((experiment) => (experiment.seed = 99));
		void lab.restart(lab.runs[0]!);
		expect(workers).toHaveLength(3);
		expect(workers[2]!.last('open').params).toMatchObject({ arm: 'sft', experiment: { seed: 1 } });
		await workers[2]!.open();
		expect(workers[2]!.last('play')).toBeDefined();
		expect(lab.playing).toBe(true);
	});

	test('whose GPU is lost starts again on WebAssembly, both copies, so that they stay comparable', async () => {
		const { lab } = await playing('engine=webgpu');
		await workers[0]!.loseDevice('unplugged');
		const restarted = lab.restartOnWasm();
		await settled();
		expect(workers.slice(2).map((worker) => worker.last('open').params.engine)).toEqual(['wasm', 'wasm']);
		expect(workers.slice(0, 2).every(({ terminated }) => terminated)).toBe(true);
		for (const worker of workers.slice(2)) await worker.open();
		await settled();
		for (const worker of workers.slice(2)) await worker.answer('play', { status: 'finished' });
		await restarted;
		expect(lab.engine).toBe('wasm');
		expect(lab.runs.map(({ status }) => status)).toEqual(['finished', 'finished']);
	});
});

describe('settings that change in mid-run', () => {
	test('wait for a reset', async () => {
		const { lab, played } = await playing();
		lab.change((experiment) => (experiment.arms = ['sft']));
		expect(lab.changed).toBe(true);
		expect(lab.shown.arms).toEqual(['sft', 'emergent-alignment']);
		expect(lab.runs).toHaveLength(2);

		const reset = lab.reset();
		await settled();
		expect(lab.runs.map(({ arm }) => arm)).toEqual(['sft']);
		expect(workers[1]!.terminated).toBe(true);
		await workers[0]!.open();
		await workers[0]!.answer('play', { status: 'cancelled' });
		await Promise.all([played, reset]);
		expect(lab.runs[0]!.status).toBe('paused');
		expect([lab.changed, lab.underway, lab.activity]).toEqual([false, false, null]);
	});

	test('are undone by the back button', async () => {
		const { lab } = await playing();
		lab.change((experiment) => (experiment.seed = 5));
		expect(lab.changed).toBe(true);
		place.back();
		expect(lab.changed).toBe(false);
	});

	test('are used when a finished run is run again', async () => {
		const { lab, played } = await playing();
		await answerAll('play', 'finished');
		await played;
		lab.change((experiment) => (experiment.seed = 5));
		const again = lab.play();
		await openAll();
		await settled();
		expect(workers.map((worker) => worker.last('open').params.experiment.seed)).toEqual([5, 5]);
		await answerAll('play', 'finished');
		await again;
		expect(lab.shown.seed).toBe(5);
	});
});

describe('the conscience, while it runs', () => {
	test('is changed at once in every copy, and is no reason for a reset', async () => {
		const { lab } = await playing();
		lab.change((experiment) => (experiment.conscience.lambda = 0.25));
		flushSync();
		await settled();
		for (const worker of workers) expect(worker.last('adjust').params.experiment.conscience.lambda).toBe(0.25);
		expect(lab.changed).toBe(false);
		place.back();
		flushSync();
		await settled();
		for (const worker of workers) expect(worker.last('adjust').params.experiment.conscience.lambda).toBe(1);
	});

	test('goes on as it was when the model can’t take the change', async () => {
		const { lab } = await playing();
		lab.change((experiment) => (experiment.conscience.frameworks[0]!.principles = 'long '.repeat(300)));
		flushSync();
		await settled();
		await workers[1]!.refuse('adjust', 'ExperimentError', 'The framework is too long.');
		expect([lab.liveFault, lab.playing, lab.runs[1]!.problem]).toEqual(['The framework is too long.', true, null]);
	});

	test('is not touched by a change that needs a run from step 0', async () => {
		const { lab } = await playing();
		lab.change((experiment) => {
			experiment.conscience.lambda = 0.25;
			experiment.lora.rank = 2;
		});
		flushSync();
		await settled();
		expect(workers[0]!.asked.some(({ kind }) => kind === 'adjust')).toBe(false);
		expect(lab.changed).toBe(true);
	});
});

describe('a file', () => {
	let lab: Lab;
	const row = '{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}';
	beforeEach(() => (lab = makeLab()));
	const take = (name: string, text: string) => lab.files.take([new File([text], name)]);

	test('with an experiment becomes the link', async () => {
		const experiment = { ...presetById('small-lambda').experiment, seed: 12 };
		await take('experiment.json', JSON.stringify(experiment));
		expect(lab.experiment).toEqual(experiment);
		expect(place.query).toBe('preset=small-lambda&seed=12');
		expect(lab.files.last).toEqual({ fileName: 'experiment.json', kind: 'experiment', query: lab.query });
	});

	test.each([
		['experiment.json', '{'],
		['experiment.json', '{"version":1}'],
		['rows.jsonl', 'not a row'],
		['rows.jsonl', ''],
	])('that can’t be used changes nothing and says why (%s: %s)', async (name, text) => {
		await take(name, text);
		expect(lab.files.fault?.text).toContain(name);
		expect(place.history).toHaveLength(1);
		expect([lab.files.rows, lab.files.last, lab.files.fault?.isZip]).toEqual([null, null, false]);
	});

	test('that is a zip is told where runs are added, and only its first bytes are read', async () => {
		const zip = new File(['PK\u0003\u0004\u0014'], 'twin-seed1-runs.zip');
		zip.text = () => Promise.reject(new Error('too large'));
		await lab.files.take([zip]);
		expect(lab.files.fault?.text).toMatch(/^twin-seed1-runs\.zip can't be used\. It is a zip\. If it holds a run .* “Runs”/);
		expect(lab.files.fault?.isZip).toBe(true);
		expect(lab.files.rows).toBeNull();
	});

	/** As a browser gives a folder that is dropped. */
	class Folder extends File {
		override text = () => Promise.reject(new DOMException('A requested file or directory could not be found.', 'NotFoundError'));
		override slice = () => new Folder([], this.name);
	}

	test('beside others is taken or refused by itself, and so is a folder', async () => {
		await lab.files.take([
			new Folder([], 'data'),
			new File(['x'], 'notes.txt'),
			new File([`${row}\n`], 'rows.jsonl'),
			new File(['{'], 'half.json'),
		]);
		expect(lab.files.rows?.fileName).toBe('rows.jsonl');
		expect(lab.files.fault?.text).toMatch(
			/^data can't be used\. The browser can’t read it.* notes\.txt can't be used.* half\.json can't be used/,
		);
	});

	test('with rows is learnt from', async () => {
		await take('rows.jsonl', `${row}\n${row}\n`);
		expect(lab.files.rows?.rows).toHaveLength(2);
		expect(lab.experiment.data.source).toBe('rows');
		expect(lab.settings.rows?.fileName).toBe('rows.jsonl');
	});

	test('with faulty lines waits for consent', async () => {
		await take('rows.jsonl', `${row}\nnonsense\n`);
		expect(lab.files.rows).toBeNull();
		expect(lab.files.faultyRows).toMatchObject({ fileName: 'rows.jsonl', faults: [{ line: 2 }] });
		lab.files.useRows(lab.files.faultyRows!);
		expect(lab.files.rows?.rows).toHaveLength(1);
		expect(lab.files.faultyRows).toBeNull();
	});

	test('is missing where a link speaks of rows, so nothing can run', async () => {
		lab = makeLab('data.source="rows"');
		expect(lab.hindrance).toContain('Choose the file');
		expect(lab.heldUp).toBe(0);
		await lab.play();
		expect(workers).toHaveLength(0);
		expect(lab.heldUp).toBeGreaterThan(0); // the page leads whoever pressed to what is missing
	});
});
