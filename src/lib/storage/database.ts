/** The one IndexedDB database of the lab: kept runs, each in parts that can be read and written on their own. Page and worker alike. */
import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB, type StoreNames } from 'idb';

import type { Label } from '$lib/conscience/judge';
import type { AdapterFolder } from '$lib/experiment/adapterFolder';
import type { RunEvent } from '$lib/experiment/events';
import type { ChatRow } from '$lib/experiment/rows';
import type { ArmId, Experiment } from '$lib/experiment/schema';
import type { RunSnapshot } from '$lib/experiment/snapshot';

import { noStore, toStorageError } from './errors';

const NAME = 'conscience-lab';
const VERSION = 1;
/** Another tab that still holds an older version is asked to let go; after so many ms it is taken not to. */
const PATIENCE = 4000;

/** The user's own training rows, and the file that they came from. */
export interface KeptRows {
	fileName: string;
	rows: ChatRow[];
}

/** What a kept run is, and how far it has come. */
export interface RunHeader {
	id: string;
	/** The arms that were begun together. */
	group: string;
	arm: ArmId;
	/** As the run was begun. */
	experiment: Experiment;
	/** What the reader asked for: `auto` or a backend. */
	engine: string;
	/** What has computed it; null until that is known. */
	backend: string | null;
	rows: KeptRows | null;
	/** Milliseconds since 1970. */
	createdAt: number;
	updatedAt: number;
	/** Optimizer steps done. */
	step: number;
	status: 'underway' | 'finished' | 'cancelled' | 'failed';
	source: 'lab' | 'imported';
}

/** Bytes that the parts of a run take, near enough to tell a reader what to delete. */
export interface Sizes {
	rows: number;
	events: number;
	snapshot: number;
	adapter: number;
}

/** A run in a list: its header without the rows, which may be many. */
export interface KeptRun extends Omit<RunHeader, 'rows'> {
	rowsFile: string | null;
	/** By its last evaluation, 0 to 100; null before the first. */
	alignment: number | null;
	sizes: Sizes;
}

/** A snapshot, and how many batches of events had been written when it was taken. */
export interface KeptSnapshot {
	snapshot: RunSnapshot;
	batches: number;
}

export interface KeptLabel {
	runId: string;
	verdictId: string;
	label: Label;
}

/** Parts of runs lie under `id`, or under `[id, …]` where a run has many: [id, []] is beyond all of them. */
export interface LabDatabase extends DBSchema {
	runs: { key: string; value: KeptRun };
	rows: { key: string; value: KeptRows };
	/** The events of one commit, numbered from 0. */
	events: { key: [id: string, batch: number]; value: RunEvent[] };
	snapshots: { key: string; value: KeptSnapshot };
	adapters: { key: string; value: AdapterFolder };
	labels: { key: [id: string, verdictId: string]; value: KeptLabel };
}
export type Part = StoreNames<LabDatabase>;
export type Writing = IDBPTransaction<LabDatabase, Part[], 'readwrite'>;

export const PARTS = ['runs', 'rows', 'events', 'snapshots', 'adapters', 'labels'] as const satisfies readonly Part[];

/** Every key of a run's own in `events` or `labels`. */
export const allOf = (id: string) => IDBKeyRange.bound([id], [id, []]);

let opened: Promise<IDBPDatabase<LabDatabase>> | null = null;

/** The database, opened once. @throws StorageError */
export function database(): Promise<IDBPDatabase<LabDatabase>> {
	opened ??= open().catch((error: unknown) => {
		opened = null; // what hindered it may pass
		throw error;
	});
	return opened;
}

/** Lets go of the database; the next use opens it again. */
export async function closeDatabase(): Promise<void> {
	const closing = opened;
	opened = null;
	(await closing?.catch(() => null))?.close();
}

async function open(): Promise<IDBPDatabase<LabDatabase>> {
	let timer: ReturnType<typeof setTimeout> | undefined;
	const late = new Promise<never>((_, reject) => {
		timer = setTimeout(() => reject(noStore('the database does not open; close other tabs of the lab and reload')), PATIENCE);
	});
	const opening = openNow();
	try {
		return await Promise.race([opening, late]);
	} catch (error) {
		void opening.then((db) => db.close()).catch(() => {});
		throw await toStorageError(error);
	} finally {
		clearTimeout(timer);
	}
}

async function openNow(): Promise<IDBPDatabase<LabDatabase>> {
	if (!globalThis.indexedDB) throw noStore('it has no IndexedDB');
	return openDB<LabDatabase>(NAME, VERSION, {
		upgrade(db) {
			for (const part of PARTS) db.createObjectStore(part, part === 'runs' ? { keyPath: 'id' } : {});
		},
		blocking: () => void closeDatabase(), // a newer lab in another tab wants to upgrade
		terminated: () => (opened = null),
	});
}

/**
 * Does `work` in one transaction over `parts`: all of it comes off, or nothing does. `work` may await nothing but the transaction.
 * A crash of the browser never leaves half of it; a power cut may take the last few transactions whole, which is what 'relaxed' costs.
 * @throws StorageError
 */
export async function write<T>(parts: readonly Part[], work: (transaction: Writing) => Promise<T>): Promise<T> {
	const db = await database();
	let transaction: Writing | null = null;
	try {
		transaction = db.transaction([...parts], 'readwrite', { durability: 'relaxed' });
		const [result] = await Promise.all([work(transaction), transaction.done]);
		return result;
	} catch (error) {
		abort(transaction);
		// A request that fell with its transaction knows only that; the transaction knows why.
		throw await toStorageError(transaction?.error ?? error);
	}
}

function abort(transaction: Writing | null): void {
	try {
		transaction?.abort();
	} catch {
		// It was over already.
	}
}

/** Does `work` on the database, with what goes wrong told as the lab's own error. @throws StorageError */
export async function read<T>(work: (db: IDBPDatabase<LabDatabase>) => Promise<T>): Promise<T> {
	const db = await database();
	try {
		return await work(db);
	} catch (error) {
		throw await toStorageError(error);
	}
}
