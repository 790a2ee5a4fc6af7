import type { ModelFit, RowTokens } from '$lib/experiment/modelFit';
import { forRealModel } from '$lib/experiment/modelSettings';
import type { Experiment } from '$lib/experiment/schema';
import type { HubName } from '$lib/model/hubFolder';
import { HUB, readHubName } from '$lib/storage/hub/address';
import { watchLifeline } from '$lib/worker/lifeline';
import type { ModelOutlook, ModelsEvent, ModelsRequests, StoredModel } from '$lib/worker/modelsProtocol';
import type { Engine } from '$lib/worker/protocol';
import { WorkerClient, WorkerLostError } from '$lib/worker/rpc';

import type { WorkerPort } from './run.svelte';

/** What the page's lab is, as far as models are concerned. */
export interface ModelsLab {
	readonly experiment: Experiment;
	readonly engine: Engine;
	load(experiment: Experiment): void;
}

const originOf = (hub: string): string => (URL.canParse(hub.trim()) ? new URL(hub.trim()).origin : '');

/** Nobody on the way reads what is sent there. */
const isPrivate = (origin: string): boolean => /^(https:|http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:|$))/.test(origin);

/** Models of a hub: one that is looked at and fetched, and those that this browser keeps. */
export class Models {
	hub = $state(HUB);
	id = $state('');
	revision = $state('');
	#token = $state('');
	#tokenHub = '';
	/** Why the token was let go of; null where it wasn't. */
	tokenNote = $state<string | null>(null);
	/** Of training rows, for the estimate. */
	tokens = $state.raw<RowTokens>({ mean: 160, longest: 320 });
	working = $state<'look' | 'download' | null>(null);
	outlook = $state.raw<ModelOutlook | null>(null);
	fit = $state.raw<{ fit: ModelFit; machine: string } | null>(null);
	progress = $state.raw<{ loadedBytes: number; totalBytes: number; secondsLeft: number | null } | null>(null);
	/** So many seconds does the hub want to be left alone; null when it doesn't. */
	waiting = $state<number | null>(null);
	fault = $state<{ title: string; text: string } | null>(null);
	/** Null until the store was read. */
	stored = $state.raw<readonly StoredModel[] | null>(null);
	#worker: { client: WorkerClient<ModelsRequests, ModelsEvent>; port: WorkerPort } | null = null;

	/** All that a run of the lab with this model would have otherwise than the page's experiment has now. */
	readonly settings = $derived.by(() => (this.outlook ? forRealModel(this.lab.experiment, this.outlook.folder) : null));
	/** All of it is here. */
	readonly ready = $derived(this.outlook !== null && this.outlook.locked === null && this.outlook.missingBytes === 0);

	constructor(
		private connect: () => WorkerPort,
		private lab: ModelsLab,
		private askToPersist: () => Promise<unknown>,
	) {}

	/** Lives in this page and its worker, and goes with them; only the hub for which it was typed is shown it. */
	get token(): string {
		return this.#token;
	}

	set token(value: string) {
		this.#token = value;
		this.#tokenHub = originOf(this.hub.trim() || HUB);
	}

	/** Asks the hub for what is typed, or for this model. */
	async look(chosen?: Partial<HubName>): Promise<void> {
		Object.assign(this, chosen);
		this.outlook = this.fit = null;
		await this.#work('look', 'This model can’t be used.', async () => {
			const { hub, id, revision } = this;
			const name = readHubName({ hub, id, revision });
			Object.assign(this, name); // a page's address may name all three
			this.outlook = await this.#client().request('look', { name, token: this.#tokenFor(name.hub) });
		});
		await this.estimate();
		await this.refresh();
	}

	/** Whether it fits, by the experiment of the lab's page as the model would be run. */
	async estimate(): Promise<void> {
		const { outlook, settings, tokens } = this;
		if (!outlook || outlook.locked !== null || !settings) return;
		const params = { folder: outlook.folder, experiment: $state.snapshot(settings.experiment), engine: this.lab.engine, tokens };
		const fit = await this.#client()
			.request('fit', params)
			.catch((error: Error) => this.#blame('It can’t be told whether it fits.', error));
		if (fit && this.outlook === outlook) this.fit = fit;
	}

	async setTokens(tokens: RowTokens): Promise<void> {
		this.tokens = tokens;
		await this.estimate();
	}

	async download(): Promise<void> {
		const { outlook } = this;
		if (!outlook || this.working) return;
		void this.askToPersist(); // what took an hour to fetch should not go when the disk gets full
		await this.#work('download', 'The download has stopped.', () =>
			this.#client().request('download', { folder: outlook.folder, token: this.#tokenFor(outlook.name.hub) }),
		);
		await this.#lookAgain();
	}

	async cancel(): Promise<void> {
		await this.#client()
			.request('cancel', null)
			.catch(() => {});
	}

	async refresh(): Promise<void> {
		this.stored = await this.#client()
			.request('list', null)
			.catch(() => this.stored);
	}

	async remove({ folder }: StoredModel): Promise<void> {
		if (this.outlook?.folder === folder) {
			this.outlook = this.fit = null;
			if (this.working === 'download') await this.cancel(); // else what comes next would stay
		}
		try {
			await this.#client().request('remove', { folder });
		} catch (error) {
			this.#blame('It could not be deleted.', error as Error);
		}
		await this.refresh();
	}

	/** Makes it the model of the lab's page, which then comes. */
	use(): void {
		if (this.settings) this.lab.load(this.settings.experiment);
	}

	/** The token, if this is the hub for which it was typed; for another it is let go of, so that it is not sent there later either. */
	#tokenFor(hub: string): string | null {
		const [token, origin] = [this.#token.trim(), originOf(hub)];
		this.tokenNote = null;
		if (!token) return null;
		if (origin === this.#tokenHub && isPrivate(origin)) return token;
		this.#token = '';
		this.tokenNote = isPrivate(origin)
			? `The token was typed for ${this.#tokenHub || 'another hub'} and is not shown to ${origin}. If it is for this hub, type it again.`
			: `The token is not sent to ${origin}: without https, others on the way could read it.`;
		return null;
	}

	/** What is missing after a download, or after one that broke off. */
	async #lookAgain(): Promise<void> {
		const { outlook } = this;
		if (outlook) {
			const again = { name: outlook.name, token: this.#tokenFor(outlook.name.hub) };
			const now = await this.#client()
				.request('look', again)
				.catch(() => null);
			if (now && this.outlook === outlook) this.outlook = now;
		}
		await this.refresh();
	}

	async #work(kind: 'look' | 'download', title: string, work: () => Promise<void>): Promise<void> {
		this.working = kind;
		this.fault = this.progress = this.waiting = null;
		try {
			await work();
		} catch (error) {
			this.#blame(title, error as Error);
		} finally {
			this.working = this.waiting = null;
		}
	}

	#blame(title: string, { name, message }: Error): null {
		if (name !== 'AbortError') this.fault = { title, text: message };
		return null;
	}

	#client() {
		return (this.#worker ??= this.#start()).client;
	}

	#start() {
		const port = this.connect();
		const client = new WorkerClient<ModelsRequests, ModelsEvent>(
			port,
			(event) => {
				if (event.kind === 'files') this.progress = event;
				if (event.kind === 'waiting') this.waiting = event.seconds;
				if (event.kind === 'alive')
					void watchLifeline(event.lock, () => client.fail(new WorkerLostError('The browser ended the worker, perhaps for want of memory. Try again.'))); // prettier-ignore
			},
			() => {
				port.terminate();
				this.#worker = null;
			},
		);
		return { client, port };
	}
}
