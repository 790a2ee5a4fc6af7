import type { AdapterFolder } from '$lib/experiment/adapterFolder';
import type { RunEvent } from '$lib/experiment/events';
import type { FolderRun } from '$lib/experiment/folder';
import { ROWS_FILE } from '$lib/experiment/rows';
import type { ArmId } from '$lib/experiment/schema';
import type { RunSnapshot } from '$lib/experiment/snapshot';

import {
	allOf,
	type KeptRows,
	type KeptRun,
	type KeptFile,
	PARTS,
	read,
	type RunHeader,
	type Sizes,
	write,
	type Writing,
} from './database';
import { type Addition, putAddition } from './additions';
import { tellChanged } from './changes';
import { gone } from './errors';
import { leaveMemoryFile, putMemoryFile } from './memoryFiles';
import { randomId } from './randomId';
import { sizeOf } from './sizes';
import { joined } from './snapshotParts';
import { alignmentAfter, changesIn } from './told';
import { leaveVerdictFiles, putVerdictFile } from './verdictFiles';

/** Every kept run, the newest first. @throws StorageError */
export async function listRuns(): Promise<KeptRun[]> {
	const runs = await read((db) => db.getAll('runs'));
	return runs.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1));
}

/** Begins to keep a run; what it tells is written by its journal. @throws StorageError */
export async function createRunRecord(header: RunHeader): Promise<void> {
	await write(['runs', 'rows', 'verdictFiles', 'memories'], (transaction) => putHeader(transaction, header, { begunAt: header.createdAt }));
}

/** The reader's own rows that the run learns from; null when it has none. @throws StorageError */
export async function readRows(id: string): Promise<KeptRows | null> {
	return read(async (db) => {
		const key = (await db.get('runs', id))?.rowsKey;
		return (key && (await db.get('rows', key))) || null;
	});
}

/** All that the run has told. @throws StorageError */
export async function readEvents(id: string): Promise<RunEvent[]> {
	return (await read((db) => db.getAll('events', allOf(id)))).flat();
}

/**
 * What the run has told from the given batch on, and how many batches there are: who reads on from there gets only what is new.
 * Where `KeptRun.rewritten` has changed meanwhile, what was read before may hold no more.
 * @throws StorageError
 */
export async function readEventsFrom(id: string, batch: number): Promise<{ events: RunEvent[]; batches: number }> {
	const batches = await read((db) => db.getAll('events', IDBKeyRange.bound([id, batch], [id, []])));
	return { events: batches.flat(), batches: batch + batches.length };
}

/** What the run had told when its snapshot was taken: a run that goes on from there tells the rest. @throws StorageError */
export async function readEventsToSnapshot(id: string): Promise<RunEvent[]> {
	const batches = await read(async (db) => (await db.get('snapshots', id))?.batches ?? 0);
	if (batches === 0) return [];
	return (await read((db) => db.getAll('events', IDBKeyRange.bound([id], [id, batches], false, true)))).flat();
}

/** Where the run can go on from, with what was changed since; null when it can't. @throws StorageError */
export async function readSnapshot(id: string): Promise<RunSnapshot | null> {
	return read(async (db) => {
		const transaction = db.transaction(['runs', 'snapshots', 'buffers', 'evaluations']); // a run that goes on may write in between
		const [run, kept, buffer, latest] = await Promise.all([
			transaction.objectStore('runs').get(id),
			transaction.objectStore('snapshots').get(id),
			transaction.objectStore('buffers').get(id),
			transaction.objectStore('evaluations').get(id),
		]);
		if (!run || !kept) return null;
		const snapshot = joined({ state: kept.state, buffer: buffer ?? null, latest: latest ?? null });
		return { ...snapshot, adjusted: run.adjusted ?? snapshot.adjusted };
	});
}

/** The adapter that the run has left; null when it has left none. @throws StorageError */
export async function readAdapter(id: string): Promise<AdapterFolder | null> {
	return (await read((db) => db.get('adapters', id))) ?? null;
}

/** Says that somebody goes on with the run, though it may have been ended before. @throws StorageError */
export async function reviveRun(id: string): Promise<void> {
	await write(['runs'], async (transaction) => {
		const run = await transaction.objectStore('runs').get(id);
		if (!run) throw gone(id);
		await transaction.objectStore('runs').put({ ...run, status: 'underway' });
	});
}

/**
 * Says that nobody goes on with a run that is not over; one that has told nothing is removed, for there is nothing to look at.
 * `apart` takes it out of its group, where another has its place.
 * @throws StorageError
 */
export async function endRun(id: string, { apart = false } = {}): Promise<void> {
	await write(PARTS, async (transaction) => {
		const run = await transaction.objectStore('runs').get(id);
		if (!run) return;
		if (run.step === 0 && run.sizes.events === 0) return remove(transaction, run);
		const status = run.status === 'underway' || run.status === 'failed' ? 'cancelled' : run.status;
		await transaction.objectStore('runs').put({ ...run, status, group: apart ? id : run.group });
	});
}

/** Removes runs with all that belongs to them. @throws StorageError */
export async function deleteRuns(ids: readonly string[]): Promise<void> {
	await write(PARTS, async (transaction) => {
		for (const id of ids) {
			const run = await transaction.objectStore('runs').get(id);
			if (run) await remove(transaction, run);
		}
	});
}

async function remove(transaction: Writing, run: KeptRun): Promise<void> {
	const { id } = run;
	for (const part of ['runs', 'snapshots', 'buffers', 'evaluations', 'adapters'] as const) await transaction.objectStore(part).delete(id);
	for (const part of ['events', 'labels', 'pins'] as const) await transaction.objectStore(part).delete(allOf(id));
	if (run.rowsKey) await leaveRows(transaction, run, run.rowsKey);
	await leaveVerdictFiles(transaction, run);
	await leaveMemoryFile(transaction, run);
}

/** The rows go with the last run that learnt from them; until then another answers for their size. */
async function leaveRows(transaction: Writing, { sizes }: KeptRun, key: string): Promise<void> {
	const runs = transaction.objectStore('runs');
	const heir = (await runs.getAll()).find(({ rowsKey }) => rowsKey === key);
	if (heir) await runs.put({ ...heir, sizes: { ...heir.sizes, rows: heir.sizes.rows + sizes.rows } });
	else await transaction.objectStore('rows').delete(key);
}

/** Keeps runs that came from files, and what files add to runs that are kept: all of it, or nothing. Returns the new runs' ids. @throws StorageError */
export async function importRuns(runs: readonly FolderRun[], additions: readonly Addition[] = []): Promise<string[]> {
	const groups = importedGroups(runs);
	const headers = runs.map((run, i): RunHeader => importedHeader(run, groups[i]!));
	await write(PARTS, async (transaction) => {
		for (const [i, run] of runs.entries()) {
			const { id } = headers[i]!;
			const { begunAt, events } = run;
			const told = { begunAt, changes: changesIn(events), alignment: alignmentAfter(events) };
			await putHeader(transaction, headers[i]!, told, { events: sizeOf(events) });
			await transaction.objectStore('events').put([...events], [id, 0]);
			await putAddition(transaction, { ...run, id });
		}
		for (const addition of additions) await putAddition(transaction, addition);
	});
	for (const { id } of additions) tellChanged(id);
	return headers.map(({ id }) => id);
}

/** A group for each run: the copies of one experiment and seed, on the same rows, are one. */
function importedGroups(runs: readonly FolderRun[]): string[] {
	const groups: { id: string; key: string; arms: ArmId[] }[] = [];
	return runs.map(({ experiment, arm, rows }) => {
		const key = JSON.stringify([{ ...experiment, arms: null }, rows]);
		let group = groups.find((other) => other.key === key && !other.arms.includes(arm));
		if (!group) groups.push((group = { id: randomId(), key, arms: [] }));
		group.arms.push(arm);
		return group.id;
	});
}

function importedHeader(
	{ experiment, arm, begunAt, failed, events, rows, rowsName, verdictFiles, questions, memory }: FolderRun,
	group: string,
): RunHeader {
	const backend = events.find((event) => event.kind === 'started')?.backend.name ?? null;
	return {
		id: randomId(),
		group,
		arm,
		experiment,
		engine: backend ?? 'auto',
		backend,
		rows: rows && { fileName: rowsName ?? ROWS_FILE, rows: [...rows] },
		verdictFiles,
		...(questions && { questions }),
		...(memory && { memory }),
		createdAt: begunAt ?? Date.now(),
		updatedAt: Date.now(),
		step: events.findLast((event) => event.kind === 'step')?.step ?? 0,
		status: failed ? 'failed' : events.some(({ kind }) => kind === 'finished') ? 'finished' : 'cancelled',
		source: 'imported',
	};
}

type Told = Pick<KeptRun, 'begunAt'> & Partial<Pick<KeptRun, 'changes' | 'alignment'>>;

async function putHeader(transaction: Writing, header: RunHeader, told: Told, sizes: Partial<Sizes> = {}): Promise<void> {
	const { rows, verdictFiles, memory, ...run } = header;
	const brings = rows && (await transaction.objectStore('rows').getKey(run.group)) === undefined; // the first of its group
	if (brings) await transaction.objectStore('rows').put(rows, run.group);
	const keptFiles: KeptFile[] = [];
	for (const file of verdictFiles) keptFiles.push(await putVerdictFile(transaction, file));
	const kept: KeptRun = {
		...run,
		verdictFiles: keptFiles,
		...(memory && { memory: await putMemoryFile(transaction, memory) }),
		rowsFile: rows?.fileName ?? null,
		rowsKey: rows && run.group,
		changes: [],
		adjusted: null,
		alignment: null,
		rewritten: 0,
		sizes: { rows: brings ? sizeOf(rows) : 0, events: 0, snapshot: 0, adapter: 0, ...sizes },
		...told,
	};
	await transaction.objectStore('runs').put(kept);
}
