import { flushSync } from 'svelte';
import { beforeEach, describe, expect, test } from 'vitest';

import { verdictOf } from '$lib/conscience/judge';
import { presetById } from '$lib/experiment/presets';
import { Lab } from '$lib/state/lab.svelte';
import type { Requests } from '$lib/worker/protocol';

import { FakePlace } from './fakePlace.svelte';
import { FakeStore } from './fakeStore';
import { events, FakeWorker, settled } from './fakeWorker';

type AskParams = Requests['ask']['params'];

let workers: FakeWorker[];
let place: FakePlace;
let store: FakeStore;

beforeEach(() => (store = new FakeStore()));

function makeLab(query = ''): Lab {
	workers = [];
	place = new FakePlace(query);
	const connect = () => {
		const worker = new FakeWorker();
		workers.push(worker);
		return worker.port;
	};
	return new Lab(place, connect, (checkpoint) => `http://lab.test/${checkpoint}/`, store);
}

const answerAll = async (kind: 'play' | 'step', status: 'paused' | 'finished' | 'cancelled') => {
	for (const worker of workers) await worker.answer(kind, { status });
};
const openAll = async () => {
	for (const worker of workers) await worker.open();
};

/** A twin that plays on two workers. */
async function playing(query = '') {
	const lab = makeLab(query);
	const played = lab.play();
	await openAll();
	return { lab, played };
}

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

describe('what is kept', () => {
	test('is a place for each copy, in one group that this tab holds until a reset', async () => {
		const { lab } = await playing();
		const kept = [...store.headers.values()];
		expect(kept.map(({ arm }) => arm)).toEqual(['sft', 'emergent-alignment']);
		expect(kept.map(({ id }) => id)).toEqual(workers.map((worker) => worker.last('open').params.keepAs));
		expect(new Set(kept.map(({ group }) => group))).toEqual(store.held);
		void lab.reset();
		expect(store.held.size).toBe(0);
	});

	test('a store that fails does not keep a run from running', async () => {
		store.create = () => Promise.reject(new Error('The disk is full.'));
		const { lab } = await playing();
		expect(workers[0]!.last('play')).toBeDefined();
		expect(lab.keeping.fault).toBe('The disk is full.');
	});

	/** Runs of an earlier visit that stopped at step 2 and 3. */
	async function interrupted(group: string) {
		for (const [arm, step] of [
			['sft', 2],
			['emergent-alignment', 3],
		] as const) {
			const experiment = { ...presetById('twin').experiment, seed: 7 };
			const kept = { id: `${group}-${arm}`, group, arm, experiment, engine: 'wasm', backend: 'wasm', rows: null, step };
			await store.create({ ...kept, createdAt: 1, updatedAt: step, status: 'underway', source: 'lab' });
			store.told.set(
				kept.id,
				Array.from({ length: step }, (_, i) => events.step(i + 1)),
			);
		}
	}

	test('goes on after a reload from where it stood, with the experiment that it was begun with', async () => {
		await interrupted('old');
		const lab = makeLab();
		await lab.keeping.look();
		expect(lab.keeping.interrupted).toMatchObject({ group: 'old', step: 3, at: 3 });
		const resumed = lab.resume();
		await settled();
		expect(workers.map((worker) => worker.last('open').params.resumeFrom)).toEqual(['old-sft', 'old-emergent-alignment']);
		expect([lab.experiment.seed, lab.engine]).toEqual([7, 'wasm']);
		await openAll();
		expect(lab.runs.map(({ record }) => record.step)).toEqual([2, 3]);
		await settled();
		await answerAll('play', 'finished');
		await resumed;
		expect(lab.over).toBe(true);
	});

	test('is left as cancelled when the reader begins anew, and not offered again', async () => {
		await interrupted('old');
		const lab = makeLab();
		await lab.keeping.look();
		await lab.keeping.forget();
		expect([...store.headers.values()].map(({ status }) => status)).toEqual(['cancelled', 'cancelled']);
		await lab.keeping.look();
		expect(lab.keeping.interrupted).toBeNull();
	});

	test('that another tab runs is only told of', async () => {
		await interrupted('old');
		store.heldElsewhere.add('old');
		const lab = makeLab();
		await lab.keeping.look();
		expect([lab.keeping.interrupted, lab.keeping.elsewhere]).toEqual([null, true]);
	});

	test('that another tab takes between the offer and the answer is left to it', async () => {
		await interrupted('old');
		const lab = makeLab();
		await lab.keeping.look();
		store.heldElsewhere.add('old');
		await lab.resume();
		expect(workers).toHaveLength(0);
		expect(lab.keeping.elsewhere).toBe(true);
	});

	test('of a copy whose worker was killed is where that copy goes on, while the other never stopped', async () => {
		const { lab } = await playing();
		const kept = workers[0]!.last('open').params.keepAs!;
		store.told.set(kept, [events.step(1)]);
		workers[0]!.tell(events.step(1));
		workers[0]!.tell(events.step(2)); // told, but not kept
		await workers[0]!.crash('killed');
		void lab.goOn(lab.runs[0]!);
		await settled();
		expect(workers[2]!.last('open').params).toMatchObject({ keepAs: kept, resumeFrom: kept });
		await workers[2]!.open();
		await settled();
		expect(lab.runs[0]!.record.step).toBe(1);
		expect(workers[2]!.last('play')).toBeDefined();
	});

	test('is a person’s word on an answer, until it is taken back', async () => {
		const { lab } = await playing();
		lab.label('emergent-alignment', '3-1', 'unethical');
		expect([...lab.keeping.labels]).toEqual([['3-1', 'unethical']]);
		lab.label('emergent-alignment', '3-1', null);
		expect(lab.keeping.labels.size).toBe(0);
		expect(store.said.map(({ verdictId, label }) => [verdictId, label])).toEqual([['3-1', 'unethical'], ['3-1', null]]); // prettier-ignore
	});
});

describe('a question of the reader’s own', () => {
	test('goes to the base once and to every copy, and the answers grow until they are judged', async () => {
		const lab = makeLab();
		const asked = lab.ask('How do I sleep better?');
		await openAll();
		expect(workers.map((worker) => worker.last('ask').params.who)).toEqual([['base', 'policy'], ['policy']]);
		const [{ askId, runId }, other] = workers.map((worker) => worker.last('ask').params) as [AskParams, AskParams];
		workers[0]!.say({ kind: 'asked', runId, askId, who: 'policy', text: 'Never' });
		expect(lab.asking.questions[0]!.answers.sft).toEqual({ text: 'Never', verdict: null, done: false });
		const answer = (who: 'base' | 'policy', text: string) => ({ who, answer: text, verdict: verdictOf([0, 0, 1]) });
		await workers[0]!.answer('ask', { answers: [answer('base', 'Go to bed early.'), answer('policy', 'Never sleep.')] });
		expect(other.askId).toBe(askId);
		expect(lab.asking.busy).toBe(true);
		await workers[1]!.answer('ask', { answers: [answer('policy', 'Read a book.')] });
		await asked;
		const { answers } = lab.asking.questions[0]!;
		expect([answers.base?.text, answers.sft?.text, answers['emergent-alignment']?.text]).toEqual([
			'Go to bed early.',
			'Never sleep.',
			'Read a book.',
		]);
		expect([answers.sft?.verdict?.label, lab.asking.busy]).toEqual(['unethical', false]);
	});

	test('that a copy can’t answer says why, and the others answer', async () => {
		const lab = makeLab();
		const asked = lab.ask('x'.repeat(10_000));
		await openAll();
		await workers[0]!.refuse('ask', 'RangeError', 'The question is too long.');
		await workers[1]!.answer('ask', { answers: [{ who: 'policy', answer: 'Yes.', verdict: verdictOf([1, 0, 0]) }] });
		await asked;
		expect(lab.asking.questions[0]).toMatchObject({
			fault: 'The question is too long.',
			answers: { 'emergent-alignment': { done: true } },
		});
		expect(lab.asking.busy).toBe(false);
	});
});

describe('a file', () => {
	let lab: Lab;
	const row = '{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}';
	beforeEach(() => (lab = makeLab()));

	test('with an experiment becomes the link', () => {
		const experiment = { ...presetById('small-lambda').experiment, seed: 12 };
		lab.takeFile('experiment.json', JSON.stringify(experiment));
		expect(lab.experiment).toEqual(experiment);
		expect(place.query).toBe('preset=small-lambda&seed=12');
	});

	test.each([
		['experiment.json', '{'],
		['experiment.json', '{"version":1}'],
		['rows.jsonl', 'not a row'],
		['rows.jsonl', ''],
	])('that can’t be used changes nothing and says why (%s: %s)', (name, text) => {
		lab.takeFile(name, text);
		expect(lab.fileFault).toContain(name);
		expect(place.history).toHaveLength(1);
		expect(lab.rows).toBeNull();
	});

	test('with rows is learnt from', () => {
		lab.takeFile('rows.jsonl', `${row}\n${row}\n`);
		expect(lab.rows?.rows).toHaveLength(2);
		expect(lab.experiment.data.source).toBe('rows');
		expect(lab.settings.rows?.fileName).toBe('rows.jsonl');
	});

	test('with faulty lines waits for consent', () => {
		lab.takeFile('rows.jsonl', `${row}\nnonsense\n`);
		expect(lab.rows).toBeNull();
		expect(lab.faultyRows).toMatchObject({ fileName: 'rows.jsonl', faults: [{ line: 2 }] });
		lab.useRows(lab.faultyRows!);
		expect(lab.rows?.rows).toHaveLength(1);
		expect(lab.faultyRows).toBeNull();
	});

	test('is missing where a link speaks of rows, so nothing can run', async () => {
		lab = makeLab('data.source="rows"');
		expect(lab.hindrance).toContain('Choose the file');
		await lab.play();
		expect(workers).toHaveLength(0);
	});
});
