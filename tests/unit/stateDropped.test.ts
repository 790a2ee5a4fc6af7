import { flushSync } from 'svelte';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { interruptedIn } from '$lib/state/interrupted';
import type { KeptRun } from '$lib/storage/database';
import { StorageError } from '$lib/storage/storageError';

import { answerAll, emptyStore, interrupted, keepStep, makeLab, openAll, place, playing, store, workers } from './fakeLab';
import { experiment, settled } from './fakeWorker';

beforeEach(emptyStore);
afterEach(() => void vi.useRealTimers());

/** What is kept, as `arm status`. */
const kept = () => [...store.headers.values()].map(({ arm, status }) => `${arm} ${status}`);
const offered = async () => {
	const { keeping } = makeLab();
	await keeping.look();
	return keeping.interrupted;
};

describe('runs that are dropped', () => {
	test.each([
		['a reset with another engine', (lab: ReturnType<typeof makeLab>) => (lab.chooseEngine('wasm'), lab.reset())],
		['a restart on WebAssembly', (lab: ReturnType<typeof makeLab>) => lab.restartOnWasm()],
		['an arm that is left out', (lab: ReturnType<typeof makeLab>) => (lab.change((changed) => (changed.arms = ['sft'])), lab.reset())],
	])('by %s are over, and not offered again', async (_, drop) => {
		const { lab } = await playing('engine=webgpu');
		keepStep(4);
		const dropped = [...store.headers.keys()];
		void drop(lab);
		await settled();
		expect(dropped.map((id) => store.headers.get(id)!.status)).toEqual(['cancelled', 'cancelled']);
		expect(await offered()).toBeNull();
	});

	test('before they told anything leave nothing behind', async () => {
		const { lab } = await playing();
		expect(kept()).toHaveLength(2);
		void lab.reset();
		await settled();
		expect([kept(), store.held.size]).toEqual([[], 0]);
	});

	test('by a cancel while the model loads leave nothing behind, and do not begin', async () => {
		const lab = makeLab();
		void lab.play();
		const cancelled = lab.cancel(); // while the store notes them
		for (const worker of workers) {
			await worker.refuse('open', 'AbortError', 'cancelled');
			await worker.answer('cancel', undefined);
		}
		await cancelled;
		await settled();
		expect([kept(), store.held.size, lab.underway, lab.activity]).toEqual([[], 0, false, null]);
		expect(workers.flatMap(({ asked }) => asked.map(({ kind }) => kind))).not.toContain('play');
	});

	test('by a cancel at rest before the first event leave nothing behind', async () => {
		const { lab, played } = await playing();
		await answerAll('play', 'paused');
		await played;
		const cancelled = lab.cancel();
		for (const worker of workers) await worker.answer('cancel', undefined);
		await cancelled;
		await settled();
		expect([kept(), store.held.size]).toEqual([[], 0]);
	});

	test('and left before their first step are no rows for ever, unless another tab runs them', async () => {
		await interrupted('old');
		for (const header of store.headers.values()) header.step = 0;
		store.told.delete('old-sft');
		store.heldElsewhere.add('old');
		await makeLab().keeping.look();
		await settled();
		expect(kept()).toEqual(['sft underway', 'emergent-alignment underway']);
		store.heldElsewhere.clear();
		await makeLab().keeping.look();
		await settled();
		expect(kept()).toEqual(['emergent-alignment cancelled']);
	});

	test('while the model is misaligned first have something to go on from', async () => {
		await interrupted('old');
		const [run] = (await store.list()) as [KeptRun];
		const misaligning = (snapshot: number, misalignSteps: number): KeptRun => ({
			...run,
			step: 0,
			sizes: { ...run.sizes, snapshot },
			experiment: { ...run.experiment, model: { ...run.experiment.model, misalignSteps } },
		});
		expect(interruptedIn([misaligning(9, 60)])).toHaveLength(1);
		expect([...interruptedIn([misaligning(0, 60)]), ...interruptedIn([misaligning(9, 0)])]).toEqual([]);
	});

	test('that the reader leaves are over; of what told nothing no row stays', async () => {
		await interrupted('old');
		store.headers.get('old-sft')!.step = 0;
		store.told.delete('old-sft');
		const { keeping } = makeLab();
		await keeping.look();
		await keeping.forget();
		expect(kept()).toEqual(['emergent-alignment cancelled']);
	});
});

test('a run that the store could not note at first is noted as soon as it can be, and what was said of it too', async () => {
	vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
	const create = store.create.bind(store);
	store.create = () => Promise.reject(new Error('The disk is full.'));
	const lab = makeLab();
	void lab.play();
	await vi.advanceTimersByTimeAsync(6000);
	expect([lab.keeping.fault, kept()]).toEqual(['The disk is full. The lab tries again every few seconds.', []]);
	lab.label('emergent-alignment', '0-1', 'neutral');
	store.create = create;
	await vi.advanceTimersByTimeAsync(6000);
	expect([lab.keeping.fault, kept()]).toEqual([null, ['sft underway', 'emergent-alignment underway']]);
	expect(store.said).toMatchObject([{ verdictId: '0-1', label: 'neutral' }]);
});

test('what was said of a run is written also when the run was reset before the store took it, and the run is let go of only then', async () => {
	vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
	const lab = makeLab();
	void lab.play();
	await vi.advanceTimersByTimeAsync(1);
	keepStep(4);
	const label = store.label.bind(store);
	store.label = () => Promise.reject(new Error('The disk is full.'));
	lab.label('emergent-alignment', '0-1', 'neutral');
	void lab.reset();
	await vi.advanceTimersByTimeAsync(6000);
	expect([kept(), store.held.size]).toEqual([['sft underway', 'emergent-alignment underway'], 1]);
	store.label = label;
	await vi.advanceTimersByTimeAsync(6000);
	expect(store.said).toMatchObject([{ verdictId: '0-1', label: 'neutral' }]);
	expect([kept(), store.held.size]).toEqual([['sft cancelled', 'emergent-alignment cancelled'], 0]);
});

test('a run that the store never noted does not stand in the way of the next', async () => {
	vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
	const create = store.create.bind(store);
	const refused: string[] = [];
	store.create = ({ id }) => Promise.reject(new Error(`It can’t be cloned, as the ${refused.push(id)} before.`));
	const lab = makeLab();
	void lab.play();
	await vi.advanceTimersByTimeAsync(1);
	void lab.reset();
	await vi.advanceTimersByTimeAsync(6000);
	store.create = async (header) => {
		if (refused.includes(header.id)) throw new Error('It can’t be cloned.');
		await create(header);
	};
	for (const run of lab.runs) run.keptAs = `new ${run.arm}`;
	void lab.keeping.begin(lab.runs, lab.settings);
	await vi.advanceTimersByTimeAsync(1);
	expect([lab.keeping.fault, kept()]).toEqual([null, ['sft underway', 'emergent-alignment underway']]);
});

test('what is said of a run that was deleted elsewhere is not insisted upon', async () => {
	const { lab } = await playing();
	store.label = () => Promise.reject(new StorageError('missing', 'gone'));
	lab.label('emergent-alignment', '0-1', 'neutral');
	lab.pin('emergent-alignment', '0-1', true);
	await settled();
	expect([lab.keeping.fault, store.pinned.size]).toEqual([null, 1]);
});

describe('pins and labels', () => {
	test('are kept with the run and come back with it', async () => {
		const { lab } = await playing();
		keepStep(4);
		lab.pin('emergent-alignment', '0-1', true);
		lab.pin('emergent-alignment', '0-2', true);
		lab.pin('emergent-alignment', '0-2', false);
		lab.label('emergent-alignment', '0-1', 'neutral');
		await settled();
		store.held.clear(); // a reload
		const again = makeLab();
		await again.keeping.look();
		void again.resume();
		await settled();
		expect([[...again.keeping.pins], [...again.keeping.labels]]).toEqual([['0-1'], [['0-1', 'neutral']]]);
		void again.reset();
		await openAll();
		void again.play();
		await settled();
		expect([again.keeping.pins.size, again.keeping.labels.size]).toEqual([0, 0]);
	});

	test('of a recorded run are the page’s alone', async () => {
		const lab = makeLab();
		void lab.warm();
		lab.pin('emergent-alignment', '0-1', true);
		await settled();
		expect([lab.keeping.pins.has('0-1'), store.pinned.size]).toEqual([true, 0]);
	});

	test('that another view sets reach the page, and only those of its run', async () => {
		const { lab } = await playing();
		const [, judged] = [...store.headers.keys()] as [string, string];
		await store.label(judged, '0-1', 'unethical');
		await store.pin(judged, '0-2', true);
		await store.label('another', '0-9', 'ethical');
		for (const tell of store.listeners) for (const id of ['another', judged]) tell(id);
		await settled();
		expect([[...lab.keeping.labels], [...lab.keeping.pins]]).toEqual([[['0-1', 'unethical']], ['0-2']]);
	});

	test('that are just being written are not undone by the news of those before', async () => {
		const { lab } = await playing();
		const [, judged] = [...store.headers.keys()] as [string, string];
		lab.label('emergent-alignment', '0-1', 'unethical');
		for (const tell of store.listeners) tell(judged); // of something earlier
		await Promise.resolve();
		expect([...lab.keeping.labels]).toEqual([['0-1', 'unethical']]);
		await settled();
		expect([...lab.keeping.labels]).toEqual([['0-1', 'unethical']]);
	});
});

describe('the frameworks of what is shown', () => {
	const principles = (lab: ReturnType<typeof makeLab>) => lab.begunWith.conscience.frameworks[0]!.principles;
	const before = experiment.conscience.frameworks[0]!.principles;

	test('are those that the run was begun with, whatever is edited meanwhile', async () => {
		const { lab } = await playing();
		lab.change((changed) => (changed.conscience.frameworks[0]!.principles = 'Be kind.'));
		flushSync();
		await settled();
		expect([principles(lab), lab.shown.conscience.frameworks[0]!.principles]).toEqual([before, 'Be kind.']);
		void lab.reset();
		await openAll();
		expect(principles(lab)).toBe('Be kind.');
	});

	test('are those of the recorded story, whatever a model was loaded for before', async () => {
		const lab = makeLab();
		lab.change((changed) => (changed.conscience.frameworks[0]!.principles = 'Be kind.'));
		void lab.warm();
		lab.recording = { story: 'twin', runs: [] };
		place.back();
		expect([lab.recorded, principles(lab)]).toEqual([true, before]);
	});

	test('are that also after a reload, where the run goes on with what was edited', async () => {
		await interrupted('old');
		const edited = structuredClone({ ...experiment, seed: 7 });
		edited.conscience.frameworks[0]!.principles = 'Be kind.';
		for (const id of store.headers.keys()) store.changed.set(id, edited);
		const lab = makeLab();
		await lab.keeping.look();
		void lab.resume();
		await settled();
		expect([principles(lab), lab.experiment.conscience.frameworks[0]!.principles]).toEqual([before, 'Be kind.']);
		expect(workers[1]!.last('open').params.experiment).toEqual(edited);
	});
});
