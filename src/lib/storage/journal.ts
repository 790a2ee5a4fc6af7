import type { AdapterFolder } from '$lib/experiment/adapterFolder';
import type { RunEvent } from '$lib/experiment/events';
import type { Experiment } from '$lib/experiment/schema';
import type { RunSnapshot } from '$lib/experiment/snapshot';

import { type KeptRun, read, type RunHeader, write, type Writing } from './database';
import { gone } from './errors';
import { sizeOf } from './sizes';
import { partsOf } from './snapshotParts';
import { alignmentAfter, changesIn } from './told';

/** Writes one run as it goes. What is handed over must not change until it is written. */
export interface Journal {
	/** Takes an event for the next commit. Progress is not kept. */
	add(event: RunEvent): void;
	/**
	 * Writes the events since the last commit, and where the run stands, in one transaction. What could not be written waits for the next.
	 * @throws StorageError
	 */
	commit(snapshot: RunSnapshot | null, status: RunHeader['status']): Promise<void>;
	/** Keeps what the next step is to take over, which the last snapshot doesn't know of. @throws StorageError */
	keepChange(adjusted: Experiment): Promise<void>;
	/** Keeps the adapter that the run has made, so that it can be exported when its worker is gone. @throws StorageError */
	keepAdapter(files: AdapterFolder): Promise<void>;
}

/** A part of the snapshot as this journal last wrote it, and its size. */
interface Written {
	value: unknown;
	bytes: number;
}

/** Where a journal stands. A commit makes the next such place, which holds only once it is written. */
interface Place {
	/** Batches of events that hold. */
	batches: number;
	/** Nothing is known of what lies beyond them: a run that went on from here before may have left it. */
	first: boolean;
	buffer: Written | null;
	latest: Written | null;
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
	let place: Place = { batches: kept.batches, first: true, buffer: null, latest: null };
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
					place = await write(['runs', 'events', 'snapshots', 'buffers', 'evaluations'], (transaction) =>
						commit(transaction, id, place, { events, snapshot, status }),
					);
				} catch (error) {
					queue = [...events, ...queue];
					throw error;
				}
			}),
		keepChange: (adjusted) => inTurn(() => changeRun(id, ['runs'], (run) => ({ ...run, adjusted }))),
		keepAdapter: (files) =>
			inTurn(() =>
				changeRun(id, ['runs', 'adapters'], async (run, transaction) => {
					await transaction.objectStore('adapters').put(files, id);
					return { ...run, sizes: { ...run.sizes, adapter: sizeOf(files) } };
				}),
			),
	};
}

async function changeRun(
	id: string,
	parts: readonly ('runs' | 'adapters')[],
	change: (run: KeptRun, transaction: Writing) => KeptRun | Promise<KeptRun>,
): Promise<void> {
	await write(parts, async (transaction) => {
		const run = await runOf(transaction, id);
		await transaction.objectStore('runs').put(await change(run, transaction));
	});
}

interface Commit {
	events: RunEvent[];
	snapshot: RunSnapshot | null;
	status: RunHeader['status'];
}

async function commit(transaction: Writing, id: string, place: Place, { events, snapshot, status }: Commit): Promise<Place> {
	const run = await runOf(transaction, id);
	const replaced = place.first ? await clearFrom(transaction, id, place.batches) : [];
	if (events.length > 0) await transaction.objectStore('events').put(events, [id, place.batches]);
	const next: Place = { ...place, first: false, batches: place.batches + (events.length > 0 ? 1 : 0) };
	const size = snapshot ? await putSnapshot(transaction, id, snapshot, next) : run.sizes.snapshot;
	const step = events.findLast((event) => event.kind === 'step')?.step;
	const started = events.find((event) => event.kind === 'started');
	const known = place.batches === 0 ? null : run.alignment;
	await transaction.objectStore('runs').put({
		...run,
		updatedAt: Date.now(),
		status: run.status === 'cancelled' && status !== 'finished' ? 'cancelled' : status, // a worker may write once more after its run was ended
		step: step ?? (snapshot ? Math.max(0, snapshot.step) : place.batches === 0 ? 0 : run.step), // a snapshot counts below 0 while the model is misaligned first
		backend: started?.backend.name ?? run.backend,
		adjusted: snapshot ? null : run.adjusted,
		alignment: alignmentAfter(events) ?? known,
		changes: [...run.changes.slice(0, run.changes.length - changesIn(replaced.flat()).length), ...changesIn(events)],
		rewritten: run.rewritten + (replaced.length > 0 ? 1 : 0),
		sizes: { ...run.sizes, events: run.sizes.events - sizeOf(replaced) + sizeOf(events), snapshot: size },
	});
	return next;
}

/** Takes the events away that a run left which was begun, or went on, from here before. */
async function clearFrom(transaction: Writing, id: string, batch: number): Promise<RunEvent[][]> {
	const events = transaction.objectStore('events');
	const surplus = IDBKeyRange.bound([id, batch], [id, []]);
	const cleared = await events.getAll(surplus);
	if (cleared.length > 0) await events.delete(surplus);
	return cleared;
}

/** Writes what has changed of the snapshot, notes it in `place`, and returns the bytes of the whole. */
async function putSnapshot(transaction: Writing, id: string, snapshot: RunSnapshot, place: Place): Promise<number> {
	const { state, buffer, latest } = partsOf(snapshot);
	await transaction.objectStore('snapshots').put({ state, batches: place.batches }, id);
	// The run makes a new list and a new evaluation, and never changes the old one: what is the same object is the same.
	if (buffer && buffer !== place.buffer?.value) {
		await transaction.objectStore('buffers').put(buffer, id);
		place.buffer = { value: buffer, bytes: sizeOf(buffer) };
	}
	if (latest && latest !== place.latest?.value) {
		await transaction.objectStore('evaluations').put(latest, id);
		place.latest = { value: latest, bytes: sizeOf(latest) };
	}
	return sizeOf(state) + (place.buffer?.bytes ?? 0) + (place.latest?.bytes ?? 0);
}

async function runOf(transaction: Writing, id: string): Promise<KeptRun> {
	const run = await transaction.objectStore('runs').get(id);
	if (!run) throw gone(id);
	return run;
}
