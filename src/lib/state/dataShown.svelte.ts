import type { DataPage, RowReport } from '$lib/experiment/preview';
import { ARMS } from '$lib/experiment/schema';
import type { DataRequests } from '$lib/worker/dataHandlers';
import { watchLifeline } from '$lib/worker/lifeline';
import type { LabEvent } from '$lib/worker/protocol';
import { WorkerClient, WorkerLostError } from '$lib/worker/rpc';

import type { WorkerPort } from './run.svelte';
import type { RunSettings } from './runSettings';

/** Rows on a page of the viewer. */
export const PAGE_ROWS = 6;

/** What the copies would learn from, as a reader looks through it: in a worker of its own, so that neither a run nor a model is needed. */
export class DataShown {
	report = $state.raw<RowReport | null>(null);
	page = $state.raw<DataPage | null>(null);
	/** The first row on the page, counted from 0 among those that were found. */
	from = $state(0);
	search = $state('');
	fault = $state<string | null>(null);
	reading = $state(true);
	#worker: { port: WorkerPort; client: WorkerClient<DataRequests, LabEvent> } | null = null;
	#asked = 0;

	constructor(private connect: () => WorkerPort) {}

	/** Reads the rows that a run begun now would learn from. */
	async read({ experiment, rows, checkpointUrl }: Pick<RunSettings, 'experiment' | 'rows' | 'checkpointUrl'>): Promise<void> {
		await this.#work(async (client, isNewest) => {
			const arm = ARMS.find((arm) => experiment.arms.includes(arm))!; // the first that the page shows
			const { report } = await client.request('readData', { experiment, arm, rows, checkpointUrl });
			const page = await client.request('dataPage', { from: 0, count: PAGE_ROWS, search: '' });
			if (isNewest()) [this.report, this.page, this.from, this.search] = [report, page, 0, ''];
		});
	}

	/** Turns to the rows from the `from`-th on of those that hold `search`. */
	async turnTo(from: number, search = this.search): Promise<void> {
		await this.#work(async (client, isNewest) => {
			const page = await client.request('dataPage', { from, count: PAGE_ROWS, search });
			if (isNewest()) [this.page, this.from, this.search] = [page, from, search];
		});
	}

	close(): void {
		this.#asked++;
		this.#worker?.client.fail(new DOMException('The viewer was closed.', 'AbortError'));
		this.#worker?.port.terminate();
		this.#worker = null;
	}

	async #work(work: (client: WorkerClient<DataRequests, LabEvent>, isNewest: () => boolean) => Promise<void>): Promise<void> {
		const mine = ++this.#asked;
		const isNewest = () => mine === this.#asked;
		this.reading = true;
		try {
			await work((this.#worker ??= this.#start()).client, isNewest);
			if (isNewest()) this.fault = null;
		} catch (error) {
			if (isNewest()) this.fault = (error as Error).message;
		} finally {
			if (isNewest()) this.reading = false;
		}
	}

	#start() {
		const port = this.connect();
		const client: WorkerClient<DataRequests, LabEvent> = new WorkerClient<DataRequests, LabEvent>(
			port,
			(event) => {
				if (event.kind !== 'alive') return;
				const gone = () => client.fail(new WorkerLostError('The browser ended the worker, perhaps for want of memory.'));
				void watchLifeline(event.lock, gone);
			},
			() => {
				port.terminate();
				if (this.#worker?.client === client) this.#worker = null; // whoever asks next gets another
			},
		);
		return { port, client };
	}
}
