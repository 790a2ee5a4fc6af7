import type { Judge } from '$lib/conscience/judge';
import { adapterOfFiles, type GivenAdapterFile } from '$lib/experiment/adapterFiles';
import type { Experiment } from '$lib/experiment/schema';
import { standingIn } from '$lib/experiment/standing';
import { AdapterError, checkedAdapter } from '$lib/model/adapter';
import { checkAdapter } from '$lib/model/adapterCheck';
import type { BackendReport } from '$lib/model/backend';
import type { Checkpoint } from '$lib/model/checkpoint';
import { disposeLora, type Lora } from '$lib/model/lora';

import type { AdapterNotes, ChatJudge, ChatRequests } from './chatProtocol';

/** What a chat speaks with, loaded. */
export interface ChatBase {
	backend: BackendReport;
	checkpoint: Checkpoint;
	/** Who judges; null where a judge outside of this worker is asked for and none is connected. */
	judge: (engine: ChatJudge) => Judge | null;
}

/** A base and the adapters that may speak on it. What is asked first is done first. */
export class ChatRoom {
	#base: (ChatBase & { experiment: Experiment }) | null = null;
	#adapters = new Map<string, Lora>();
	#controllers = new Map<string, AbortController>();
	#last: Promise<unknown> = Promise.resolve();

	constructor(private load: (params: ChatRequests['openChat']['params']) => Promise<ChatBase>) {}

	/** @throws RangeError where none is loaded */
	get base() {
		if (!this.#base) throw new RangeError('The chat has no model yet. Open it first.');
		return this.#base;
	}

	/** Loads a base; the adapters of the one before are freed. */
	open(params: ChatRequests['openChat']['params']): Promise<ChatBase> {
		return this.inTurn(async () => {
			for (const adapter of [...this.#adapters.keys()]) this.#free(adapter);
			this.#base = { ...(await this.load(params)), experiment: params.experiment };
			return this.#base;
		});
	}

	/** Takes an adapter, in the place of one that was called so; what there is to say of it. @throws AdapterError with all reasons why it doesn't fit */
	take(adapter: string, files: () => Promise<readonly GivenAdapterFile[]>): Promise<AdapterNotes> {
		return this.inTurn(async () => {
			const { experiment, checkpoint } = this.base;
			const { config } = checkpoint.model;
			const report = checkAdapter({ config, name: experiment.model.checkpoint, sha256: checkpoint.sha256 }, adapterOfFiles(await files()));
			const lora = checkedAdapter(config, report);
			this.#free(adapter);
			this.#adapters.set(adapter, lora);
			return { doubts: report.doubts, standing: standingIn(report.metadata) };
		});
	}

	free = (adapter: string): Promise<void> => this.inTurn(async () => this.#free(adapter));

	/** Null is the base alone. @throws AdapterError where there is no such adapter */
	loraOf(adapter: string | null): Lora | null {
		if (adapter === null) return null;
		const lora = this.#adapters.get(adapter);
		if (!lora) throw new AdapterError(`The adapter '${adapter}' is not loaded.`);
		return lora;
	}

	/** Work that `hush` ends, also before its turn has come. */
	async hushable<T>(id: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
		const controller = new AbortController();
		const { signal } = controller;
		this.#controllers.set(id, controller);
		try {
			return await this.inTurn(async () => {
				signal.throwIfAborted();
				return work(signal);
			});
		} finally {
			this.#controllers.delete(id);
		}
	}

	hush(id: string): void {
		this.#controllers.get(id)?.abort();
	}

	inTurn<T>(work: () => Promise<T>): Promise<T> {
		const working = this.#last.then(work);
		this.#last = working.catch(() => {}); // whoever asked for it hears of the error
		return working;
	}

	#free(adapter: string): void {
		const lora = this.#adapters.get(adapter);
		if (lora) disposeLora(lora);
		this.#adapters.delete(adapter);
	}
}
