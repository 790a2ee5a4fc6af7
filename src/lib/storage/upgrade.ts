import type { IDBPTransaction } from 'idb';

import type { MidRunChange } from '$lib/experiment/events';
import type { RunSnapshot } from '$lib/experiment/snapshot';

import type { KeptRows, KeptRun, LabDatabase, Part } from './database';
import { partsOf } from './snapshotParts';
import { changesIn } from './told';

type Upgrading = IDBPTransaction<LabDatabase, Part[], 'versionchange'>;

/** Brings a database of version `from` (0: none yet) to this one. All of it comes off, or the database stays as it was. */
export async function upgrade(transaction: Upgrading, from: number): Promise<void> {
	const { db } = transaction;
	if (from < 1) {
		db.createObjectStore('runs', { keyPath: 'id' });
		for (const part of ['rows', 'events', 'snapshots', 'adapters', 'labels'] as const) db.createObjectStore(part);
	}
	if (from < 2) {
		for (const part of ['buffers', 'evaluations', 'pins'] as const) db.createObjectStore(part);
		if (from > 0) await takeApart(transaction);
	}
	if (from < 3) {
		db.createObjectStore('verdictFiles');
		const runs = transaction.objectStore('runs');
		for (const run of await runs.getAll()) await runs.put({ ...run, verdictFiles: [] });
	}
	if (from < 4) db.createObjectStore('blindLabels');
	if (from < 5) db.createObjectStore('memories');
}

/** Version 1 kept a run's snapshot whole, its rows with every copy, and what was changed in mid-run among its events alone. */
async function takeApart(transaction: Upgrading): Promise<void> {
	const [runs, rows] = [transaction.objectStore('runs'), transaction.objectStore('rows')];
	for (const run of await runs.getAll()) {
		const own: KeptRows | undefined = await rows.get(run.id);
		await rows.delete(run.id);
		const brings = own && (await rows.getKey(run.group)) === undefined; // the first of its group
		if (brings) await rows.put(own, run.group);
		const sizes = { ...run.sizes, rows: brings ? run.sizes.rows : 0 };
		const begunAt = run.source === 'lab' ? run.createdAt : null;
		const changes = await changesOf(transaction, run.id);
		const kept: KeptRun = { ...run, begunAt, changes, rowsKey: own ? run.group : null, adjusted: null, rewritten: 0, sizes };
		await runs.put(kept);
	}
	const snapshots = transaction.objectStore('snapshots');
	for (const id of await snapshots.getAllKeys()) {
		const { snapshot, batches } = (await snapshots.get(id)) as unknown as { snapshot: RunSnapshot; batches: number };
		const { state, buffer, latest } = partsOf(snapshot);
		await snapshots.put({ state, batches }, id);
		if (buffer) await transaction.objectStore('buffers').put(buffer, id);
		if (latest) await transaction.objectStore('evaluations').put(latest, id);
	}
}

/** What was changed in mid-run, found batch by batch: all that a long run has told may be more than memory should hold. */
async function changesOf(transaction: Upgrading, id: string): Promise<MidRunChange[]> {
	const changes: MidRunChange[] = [];
	let cursor = await transaction.objectStore('events').openCursor(IDBKeyRange.bound([id], [id, []]));
	for (; cursor; cursor = await cursor.continue()) changes.push(...changesIn(cursor.value));
	return changes;
}
