import type { RunEvent } from '$lib/experiment/events';
import type { ArmRun } from '$lib/experiment/runner';
import type { Experiment } from '$lib/experiment/schema';
import type { RunSnapshot } from '$lib/experiment/snapshot';
import type { RunHeader } from '$lib/storage/database';
import { StorageError, withRetry } from '$lib/storage/storageError';
import type { Journal } from '$lib/storage/journal';
import { sizeOf } from '$lib/storage/sizes';

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

/** A store that fails is tried again after this time, not with every step. */
export const RETRY_EVERY_MS = 5000;
/** What waits for a store that fails may take this much memory; then the run goes on unkept. */
const WAITING_BYTES = 2 ** 26;

/**
 * Keeps one run as it goes. What the store refuses waits and is tried again, while the run goes on; `onStanding` hears why the run is not
 * kept, and null when it is again.
 */
export class RunKeeper {
	/** Opened with the first event: by then the page has noted the run in the store. */
	#journal: Journal | null = null;
	/** Told before the journal could be opened. */
	#early: RunEvent[] = [];
	#told = false;
	/** The run has gone on since its last snapshot was written. */
	#behind = false;
	#large = false;
	#lastSnapshot = -Infinity;
	/** When the store refused something; null while it takes everything. */
	#failedAt: number | null = null;
	/** Bytes that wait since then. */
	#waiting = 0;
	#givenUp = false;
	/** What is to be written of a run at rest, or over; each answers whether the store took it. A run that goes on writes anew with its steps. */
	#owed: (() => Promise<boolean>)[] = [];

	constructor(
		private id: string,
		/** The run goes on from what is kept of it. */
		private resumed: boolean,
		private store: RunStore,
		private onStanding: (reason: string | null) => void,
	) {}

	/** The store has refused something that no step will write. */
	get owes(): boolean {
		return this.#owed.length > 0;
	}

	/** Takes down what the run has told, and at the end of a step writes where it stands. */
	async note(event: RunEvent, run: ArmRun): Promise<void> {
		if (event.kind === 'judgeLost') return; // nothing has happened
		if (event.kind !== 'progress') this.#take(event);
		// Steps that misalign the model first tell progress only, and are steps all the same.
		if (event.kind === 'progress' && event.phase !== 'misaligning') return;
		if (event.kind === 'finished') return this.#end(run, 'finished');
		if (run.settled() && this.#mayWrite()) await this.#commit(await this.#snapshot(run, false), 'underway');
	}

	/** Writes what the next step is to take over: a run that goes on from its last snapshot takes it over, too. */
	async keepChange(experiment: Experiment): Promise<void> {
		if (!this.#told && !this.resumed) return;
		const keep = () => this.#write((journal) => journal.keepChange(experiment));
		if (!(await keep())) this.#owe(async () => (await keep()) && this.#commit(null, 'underway'));
	}

	/** Writes how the run is left: at rest, cancelled or failed. */
	async leave(run: ArmRun, status: RunHeader['status']): Promise<void> {
		if (!this.#told || (status === 'underway' && !this.#behind)) return;
		await this.#end(run, status);
	}

	/** Tries again what the store has refused, as far as it takes it now. */
	async retry(): Promise<void> {
		while (this.#owed[0] && (await this.#owed[0]())) this.#owed.shift();
	}

	/** Writes how the run stands at rest, and the adapter of one that is over. */
	async #end(run: ArmRun, status: RunHeader['status']): Promise<void> {
		this.#owed = [];
		this.#owe(async () => {
			// After a failure nobody knows what the adapter holds: the last snapshot stays.
			const snapshot = status === 'failed' ? null : await this.#snapshot(run, true).catch(() => null);
			return this.#commit(snapshot, status);
		});
		if (status === 'finished' || status === 'cancelled') this.#owe(() => this.#keepAdapter(run));
		await this.retry();
	}

	#owe(work: () => Promise<boolean>): void {
		if (!this.#givenUp) this.#owed.push(work);
	}

	#take(event: RunEvent): void {
		this.#told = true;
		this.#behind = true;
		this.#owed = [];
		if (this.#givenUp) return;
		if (this.#journal) this.#journal.add(event);
		else this.#early.push(event);
		if (this.#failedAt === null) return;
		this.#waiting += sizeOf(event);
		if (this.#waiting > WAITING_BYTES) {
			this.#giveUp(
				'The browser’s store has failed for so long that more waits for it than memory should hold. What was kept before stays.',
			);
		}
	}

	/** Writes the adapter of a run that is over. One that can't be read, as from a GPU that is gone, is no fault of the store. */
	async #keepAdapter(run: ArmRun): Promise<boolean> {
		const files = await run.adapter().catch(() => null);
		if (files && !(await this.#write((journal) => journal.keepAdapter(files)))) return false;
		this.#recover();
		return true;
	}

	async #snapshot(run: ArmRun, now: boolean): Promise<RunSnapshot | null> {
		if (this.#givenUp || !run.settled()) return null;
		if (!now && this.#large && performance.now() - this.#lastSnapshot < LARGE_EVERY_MS) return null;
		const snapshot = await run.snapshot();
		this.#large = bytesOf(snapshot) > LARGE_BYTES;
		this.#lastSnapshot = performance.now();
		return snapshot;
	}

	/** False when the store did not take it. */
	async #commit(snapshot: RunSnapshot | null, status: RunHeader['status']): Promise<boolean> {
		if (!(await this.#write((journal) => journal.commit(snapshot, status)))) {
			this.#lastSnapshot = -Infinity; // this one is lost
			return false;
		}
		this.#behind = snapshot === null;
		this.#recover();
		return true;
	}

	/** The store has taken all that waited. */
	#recover(): void {
		if (this.#failedAt !== null) this.onStanding(null);
		this.#failedAt = null;
		this.#waiting = 0;
	}

	/** A store that fails has its rest. */
	#mayWrite(): boolean {
		return this.#failedAt === null || performance.now() - this.#failedAt >= RETRY_EVERY_MS;
	}

	async #write(work: (journal: Journal) => Promise<void>): Promise<boolean> {
		if (this.#givenUp) return false;
		try {
			this.#journal ??= await this.#openJournal();
			await work(this.#journal);
			return true;
		} catch (error) {
			this.#fail(error as Error);
			return false;
		}
	}

	async #openJournal(): Promise<Journal> {
		const journal = await this.store.openJournal(this.id);
		for (const event of this.#early.splice(0)) journal.add(event);
		return journal;
	}

	#fail(error: Error): void {
		// A run that the page could not note yet may still come; one that was there and is gone does not.
		if (this.#journal && error instanceof StorageError && error.fault === 'missing') return this.#giveUp(error.message);
		if (this.#failedAt === null) this.onStanding(withRetry(error.message));
		this.#failedAt = performance.now();
	}

	#giveUp(reason: string): void {
		this.#givenUp = true;
		this.#journal = null;
		this.#early = [];
		this.#owed = [];
		this.onStanding(reason);
	}
}

/** What every step writes anew, in bytes: adapter and moments, and which rows are still to come. */
const bytesOf = ({ trainer: { adapter, firstMoments, secondMoments }, rows }: RunSnapshot): number =>
	sizeOf([adapter, firstMoments, secondMoments]) + sizeOf(rows);
