import type { RunEvent } from '$lib/experiment/events';
import { type Experiment } from '$lib/experiment/schema';
import type { Label } from '$lib/conscience/judge';
import type { KeptRun, RunHeader } from '$lib/storage/database';
import { randomId } from '$lib/storage/runs';

import { type Interrupted, interruptedIn } from './interrupted';
import { type Labels, NO_LABELS, withLabel } from './labels';
import type { Run, RunSettings } from './run.svelte';

/** Where runs are kept, or a stand-in in a test. */
export interface RunStore {
	create(header: RunHeader): Promise<void>;
	list(): Promise<KeptRun[]>;
	/** The reader's own rows that the run learns from. */
	rows(id: string): Promise<RunHeader['rows']>;
	/** What the run had told at its last step boundary, from where it can go on. */
	events(id: string): Promise<readonly RunEvent[]>;
	/** The experiment as it stood at the run's last step: it may have been changed since it was begun. */
	experimentNow(id: string): Promise<Experiment | null>;
	/** Says that nobody goes on with a run that is not over. */
	end(id: string): Promise<void>;
	/** The same of a run whose place in its group another one takes. */
	putAside(id: string): Promise<void>;
	labels(id: string): Promise<Labels>;
	/** Keeps what a person said of an answer; null takes it back. */
	label(id: string, verdictId: string, label: Label | null): Promise<void>;
	/** Takes the runs of a group for this tab until the returned function is called; null when another tab has them. */
	hold(group: string): Promise<(() => void) | null>;
	isHeld(group: string): Promise<boolean>;
	/** This tab holds the group. */
	isOurs(group: string): boolean;
}

/** An interrupted group, read back: what each copy had told, and the experiment as it stood. */
export interface Restored {
	experiment: Experiment;
	rows: RunHeader['rows'];
	engine: string;
	copies: readonly { header: KeptRun; events: readonly RunEvent[] }[];
}

/** Keeps the lab's runs while they go on, finds those that were interrupted, and holds them so that no other tab writes to them. */
export class Keeping {
	/** The newest interrupted runs that no other tab holds. */
	interrupted = $state.raw<Interrupted | null>(null);
	/** A run of another tab is under way. */
	elsewhere = $state(false);
	/** Why runs are not kept; null while they are. */
	fault = $state<string | null>(null);
	/** What a person said of answers, against the judge's verdicts. */
	labels = $state.raw<Labels>(NO_LABELS);

	#release: (() => void) | null = null;
	#group = '';

	constructor(private store: RunStore) {}

	/** Looks for runs that were interrupted. Without a store there are none. */
	async look(): Promise<void> {
		this.interrupted = null;
		this.elsewhere = false;
		const headers = await this.store.list().catch(() => []); // a run that is begun will tell why it can't be kept
		for (const found of interruptedIn(headers)) {
			if (this.store.isOurs(found.group)) continue;
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
		this.labels = NO_LABELS;
		this.fault = null;
		this.#group = randomId();
		try {
			for (const run of runs) await this.join(run, settings);
		} catch (error) {
			this.#failed(error as Error, null);
		}
	}

	/** Notes that a run begins now, beside those of its group. */
	async join({ arm, keptAs, backend }: Run, { experiment, rows, engine }: RunSettings): Promise<void> {
		if (!keptAs) return;
		this.#release ??= await this.store.hold(this.#group).catch(() => null);
		const now = Date.now();
		const when = { createdAt: now, updatedAt: now, step: 0, status: 'underway', source: 'lab' } as const;
		const header: RunHeader = { id: keptAs, group: this.#group, arm, experiment, engine, backend: backend?.name ?? null, rows, ...when };
		await this.store.create(header).catch((error: Error) => this.#failed(error, null));
	}

	/** Notes that a run begins anew in the place of one that has failed. */
	async replace(former: string | null, run: Run, settings: RunSettings): Promise<void> {
		if (run.arm !== 'sft') this.labels = NO_LABELS; // they were of other answers
		if (former) await this.store.putAside(former).catch((error: Error) => this.#failed(error, null));
		await this.join(run, settings);
	}

	/** What a run has told, as far as it was kept. */
	eventsOf({ keptAs }: Run): Promise<readonly RunEvent[]> {
		return keptAs ? this.store.events(keptAs).catch((error: Error) => this.#failed(error, [])) : Promise.resolve([]);
	}

	/** Reads the interrupted runs back and holds them; null when another tab was quicker, or they can't be read. */
	async restore(): Promise<Restored | null> {
		const found = this.interrupted;
		this.interrupted = null;
		if (!found) return null;
		this.end();
		try {
			this.#release = await this.store.hold(found.group);
			this.#group = found.group;
			this.elsewhere = !this.#release;
			return this.#release ? await this.#read(found.headers) : null;
		} catch (error) {
			this.end();
			this.interrupted = found; // it is still there, and can be tried again
			return this.#failed(error as Error, null);
		}
	}

	async #read(headers: Interrupted['headers']): Promise<Restored> {
		const [first] = headers as [KeptRun];
		const copies = await Promise.all(headers.map(async (header) => ({ header, events: await this.store.events(header.id) })));
		const judged = headers.find(({ arm }) => arm !== 'sft') ?? first;
		this.labels = await this.store.labels(judged.id);
		const experiment = (await this.store.experimentNow(judged.id)) ?? judged.experiment;
		return { experiment, rows: await this.store.rows(first.id), engine: first.engine, copies };
	}

	/** Leaves the interrupted runs as they are: they stay among the kept ones, as cancelled. */
	async forget(): Promise<void> {
		const found = this.interrupted;
		this.interrupted = null;
		if (!found) return;
		const release = await this.store.hold(found.group).catch(() => null);
		if (!release) return; // another tab has gone on with them meanwhile
		for (const { id } of found.headers) await this.store.end(id).catch((error: Error) => this.#failed(error, null));
		release();
	}

	/** A person's own verdict on an answer that the judge read; null takes it back. */
	label({ keptAs }: Run, verdictId: string, label: Label | null): void {
		this.labels = withLabel(this.labels, verdictId, label);
		if (keptAs) void this.store.label(keptAs, verdictId, label).catch((error: Error) => this.#failed(error, null));
	}

	/** Lets go of the runs that this tab held. */
	end(): void {
		this.#release?.();
		this.#release = null;
	}

	#failed<T>({ message }: Error, instead: T): T {
		this.fault ??= message;
		return instead;
	}
}
