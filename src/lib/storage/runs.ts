import type { Label } from '$lib/conscience/judge';
import type { AdapterFolder } from '$lib/experiment/adapterFolder';
import type { RunEvent } from '$lib/experiment/events';
import type { FolderRun } from '$lib/experiment/folder';
import type { ArmId } from '$lib/experiment/schema';
import type { RunSnapshot } from '$lib/experiment/snapshot';

import { allOf, type KeptRun, PARTS, read, type RunHeader, type Sizes, write, type Writing } from './database';
import { alignmentAfter, gone } from './journal';
import { sizeOf } from './sizes';

/** A name that no other run has. (`crypto.randomUUID` is missing outside a secure context.) */
export const randomId = (): string => Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(36)).join('');

/** Every kept run, the newest first. @throws StorageError */
export async function listRuns(): Promise<KeptRun[]> {
	const runs = await read((db) => db.getAll('runs'));
	return runs.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1));
}

/** Begins to keep a run; what it tells is written by its journal. @throws StorageError */
export async function createRunRecord(header: RunHeader): Promise<void> {
	await write(['runs', 'rows'], (transaction) => putHeader(transaction, header, null));
}

/** The run with its rows; null when it isn't kept. @throws StorageError */
export async function readHeader(id: string): Promise<RunHeader | null> {
	const [run, rows] = await read((db) => Promise.all([db.get('runs', id), db.get('rows', id)]));
	if (!run) return null;
	const { rowsFile, alignment, sizes, ...header } = run;
	return { ...header, rows: rows ?? null };
}

/** All that the run has told. @throws StorageError */
export async function readEvents(id: string): Promise<RunEvent[]> {
	return (await read((db) => db.getAll('events', allOf(id)))).flat();
}

/** What the run had told when its snapshot was taken: a run that goes on from there tells the rest. @throws StorageError */
export async function readEventsToSnapshot(id: string): Promise<RunEvent[]> {
	const batches = await read(async (db) => (await db.get('snapshots', id))?.batches ?? 0);
	if (batches === 0) return [];
	return (await read((db) => db.getAll('events', IDBKeyRange.bound([id], [id, batches], false, true)))).flat();
}

/** Where the run can go on from; null when it can't. @throws StorageError */
export async function readSnapshot(id: string): Promise<RunSnapshot | null> {
	return (await read((db) => db.get('snapshots', id)))?.snapshot ?? null;
}

/** The adapter that the run has left; null when it has left none. @throws StorageError */
export async function readAdapter(id: string): Promise<AdapterFolder | null> {
	return (await read((db) => db.get('adapters', id))) ?? null;
}

/** What people said of the run's answers, by verdict. @throws StorageError */
export async function readLabels(id: string): Promise<Map<string, Label>> {
	const labels = await read((db) => db.getAll('labels', allOf(id)));
	return new Map(labels.map(({ verdictId, label }) => [verdictId, label]));
}

/** Keeps what a person says of an answer; null takes it back. @throws StorageError */
export async function writeLabel(id: string, verdictId: string, label: Label | null): Promise<void> {
	await write(['runs', 'labels'], async (transaction) => {
		if (!(await transaction.objectStore('runs').getKey(id))) throw gone(id); // a label without its run would never be found again
		const labels = transaction.objectStore('labels');
		await (label ? labels.put({ runId: id, verdictId, label }, [id, verdictId]) : labels.delete([id, verdictId]));
	});
}

/** Says that nobody goes on with a run that is not over; `apart` takes it out of its group, where another has its place. @throws StorageError */
export async function endRun(id: string, { apart = false } = {}): Promise<void> {
	await write(['runs'], async (transaction) => {
		const run = await transaction.objectStore('runs').get(id);
		if (!run) return;
		const status = run.status === 'underway' || run.status === 'failed' ? 'cancelled' : run.status;
		await transaction.objectStore('runs').put({ ...run, status, group: apart ? id : run.group });
	});
}

/** Removes runs with all that belongs to them. @throws StorageError */
export async function deleteRuns(ids: readonly string[]): Promise<void> {
	await write(PARTS, async (transaction) => {
		for (const id of ids) {
			for (const part of ['runs', 'rows', 'snapshots', 'adapters'] as const) await transaction.objectStore(part).delete(id);
			for (const part of ['events', 'labels'] as const) await transaction.objectStore(part).delete(allOf(id));
		}
	});
}

/** Keeps runs that came from files: all of them, or none. Returns their ids. @throws StorageError */
export async function importRuns(runs: readonly FolderRun[]): Promise<string[]> {
	const groups = importedGroups(runs);
	const headers = runs.map((run, i): RunHeader => importedHeader(run, groups[i]!));
	await write(PARTS, async (transaction) => {
		for (const [i, { events, labels, adapter }] of runs.entries()) {
			const { id } = headers[i]!;
			const sizes = { events: sizeOf(events), adapter: adapter ? sizeOf(adapter) : 0 };
			await putHeader(transaction, headers[i]!, alignmentAfter(events), sizes);
			await transaction.objectStore('events').put([...events], [id, 0]);
			if (adapter) await transaction.objectStore('adapters').put(adapter, id);
			for (const [verdictId, label] of labels)
				await transaction.objectStore('labels').put({ runId: id, verdictId, label }, [id, verdictId]);
		}
	});
	return headers.map(({ id }) => id);
}

/** A group for each run: the copies of one experiment and seed are one. */
function importedGroups(runs: readonly FolderRun[]): string[] {
	const groups: { id: string; key: string; arms: ArmId[] }[] = [];
	return runs.map(({ experiment, arm }) => {
		const key = JSON.stringify({ ...experiment, arms: null });
		let group = groups.find((other) => other.key === key && !other.arms.includes(arm));
		if (!group) groups.push((group = { id: randomId(), key, arms: [] }));
		group.arms.push(arm);
		return group.id;
	});
}

function importedHeader({ experiment, arm, events }: FolderRun, group: string): RunHeader {
	const backend = events.find((event) => event.kind === 'started')?.backend.name ?? null;
	return {
		id: randomId(),
		group,
		arm,
		experiment,
		engine: backend ?? 'auto',
		backend,
		rows: null,
		createdAt: Date.now(),
		updatedAt: Date.now(),
		step: events.findLast((event) => event.kind === 'step')?.step ?? 0,
		status: events.some(({ kind }) => kind === 'finished') ? 'finished' : 'cancelled',
		source: 'imported',
	};
}

async function putHeader(transaction: Writing, header: RunHeader, alignment: number | null, sizes: Partial<Sizes> = {}): Promise<void> {
	const { rows, ...run } = header;
	const kept: KeptRun = {
		...run,
		rowsFile: rows?.fileName ?? null,
		alignment,
		sizes: { rows: sizeOf(rows), events: 0, snapshot: 0, adapter: 0, ...sizes },
	};
	await transaction.objectStore('runs').put(kept);
	if (rows) await transaction.objectStore('rows').put(rows, header.id);
}
