import type { Found, Given } from '$lib/storage/dropped/found';
import { watchLifeline } from '$lib/worker/lifeline';
import type { OwnFolderEvent, OwnFolderRequests } from '$lib/worker/ownFolderProtocol';
import { Pace } from '$lib/worker/pace';
import { type Port, WorkerClient, WorkerLostError } from '$lib/worker/rpc';

export { bytesOf } from '$lib/storage/dropped/found';

/** The models that this browser keeps. */
export interface KeptModels {
	list(): Promise<Found[]>;
	remove(sha256: string): Promise<void>;
}

type WorkerPort = Port & Pick<Worker, 'terminate'>;
const ENDED =
	'The browser ended the work, most likely because it ran out of memory. Nothing of the model was kept. Close other tabs and give it again.';

/** A model that the reader gives as a folder or a zip: looked into, and kept in this browser if they want. */
export class OwnFolder {
	/** What is done with what was given; null while nothing is. */
	working = $state<'look' | 'keep' | null>(null);
	/** Bytes that were read or written, and how many there are. */
	progress = $state.raw<{ done: number; total: number } | null>(null);
	/** Null while it can't be told. */
	secondsLeft = $state<number | null>(null);
	/** What was found, and is not kept yet. */
	found = $state.raw<Found | null>(null);
	/** What was kept last. */
	taken = $state.raw<Found | null>(null);
	fault = $state<string | null>(null);
	/** Null until they were asked for. */
	kept = $state.raw<readonly Found[] | null>(null);
	#worker: { client: WorkerClient<OwnFolderRequests, OwnFolderEvent>; port: WorkerPort } | null = null;
	#pace = new Pace();

	constructor(
		private connect: () => WorkerPort,
		private models: KeptModels,
		private askToPersist: () => Promise<unknown>,
	) {}

	/** Reads and checks what was given; `found` or `fault` tells. */
	async look(giving: Given | Promise<Given>): Promise<void> {
		if (this.working) return;
		this.found = this.taken = null;
		this.found = await this.#work('look', async (client) => client.request('look', { given: await giving }));
		if (!this.found) this.#release();
	}

	/** Keeps what was found; `taken` or `fault` tells. */
	async keep(): Promise<void> {
		if (this.working || !this.found) return;
		void this.askToPersist(); // the browser may clear what it did not promise to keep
		this.taken = await this.#work('keep', (client) => client.request('keep', null));
		if (!this.taken) return; // it can be tried again
		this.discard();
		await this.refresh();
	}

	async cancel(): Promise<void> {
		await this.#worker?.client.request('cancel', null).catch(() => {});
	}

	/** Lets go of what was found. */
	discard(): void {
		this.found = null;
		this.#release();
	}

	async refresh(): Promise<void> {
		this.kept = await this.models.list().catch(() => []); // where the browser keeps no files, none is kept
	}

	async remove(sha256: string): Promise<void> {
		this.fault = null;
		if (this.taken?.sha256 === sha256) this.taken = null;
		await this.models.remove(sha256).catch((error: Error) => (this.fault = error.message));
		await this.refresh();
	}

	async #work<T>(kind: 'look' | 'keep', work: (client: WorkerClient<OwnFolderRequests, OwnFolderEvent>) => Promise<T>): Promise<T | null> {
		this.working = kind;
		this.fault = this.progress = this.secondsLeft = null;
		this.#pace = new Pace();
		try {
			this.#worker ??= this.#start();
			return await work(this.#worker.client);
		} catch (error) {
			const { name, message } = error as Error;
			if (name !== 'AbortError') this.fault = message;
			if (error instanceof WorkerLostError) this.discard();
			return null;
		} finally {
			this.working = null;
		}
	}

	#start() {
		const port = this.connect();
		const client = new WorkerClient<OwnFolderRequests, OwnFolderEvent>(port, (event) => {
			if (event.kind === 'alive') void watchLifeline(event.lock, () => client.fail(new WorkerLostError(ENDED)));
			else this.#note(event.done, event.total);
		});
		return { client, port };
	}

	#note(done: number, total: number): void {
		this.progress = { done, total };
		this.#pace.note(performance.now(), done);
		this.secondsLeft = this.#pace.secondsFor(total - done);
	}

	#release(): void {
		this.#worker?.port.terminate();
		this.#worker = null;
	}
}
