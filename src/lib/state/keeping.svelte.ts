import type { VerdictFile } from '$lib/conscience/importedJudge';
import type { MemoryFile } from '$lib/conscience/memory';
import type { Label } from '$lib/conscience/judge';
import { listens } from '$lib/experiment/methods/index';
import type { RunEvent } from '$lib/experiment/events';
import type { Experiment } from '$lib/experiment/schema';
import type { KeptRun, RunHeader } from '$lib/storage/database';
import { randomId } from '$lib/storage/randomId';

import { NO_PINS, type Pins, withPin } from './cards';
import { Insistence } from './insistence';
import { abandonedIn, type Interrupted, interruptedIn } from './interrupted';
import { type Labels, NO_LABELS, withLabel } from './labels';
import { readCopies, type ReadCopies, type Restored } from './restored';
import type { Run } from './run.svelte';
import type { RunSettings } from './runSettings';

/** Where runs are kept, or a stand-in in a test. */
export interface RunStore {
	create(header: RunHeader): Promise<void>;
	list(): Promise<KeptRun[]>;
	/** The reader's own rows that the run learns from. */
	rows(id: string): Promise<RunHeader['rows']>;
	/** The reader's own verdicts by which the run was judged. */
	verdictFiles(id: string): Promise<RunHeader['verdictFiles']>;
	/** The memory that the run took along; null when it took none. */
	memory(id: string): Promise<MemoryFile | null>;
	/** Keeps verdicts by which the run is judged from now on. */
	keepVerdictFile(id: string, file: VerdictFile): Promise<void>;
	/** What the run had told at its last step boundary, from where it can go on. */
	events(id: string): Promise<readonly RunEvent[]>;
	/** The experiment as it stood at the run's last step: it may have been changed since it was begun. Null when there is nothing to go on from. */
	experimentNow(id: string): Promise<Experiment | null>;
	/** Says that somebody goes on with a run that may have been ended. */
	revive(id: string): Promise<void>;
	/** Says that nobody goes on with a run that is not over; one that has told nothing is removed. */
	end(id: string): Promise<void>;
	/** The same of a run whose place in its group another one takes. */
	putAside(id: string): Promise<void>;
	labels(id: string): Promise<Labels>;
	/** Keeps what a person said of an answer; null takes it back. */
	label(id: string, verdictId: string, label: Label | null): Promise<void>;
	pins(id: string): Promise<Pins>;
	pin(id: string, verdictId: string, pinned: boolean): Promise<void>;
	/** Tells of every run whose labels or pins have changed, whoever changed them. */
	onChanged(listener: (id: string) => void): void;
	/** Takes the runs of a group for this tab until the returned function is called; null when another tab has them. */
	hold(group: string): Promise<(() => void) | null>;
	isHeld(group: string): Promise<boolean>;
	/** This tab holds the group. */
	isOurs(group: string): boolean;
}

const NOTHING_KEPT =
	'Nothing of this copy was kept that it could go on from. What it has told is still on the page: export what you want to keep, or start this copy again.';
const NO_LONGER_OPEN = 'The run is over, or is gone: it was gone on with, left or deleted in another tab. Look for it on the Runs page.';

/** Keeps the lab's runs while they go on, finds those that were interrupted, and holds them so that no other tab writes to them. */
export class Keeping {
	/** The newest interrupted runs that no other tab holds. */
	interrupted = $state.raw<Interrupted | null>(null);
	/** A run of another tab is under way. */
	elsewhere = $state(false);
	/** Why runs are not kept; null while they are. */
	fault = $state<string | null>(null);
	/** Why a run can't go on from what is kept of it; null once the reader has put it away. */
	readFault = $state<string | null>(null);
	/** What a person said of answers, against the judge's verdicts, and the answers that they pinned. */
	labels = $state.raw<Labels>(NO_LABELS);
	pins = $state.raw<Pins>(NO_PINS);

	#release: (() => void) | null = null;
	/** Settles when the group is taken, or let go of again because it was ended meanwhile: a lock is no more free for the tab that asks twice. */
	#holding: Promise<unknown> = Promise.resolve();
	#group = '';
	/** The places of the group's runs that somebody may still go on with. */
	#places: readonly string[] = [];
	/** The place of the run whose answers are labelled and pinned. */
	#judged: string | null = null;
	readonly #writes = new Insistence((reason) => (this.fault = reason));

	constructor(private store: RunStore) {
		store.onChanged((id) => void this.#readMarks(id).catch(() => {})); // what is on the page stays
	}

	/** Looks for runs that were interrupted, and ends those that were left before they did anything. Without a store there are none. */
	async look(): Promise<void> {
		this.interrupted = null;
		this.elsewhere = false;
		const headers = await this.store.list().catch(() => []); // a run that is begun will tell why it can't be kept
		// The page itself goes on with its own runs, also with a copy that has failed beside one that is over and so no longer held.
		const others = headers.filter(({ group }) => group !== this.#group && !this.store.isOurs(group));
		for (const { group, ids } of abandonedIn(others)) void this.#endRuns(group, ids, null);
		for (const found of interruptedIn(others)) {
			if (!(await this.store.isHeld(found.group))) {
				this.interrupted = found;
				return;
			}
			this.elsewhere = true;
		}
	}

	/** Notes that these runs begin now, together. */
	async begin(runs: readonly Run[], settings: RunSettings): Promise<void> {
		this.end();
		this.#forgetMarks();
		this.fault = null;
		const group = (this.#group = randomId());
		for (const run of runs) if (group === this.#group) await this.#join(run, settings);
	}

	/** Notes that a run begins anew in the place of one that has failed. */
	async replace(former: string | null, run: Run, settings: RunSettings): Promise<void> {
		if (former === this.#judged) this.#forgetMarks(); // they were of other answers
		const group = this.#group;
		const held = await this.#hold().catch(() => false);
		if (group !== this.#group) return; // ended meanwhile
		this.#places = this.#places.filter((id) => id !== former);
		if (!held)
			this.#group = randomId(); // another tab has gone on with the others
		else if (former) void this.#writes.do(() => this.store.putAside(former));
		await this.#join(run, settings);
	}

	/** Notes that a run begins now, beside those of its group. */
	async #join({ arm, keptAs: id, backend }: Run, { experiment, rows, verdictFile, questions, memory, engine }: RunSettings): Promise<void> {
		if (!id) return;
		const group = this.#group;
		await this.#hold().catch(() => false);
		if (group !== this.#group) return; // cancelled meanwhile
		this.#places = [...this.#places, id];
		if (listens(arm)) this.#judged ??= id;
		const now = Date.now();
		const when = { createdAt: now, updatedAt: now, step: 0, status: 'underway', source: 'lab' } as const;
		const heard = { verdictFiles: listens(arm) && verdictFile ? [verdictFile] : [], ...(listens(arm) && memory && { memory }) };
		const given = { rows, ...heard, ...(questions && { questions }) };
		const header: RunHeader = { id, group, arm, experiment, engine, backend: backend?.name ?? null, ...given, ...when };
		await this.#writes.do(() => this.store.create(header), id);
	}

	/** Keeps verdicts by which the answers are judged from now on. */
	async keepVerdictFile(file: VerdictFile): Promise<void> {
		const id = this.#judged;
		if (id) await this.#writes.do(() => this.store.keepVerdictFile(id, file));
	}

	/** What a run that has failed had told, as far as it was kept, to go on from there; null when that can't be. */
	async readBack({ keptAs }: Run): Promise<readonly RunEvent[] | null> {
		if (!keptAs) return null;
		const isOurs = () => this.#places.includes(keptAs); // until it is ended, or begun anew
		try {
			if (!(await this.#hold())) {
				this.elsewhere = isOurs();
				return null;
			}
			if (!(await this.store.experimentNow(keptAs))) throw new Error(NOTHING_KEPT);
			const events = await this.store.events(keptAs);
			if (isOurs()) await this.#writes.do(() => this.store.revive(keptAs)); // another tab may have left it
			return isOurs() ? events : null;
		} catch (error) {
			if (isOurs()) this.readFault = (error as Error).message;
			return null;
		}
	}

	/** Reads the interrupted runs back and holds them; null when another tab was quicker, or they can't be read: then the page stays as it is. */
	async restore(): Promise<Restored | null> {
		const found = this.interrupted;
		this.interrupted = null;
		if (!found) return null;
		const before = this.#group;
		const release = await this.store.hold(found.group).catch(() => null);
		this.elsewhere = release === null;
		if (!release) return null;
		try {
			// Another tab may have gone on with them since they were found.
			const now = interruptedIn(await this.store.list()).find(({ group }) => group === found.group);
			const read = now && (await readCopies(this.store, now.headers));
			if (read && before === this.#group) return this.#adopt(read, found.group, release);
			release();
			if (!read) this.readFault = NO_LONGER_OPEN;
			await this.look();
		} catch (error) {
			release();
			this.interrupted = found; // it is still there, and can be tried again
			this.readFault = (error as Error).message;
		}
		return null;
	}

	/** Makes a group that was read back and is held the one of this page. */
	#adopt({ judged, labels, pins, restored }: ReadCopies, group: string, release: () => void): Restored {
		this.end();
		this.#group = group;
		this.#release = release;
		this.#judged = judged;
		this.labels = labels;
		this.pins = pins;
		this.#places = restored.copies.flatMap(({ header: { id, status } }) => (status === 'underway' || status === 'failed' ? [id] : []));
		return restored;
	}

	/** Leaves the interrupted runs as they are: they stay among the kept ones, as cancelled. */
	async forget(): Promise<void> {
		const found = this.interrupted;
		this.interrupted = null;
		if (!found) return;
		const ids = found.headers.map(({ id }) => id);
		await this.#endRuns(found.group, ids, null);
		await this.look(); // an older one may wait, too
	}

	/** A person's own verdict on an answer that the judge read; null takes it back. */
	label({ keptAs }: Run, verdictId: string, label: Label | null): void {
		this.labels = withLabel(this.labels, verdictId, label);
		this.#mark(keptAs, (id) => this.store.label(id, verdictId, label));
	}

	/** Pins an answer, or takes the pin away. */
	pin({ keptAs }: Run, verdictId: string, pinned: boolean): void {
		this.pins = withPin(this.pins, verdictId, pinned);
		this.#mark(keptAs, (id) => this.store.pin(id, verdictId, pinned));
	}

	/** A run that was not begun, as a recorded one, has no place in the store. */
	#mark(id: string | null, write: (id: string) => Promise<void>): void {
		if (id && id === this.#judged) void this.#writes.do(() => write(id));
	}

	/** Takes over what another view made of the run's answers. */
	async #readMarks(id: string): Promise<void> {
		const isDue = () => id === this.#judged && !this.#writes.busy; // what is on its way will be told of again
		if (!isDue()) return;
		const [labels, pins] = await Promise.all([this.store.labels(id), this.store.pins(id)]);
		if (!isDue()) return;
		this.labels = labels;
		this.pins = pins;
	}

	#forgetMarks(): void {
		this.#judged = null;
		this.labels = NO_LABELS;
		this.pins = NO_PINS;
	}

	/** Lets go of runs that are over. A copy that has failed can still be gone on with, here or after a reload. */
	settle(runs: readonly Run[]): void {
		const idsOf = (status: Run['status']) => runs.flatMap((run) => (run.status === status && run.keptAs ? [run.keptAs] : []));
		const cancelled = idsOf('cancelled');
		if (this.#release || cancelled.length > 0) void this.#endRuns(this.#group, cancelled, this.#release);
		this.#release = null;
		this.#places = idsOf('failed');
	}

	/** Nobody goes on with the runs that this tab began. */
	end(): void {
		if (this.#release || this.#places.length > 0) void this.#endRuns(this.#group, this.#places, this.#release);
		this.#release = null;
		this.#places = [];
		this.#group = '';
	}

	/** Ends runs of a group that is held, or that no other tab holds, and then lets go of it. */
	async #endRuns(group: string, ids: readonly string[], held: (() => void) | null): Promise<void> {
		this.#writes.giveUp(ids);
		const release = held ?? (await this.#holding.then(() => this.store.hold(group)).catch(() => null));
		if (!release) return; // another tab has gone on with them meanwhile
		for (const id of ids) void this.#writes.do(() => this.store.end(id));
		if (ids.length === 0) release();
		else await this.#writes.do(async () => release());
	}

	/** Takes the group for this tab; false when another one has it, or nobody wants it any more. */
	#hold(): Promise<boolean> {
		const holding = this.#take();
		this.#holding = holding.catch(() => {});
		return holding;
	}

	async #take(): Promise<boolean> {
		const group = this.#group;
		if (this.#release || !group) return this.#release !== null;
		const release = await this.store.hold(group);
		if (group === this.#group) this.#release ??= release;
		else release?.();
		return group === this.#group && this.#release !== null;
	}
}
