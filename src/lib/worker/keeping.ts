import type { RunEvent } from '$lib/experiment/events';
import type { ArmRun } from '$lib/experiment/runner';
import type { RunSnapshot } from '$lib/experiment/snapshot';
import type { RunHeader } from '$lib/storage/database';
import type { Journal } from '$lib/storage/journal';

/** Where runs are kept, or a stand-in in a test. */
export interface RunStore {
	openJournal(id: string): Promise<Journal>;
	/** Null when there is none. */
	readSnapshot(id: string): Promise<RunSnapshot | null>;
}

/**
 * A small adapter is written after every step, so that a crash loses one step at most. From this size on (a model of half a billion
 * numbers has 50 MB of adapter and moments) that would cost more than the step itself, and a snapshot every ten seconds must do;
 * the events still go with every step, and a run that goes on puts its own in the place of those after its snapshot.
 */
const LARGE_BYTES = 2 ** 24;
const LARGE_EVERY_MS = 10_000;

/** Keeps one run as it goes. What the store refuses is told once, and the run goes on unkept. */
export class RunKeeper {
	/** Opened with the first event: by then the page has noted the run in the store. */
	#journal: Journal | null = null;
	#failed = false;
	/** The run has gone on since its last snapshot was written. */
	#behind = false;
	#large = false;
	#lastSnapshot = -Infinity;

	constructor(
		private id: string,
		private store: RunStore,
		private onFailure: (reason: string) => void,
	) {}

	/** Takes down what the run has told, and at the end of a step writes where it stands. */
	async note(event: RunEvent, run: ArmRun): Promise<void> {
		await this.#write((journal) => journal.add(event));
		if (event.kind !== 'progress') this.#behind = true;
		// Steps that misalign the model first tell progress only, and are steps all the same.
		if (event.kind === 'progress' && event.phase !== 'misaligning') return;
		if (run.settled())
			await this.#commit(await this.#snapshot(run, event.kind === 'finished'), event.kind === 'finished' ? 'finished' : 'underway');
		if (event.kind === 'finished') await this.#keepAdapter(run);
	}

	/** Writes the adapter of a run that is over. */
	async #keepAdapter(run: ArmRun): Promise<void> {
		await this.#write(async (journal) => journal.keepAdapter(await run.adapter()));
	}

	/** Writes how the run is left: at rest, cancelled or failed. */
	async leave(run: ArmRun, status: RunHeader['status']): Promise<void> {
		if (!this.#journal || (status === 'underway' && !this.#behind)) return;
		// After a failure nobody knows what the adapter holds: the last snapshot stays.
		await this.#commit(status === 'failed' ? null : await this.#snapshot(run, true).catch(() => null), status);
		if (status === 'cancelled') await this.#keepAdapter(run);
	}

	async #snapshot(run: ArmRun, now: boolean): Promise<RunSnapshot | null> {
		if (this.#failed || !run.settled()) return null;
		if (!now && this.#large && performance.now() - this.#lastSnapshot < LARGE_EVERY_MS) return null;
		const snapshot = await run.snapshot();
		this.#large = 3 * snapshot.trainer.adapter.byteLength > LARGE_BYTES; // the adapter and two moments of each number
		this.#lastSnapshot = performance.now();
		return snapshot;
	}

	async #commit(snapshot: RunSnapshot | null, status: RunHeader['status']): Promise<void> {
		await this.#write((journal) => journal.commit(snapshot, status));
		this.#behind = snapshot === null;
	}

	async #write(work: (journal: Journal) => void | Promise<void>): Promise<void> {
		if (this.#failed) return;
		try {
			this.#journal ??= await this.store.openJournal(this.id);
			await work(this.#journal);
		} catch (error) {
			this.#failed = true;
			this.onFailure((error as Error).message);
		}
	}
}
