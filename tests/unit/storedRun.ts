import { IDBObjectStore } from 'fake-indexeddb';
import { vi } from 'vitest';

import type { RunEvent } from '$lib/experiment/events';
import { presetById } from '$lib/experiment/presets';
import type { RunSnapshot } from '$lib/experiment/snapshot';
import type { RunHeader } from '$lib/storage/database';
import { openJournal } from '$lib/storage/journal';
import { createRunRecord, listRuns, readRows } from '$lib/storage/runs';
import { readMemoryFile } from '$lib/storage/memoryFiles';
import { readVerdictFiles } from '$lib/storage/verdictFiles';

import { events } from './fakeWorker';

/** Runs in a store, and a store that fails. */

export const header: RunHeader = {
	id: 'run',
	group: 'twins',
	arm: 'sft',
	experiment: presetById('twin').experiment,
	engine: 'auto',
	backend: null,
	rows: { fileName: 'mine.jsonl', rows: [{ messages: [{ role: 'user', content: 'q' }, { role: 'assistant', content: 'a' }] }] }, // prettier-ignore
	verdictFiles: [],
	createdAt: 1,
	updatedAt: 1,
	step: 0,
	status: 'underway',
	source: 'lab',
};

export const snapshot = (step: number, rest: Partial<RunSnapshot> = {}): RunSnapshot =>
	({
		version: 1,
		step,
		adjusted: null,
		trainer: { step, adapter: new Float32Array([step]) },
		conscience: null,
		latest: null,
		...rest,
	}) as RunSnapshot;

export const started: RunEvent = {
	kind: 'started',
	arm: 'sft',
	backend: { name: 'wasm', reason: '', adapter: null, software: false },
	parameters: 1,
	trainableParameters: 1,
	steps: 9,
};

export const steps = (told: readonly RunEvent[]) => told.flatMap((event) => (event.kind === 'step' ? [event.step] : []));

/** A run that has told these steps, each committed with its snapshot. */
export async function runOf(...told: number[]) {
	await createRunRecord(header);
	const journal = await openJournal(header.id);
	for (const step of told) {
		journal.add(events.step(step));
		await journal.commit(snapshot(step), 'underway');
	}
	return journal;
}

/** What the store says of a run, with its rows; null when it isn't kept. */
export async function readHeader(id: string): Promise<RunHeader | null> {
	const run = (await listRuns()).find((kept) => kept.id === id);
	if (!run) return null;
	const { rowsFile, rowsKey, begunAt, changes, adjusted, alignment, rewritten, sizes, memory, ...kept } = run;
	const taken = await readMemoryFile(id);
	return { ...kept, rows: await readRows(id), verdictFiles: await readVerdictFiles(id), ...(taken && { memory: taken }) };
}

/** From now on writing to `store` fails as a full disk does. */
export function fill(store: string): void {
	vi.restoreAllMocks();
	const { put } = IDBObjectStore.prototype as { put: (this: IDBObjectStore, value: unknown, key?: IDBValidKey) => IDBRequest<IDBValidKey> };
	vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, value: unknown, key?: IDBValidKey) {
		if (this.name === store) throw new DOMException('no room', 'QuotaExceededError');
		return put.call(this, value, key);
	});
}
