import type { Exchange } from '$lib/conscience/judge';
import type { PooledState } from '$lib/conscience/memory';
import { watchLifeline } from '$lib/worker/lifeline';
import type { LabEvent } from '$lib/worker/protocol';
import { WorkerClient, WorkerLostError } from '$lib/worker/rpc';
import type { StateRequests } from '$lib/worker/stateProtocol';

import type { WorkerPort } from './run.svelte';

/** Exchanges that are read between two looks at the progress. */
const CHUNK = 64;

/** Lets the frozen model read exchanges, in a worker of its own that ends when nobody needs it any more. */
export class StateReader {
	#worker: { port: WorkerPort; client: WorkerClient<StateRequests, LabEvent> } | null = null;
	#reads = 0;
	#wanted = false;

	constructor(
		private connect: () => WorkerPort,
		private checkpointUrl: (checkpoint: string) => string,
	) {}

	/** One state for each exchange, in order; `onProgress` hears how many are read. */
	async read(checkpoint: string, exchanges: readonly Exchange[], onProgress: (read: number) => void = () => {}): Promise<PooledState[]> {
		const { client } = (this.#worker ??= this.#start());
		const states: PooledState[] = [];
		this.#reads++;
		try {
			for (let start = 0; start < exchanges.length; start += CHUNK) {
				const chunk = exchanges.slice(start, start + CHUNK).map(({ question, answer }) => ({ question, answer }));
				const found = await client.request('states', { engine: 'auto', checkpointUrl: this.checkpointUrl(checkpoint), exchanges: chunk });
				states.push(...found.states);
				onProgress(states.length);
			}
		} finally {
			this.#reads--;
			this.#closeWhenIdle();
		}
		return states;
	}

	/** The worker and its model are kept at hand from now on, for whoever may ask again. */
	hold(): void {
		this.#wanted = true;
	}

	/** Nobody waits for the next question: the worker ends when it has read what it was given. */
	release(): void {
		this.#wanted = false;
		this.#closeWhenIdle();
	}

	#closeWhenIdle(): void {
		if (this.#wanted || this.#reads > 0) return;
		this.#worker?.port.terminate();
		this.#worker = null;
	}

	#start() {
		const port = this.connect();
		const client: WorkerClient<StateRequests, LabEvent> = new WorkerClient<StateRequests, LabEvent>(
			port,
			(event) => {
				if (event.kind === 'alive')
					void watchLifeline(event.lock, () =>
						client.fail(new WorkerLostError('The browser ended the worker, perhaps for want of memory.')),
					);
				if (event.kind === 'deviceLost') client.fail(new Error(`The GPU was lost (${event.reason}).`));
			},
			() => {
				// Whoever asks next gets another worker.
				port.terminate();
				if (this.#worker?.client === client) this.#worker = null;
			},
		);
		return { port, client };
	}
}
