import type { Exchange } from '$lib/conscience/judge';
import type { DepositReport, Memory, Neighbour, PooledState } from '$lib/conscience/memory';
import type { KeptRun } from '$lib/storage/database';
import type { ClassInfo } from '$lib/storage/memory/classes';

import { leftOutInWords, type Reading, type ReadStates, type RunReader, trajectoriesOf } from './reviewing';

/** The reader's own memory as it lies in the browser's store. */
export interface OwnStore {
	memory: Memory;
	info(): Promise<ClassInfo>;
	agreed(state: PooledState): Promise<string>;
	exportLines(): Promise<Uint8Array<ArrayBuffer>>;
	importLines(text: string): Promise<{ lines: number; faults: readonly { line: number; message: string }[] }>;
	clear(): Promise<void>;
}

/** A memory of the reader's own, in this browser: nobody else writes it, so one word is enough. It is opened when it is first asked for. */
export class OwnMemory {
	info = $state.raw<ClassInfo | null>(null);
	opening = $state(false);
	reading = $state.raw<Reading | null>(null);
	done = $state<string | null>(null);
	fault = $state<string | null>(null);
	#store: OwnStore | null = null;

	constructor(
		private openStore: () => Promise<OwnStore>,
		private runs: RunReader,
		private readStates: ReadStates,
		private find: (memory: Memory, checkpoint: string, exchange: Exchange) => Promise<readonly Neighbour[]>,
	) {}

	/** Fetches what it needs (PostgreSQL in WebAssembly) and opens it. */
	async open(): Promise<void> {
		if (this.opening || this.#store) return;
		this.opening = true;
		await this.#attempt(async () => {
			this.#store = await this.openStore();
			this.info = await this.#store.info();
		});
		this.opening = false;
	}

	async keep(run: KeptRun): Promise<void> {
		const store = this.#store;
		if (this.reading || !store) return;
		this.reading = { run: run.id, read: 0, total: 0 };
		await this.#attempt(async () => {
			const { trajectories, leftOut } = await trajectoriesOf(run, this.runs, this.readStates, (reading) => (this.reading = reading));
			const { added, known, refused }: DepositReport = await store.memory.deposit(trajectories);
			const full = refused > 0 ? `; ${refused} had no room` : '';
			this.done = `${added} answers were added, ${known} were there already${full}${leftOutInWords(leftOut)}.`;
		});
		this.reading = null;
		await this.#look();
	}

	/** What the memory has that is like an exchange. @throws Error that says why it can't be told */
	async lookUp(checkpoint: string, exchange: Exchange): Promise<readonly Neighbour[]> {
		if (!this.#store) return [];
		return this.find(this.#store.memory, checkpoint, exchange);
	}

	/** All of it that a model has read, whose state this is, as lines. @throws Error */
	async agreed(state: PooledState): Promise<string> {
		if (!this.#store) throw new Error('Open your memory first.');
		return this.#store.agreed(state);
	}

	async export(): Promise<Uint8Array<ArrayBuffer> | null> {
		let bytes: Uint8Array<ArrayBuffer> | null = null;
		await this.#attempt(async () => void (bytes = await this.#store!.exportLines()));
		return bytes;
	}

	async import(file: File): Promise<void> {
		await this.#attempt(async () => {
			const { lines, faults } = await this.#store!.importLines(await file.text());
			const first = faults[0] ? ` ${faults.length} could not be used; the first is line ${faults[0].line}: ${faults[0].message}.` : '';
			this.done = `${lines} lines of ${file.name} were taken in.${first}`;
		});
		await this.#look();
	}

	async clear(): Promise<void> {
		await this.#attempt(() => this.#store!.clear());
		await this.#look();
	}

	/** Counts anew, and leaves what was said last. */
	async #look(): Promise<void> {
		if (this.#store) this.info = await this.#store.info().catch(() => this.info);
	}

	async #attempt(work: () => Promise<void>): Promise<void> {
		this.fault = this.done = null;
		try {
			await work();
		} catch (error) {
			this.fault = (error as Error).message;
		}
	}
}
