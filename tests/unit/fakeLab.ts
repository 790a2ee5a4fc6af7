import { judgedInTrainer, presetById } from '$lib/experiment/presets';
import { Lab } from '$lib/state/lab.svelte';

import { FakePlace } from './fakePlace.svelte';
import { FakeStore } from './fakeStore';
import { FakeJudgeWorker, loaded } from './fakeJudgeWorker';
import { events, FakeWorker } from './fakeWorker';

/** Of the newest lab: a test plays their part. */
export let workers: FakeWorker[];
export let judgeWorkers: FakeJudgeWorker[];
export let place: FakePlace;
export let store = new FakeStore();

/** A store in which nothing is kept. */
export const emptyStore = () => void (store = new FakeStore());

/** A page on which the frozen copy in the trainer judges, unless the link says otherwise: so a judge's worker is part of few tests. */
export function makeLab(query = 'preset=twin'): Lab {
	workers = [];
	place = new FakePlace(query.includes('conscience.judge') ? query : `${query}&conscience.judge=frozen-self`);
	const connect = () => {
		const worker = new FakeWorker();
		workers.push(worker);
		return worker.port;
	};
	judgeWorkers = [];
	const connectJudge = () => {
		const worker = new FakeJudgeWorker();
		judgeWorkers.push(worker);
		return worker.port;
	};
	return new Lab(place, connect, (checkpoint) => `http://lab.test/${checkpoint}/`, store, connectJudge);
}

export const answerAll = async (kind: 'play' | 'step', status: 'paused' | 'finished' | 'cancelled') => {
	for (const worker of workers) await worker.answer(kind, { status });
};
export const openAll = async () => {
	for (const worker of workers) await worker.open();
};

/** Lets WebLLM load, copies that are new open, and the one with a conscience meet its judge. */
export async function meetJudge({ opening }: { opening: boolean }) {
	await judgeWorkers[0]!.answer('load', loaded);
	if (opening) await openAll();
	await judgeWorkers[0]!.answer('connect', undefined);
	await workers[1]!.answer('connectJudge', undefined);
}

/** A twin that plays on two workers. */
export async function playing(query = '') {
	const lab = makeLab(query);
	const played = lab.play();
	await openAll();
	return { lab, played };
}

/** Runs of an earlier visit that stopped at step 2 and 3. */
export async function interrupted(group: string) {
	for (const [arm, step] of [
		['sft', 2],
		['emergent-alignment', 3],
	] as const) {
		const experiment = { ...judgedInTrainer(presetById('twin').experiment), seed: 7 };
		const kept = { id: `${group}-${arm}`, group, arm, experiment, engine: 'wasm', backend: 'wasm', rows: null, verdictFiles: [], step };
		await store.create({ ...kept, createdAt: 1, updatedAt: step, status: 'underway', source: 'lab' });
		store.told.set(
			kept.id,
			Array.from({ length: step }, (_, i) => events.step(i + 1)),
		);
	}
}

/** The store has taken this step of every run. */
export function keepStep(step: number): void {
	for (const header of store.headers.values()) {
		header.step = step;
		store.told.set(header.id, [events.step(step)]);
	}
}
