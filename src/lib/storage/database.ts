/** The one IndexedDB database of the lab: kept runs, each in parts that can be read and written on their own. Page and worker alike. */
import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB, type StoreNames } from 'idb';

import type { GivenVerdict, VerdictFile } from '$lib/conscience/importedJudge';
import type { Label } from '$lib/conscience/judge';
import type { MemoryFile, Recalled } from '$lib/conscience/memory';
import type { ReferencedPair } from '$lib/dpo/pairs';
import type { Evaluation } from '$lib/evaluation/evaluation';
import type { AdapterFolder } from '$lib/experiment/adapterFolder';
import type { MidRunChange, RunEvent } from '$lib/experiment/events';
import type { QuestionFile } from '$lib/experiment/ownQuestions';
import type { ChatRow } from '$lib/experiment/rows';
import type { ArmId, Experiment } from '$lib/experiment/schema';

import { noStore, toStorageError } from './errors';
import type { SnapshotState } from './snapshotParts';
import { upgrade } from './upgrade';

const NAME = 'conscience-lab';
const VERSION = 5;
/** Another tab that still holds an older version is asked to let go; after so many ms it is taken not to. An upgrade may take its time. */
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
	/** The user's verdicts that it is judged by; a run that goes on may come to be judged by others. */
	verdictFiles: readonly VerdictFile[];
	/** The user's questions that it is asked, which are few; missing where the lab's are. */
	questions?: QuestionFile;
	/** What a class had reviewed before, where the run took that along. */
	memory?: MemoryFile;
	/** Milliseconds since 1970. Of an imported run whose folder does not tell, when it was added. */
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

/** A file of the user's verdicts, or a memory, without what is in it. */
export interface KeptFile {
	digest: string;
	fileName: string;
	/** What it takes; 0 where another run has brought it. */
	bytes: number;
}

/** A run in a list: its header without the rows, the verdicts and the memory, which may be large. */
export interface KeptRun extends Omit<RunHeader, 'rows' | 'verdictFiles' | 'memory'> {
	memory?: KeptFile;
	verdictFiles: readonly KeptFile[];
	rowsFile: string | null;
	/** Where its rows lie: the runs of a group share them. Null for a run that has none of the reader's own. */
	rowsKey: string | null;
	/** Null for an imported run whose folder does not tell. */
	begunAt: number | null;
	/** What was changed while it went on, as far as it has told. */
	changes: readonly MidRunChange[];
	/** What the reader changed since the last snapshot: the next step takes it over. */
	adjusted: Experiment | null;
	/** By its last evaluation, 0 to 100; null before the first. */
	alignment: number | null;
	/** How often events that had been written gave way to others, because the run went on from before them. */
	rewritten: number;
	/** What runs share is counted once, with the run that brought it. */
	sizes: Sizes;
}

/** What changes with every step, and how many batches of events had been written when it was taken. */
export interface KeptSnapshot {
	state: SnapshotState;
	batches: number;
}

export interface KeptLabel {
	runId: string;
	verdictId: string;
	label: Label;
}

export interface KeptPin {
	runId: string;
	verdictId: string;
}

/** What somebody says of an answer without having seen what any judge says of it. It belongs to no run. */
export interface KeptBlindLabel {
	/** A pseudonym. */
	labeller: string;
	question: string;
	answer: string;
	label: Label;
	/** Milliseconds since 1970. */
	saidAt: number;
}

/** Parts of runs lie under `id`, or under `[id, …]` where a run has many: [id, []] is beyond all of them. */
export interface LabDatabase extends DBSchema {
	runs: { key: string; value: KeptRun };
	/** Under the group's name, since its runs learn from the same. */
	rows: { key: string; value: KeptRows };
	/** Under their digest: every run that is judged by them has the same. */
	verdictFiles: { key: string; value: readonly GivenVerdict[] };
	/** Likewise. */
	memories: { key: string; value: readonly Recalled[] };
	/** The events of one commit, numbered from 0. */
	events: { key: [id: string, batch: number]; value: RunEvent[] };
	snapshots: { key: string; value: KeptSnapshot };
	/** The parts of a snapshot that few steps change. */
	buffers: { key: string; value: readonly ReferencedPair[] };
	evaluations: { key: string; value: Evaluation };
	adapters: { key: string; value: AdapterFolder };
	labels: { key: [id: string, verdictId: string]; value: KeptLabel };
	pins: { key: [id: string, verdictId: string]; value: KeptPin };
	blindLabels: { key: [labeller: string, question: string, answer: string]; value: KeptBlindLabel };
}
export type Part = StoreNames<LabDatabase>;
export type Writing = IDBPTransaction<LabDatabase, Part[], 'readwrite'>;

export const PARTS = [
	...(['runs', 'rows', 'verdictFiles', 'memories', 'events', 'snapshots', 'buffers'] as const),
	...(['evaluations', 'adapters', 'labels', 'pins'] as const),
] as const satisfies readonly Part[];

/** Every key of a run's own in `events`, `labels` or `pins`. */
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
	let late = (): void => {};
	const blocked = new Promise<never>((_, reject) => {
		late = () => reject(noStore('the database does not open; close other tabs of the lab and reload'));
	});
	const opening = openNow(
		() => (timer = setTimeout(late, PATIENCE)),
		() => clearTimeout(timer),
	);
	try {
		return await Promise.race([opening, blocked]);
	} catch (error) {
		void opening.then((db) => db.close()).catch(() => {});
		throw await toStorageError(error);
	} finally {
		clearTimeout(timer);
	}
}

/** `onBlocked` hears that another tab holds an older version, `onUpgrade` that none does any more. */
async function openNow(onBlocked: () => void, onUpgrade: () => void): Promise<IDBPDatabase<LabDatabase>> {
	if (!globalThis.indexedDB) throw noStore('it has no IndexedDB');
	let hindrance: unknown = null;
	const opening = openDB<LabDatabase>(NAME, VERSION, {
		upgrade(_, from, __, transaction) {
			onUpgrade();
			transaction.done.catch(() => {}); // the opening fails with it, and tells
			upgrade(transaction, from).catch((error: unknown) => {
				hindrance = error;
				abort(transaction); // or half of it would be taken for the whole
			});
		},
		blocked: onBlocked,
		blocking: () => void closeDatabase(), // a newer lab in another tab wants to upgrade
		terminated: () => (opened = null),
	});
	return opening.catch((error: unknown) => Promise.reject((hindrance ?? error) as Error));
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

function abort(transaction: { abort(): void } | null): void {
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
