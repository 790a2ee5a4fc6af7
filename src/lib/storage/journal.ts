import type { AdapterFolder } from '$lib/experiment/adapterFolder';
import type { RunEvent } from '$lib/experiment/events';
import type { RunSnapshot } from '$lib/experiment/snapshot';

import { type KeptRun, read, type RunHeader, write, type Writing } from './database';
import { StorageError } from './errors';
import { sizeOf } from './sizes';

/** Writes one run as it goes. What is handed over must not change until it is written. */
export interface Journal {
	/** Takes an event for the next commit. Progress is not kept. */
	add(event: RunEvent): void;
	/**
	 * Writes the events since the last commit, and where the run stands, in one transaction. What could not be written waits for the next.
	 * @throws StorageError
	 */
	commit(snapshot: RunSnapshot | null, status: RunHeader['status']): Promise<void>;
	/** Keeps the adapter that the run has made, so that it can be exported when its worker is gone. @throws StorageError */
	keepAdapter(files: AdapterFolder): Promise<void>;
}

/**
 * A journal of the run `id`, which goes on from where its snapshot stands (without one, from the start). Events that were told after the
 * snapshot are told again by a run that goes on, so the first commit puts its own in their place, and until then nothing is lost.
 * @throws StorageError when there is no such run
 */
export async function openJournal(id: string): Promise<Journal> {
	const kept = await read(async (db) => {
		const [run, snapshot] = await Promise.all([db.get('runs', id), db.get('snapshots', id)]);
		return { run, batches: snapshot?.batches ?? 0 };
	});
	if (!kept.run) throw gone(id);
	let queue: RunEvent[] = [];
	let batches = kept.batches;
	let last: Promise<void> = Promise.resolve();
	/** One after the other, also when one has failed. */
	const inTurn = (work: () => Promise<void>): Promise<void> => (last = last.catch(() => {}).then(work));

	return {
		add(event) {
			if (event.kind !== 'progress') queue.push(event);
		},
		commit: (snapshot, status) =>
			inTurn(async () => {
				const events = queue;
				queue = [];
				try {
					await write(['runs', 'events', 'snapshots'], (transaction) => commit(transaction, id, batches, { events, snapshot, status }));
					if (events.length > 0) batches++;
				} catch (error) {
					queue = [...events, ...queue];
					throw error;
				}
			}),
		keepAdapter: (files) => inTurn(() => keepAdapter(id, files)),
	};
}

async function keepAdapter(id: string, files: AdapterFolder): Promise<void> {
	await write(['runs', 'adapters'], async (transaction) => {
		const run = await runOf(transaction, id);
		await transaction.objectStore('adapters').put(files, id);
		await transaction.objectStore('runs').put({ ...run, sizes: { ...run.sizes, adapter: sizeOf(files) } });
	});
}

interface Commit {
	events: RunEvent[];
	snapshot: RunSnapshot | null;
	status: RunHeader['status'];
}

async function commit(transaction: Writing, id: string, batches: number, { events, snapshot, status }: Commit): Promise<void> {
	const run = await runOf(transaction, id);
	const stored = transaction.objectStore('events');
	const surplus = IDBKeyRange.bound([id, batches], [id, []]);
	const replaced = await stored.getAll(surplus);
	if (replaced.length > 0) await stored.delete(surplus);
	if (events.length > 0) await stored.put(events, [id, batches]);
	if (snapshot) await transaction.objectStore('snapshots').put({ snapshot, batches: batches + (events.length > 0 ? 1 : 0) }, id);
	const step = events.findLast((event) => event.kind === 'step')?.step;
	const started = events.find((event) => event.kind === 'started');
	const known = batches === 0 ? null : run.alignment;
	await transaction.objectStore('runs').put({
		...run,
		updatedAt: Date.now(),
		status,
		step: step ?? (snapshot ? Math.max(0, snapshot.step) : batches === 0 ? 0 : run.step), // a snapshot counts below 0 while the model is misaligned first
		backend: started?.backend.name ?? run.backend,
		alignment: alignmentAfter(events) ?? known,
		sizes: {
			...run.sizes,
			events: run.sizes.events - sizeOf(replaced) + sizeOf(events),
			snapshot: snapshot ? sizeOf(snapshot) : run.sizes.snapshot,
		},
	});
}

/** The alignment that the last evaluation among the events found; null without one. */
export const alignmentAfter = (events: readonly RunEvent[]): number | null =>
	events.findLast((event) => event.kind === 'evaluation')?.evaluation.alignment.mean ?? null;

async function runOf(transaction: Writing, id: string): Promise<KeptRun> {
	const run = await transaction.objectStore('runs').get(id);
	if (!run) throw gone(id);
	return run;
}

/** The run was there, and is no more. */
export const gone = (id: string) =>
	new StorageError('missing', `The run '${id}' is not in this browser any more; it may have been deleted in another tab.`);
