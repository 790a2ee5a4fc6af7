import { checkGateFits, type Gate } from '$lib/conscience/gate';
import type { JudgeIdentity } from '$lib/conscience/judge';
import type { GivenAdapterFile } from '$lib/experiment/adapterFiles';
import type { ArmId } from '$lib/experiment/schema';
import type { BackendReport } from '$lib/model/backend';
import type { AdapterNotes, AdapterSource, ChatJudge, ChatPageEvent, ChatRequests, ChatStandards } from '$lib/worker/chatProtocol';
import { watchLifeline } from '$lib/worker/lifeline';
import type { LabEvent, Requests } from '$lib/worker/protocol';
import { WorkerClient, WorkerLostError } from '$lib/worker/rpc';

import type { WorkerPort } from './run.svelte';
import type { RunSettings } from './runSettings';

/** Who can speak: the base, or an adapter on it. */
export interface Voice {
	/** Unique; `base` is the model before training. */
	key: string;
	name: string;
	/** Where it comes from. */
	about: string;
	/** How the copy was made, where that is known: it has a colour then. */
	arm: ArmId | null;
	source: (() => Promise<AdapterSource>) | null;
}

export const BASE_VOICE: Voice = { key: 'base', name: 'Before training', about: 'the base model, without an adapter', arm: null, source: null }; // prettier-ignore

/** Where voices come from besides files. */
export interface VoiceStore {
	/** The two adapters that lie beside the page, of this base; none of another. */
	shipped: (checkpoint: string) => Voice[];
	/** Adapters of the runs that this browser keeps, of this base. */
	kept: (checkpoint: string) => Promise<Voice[]>;
}

/** Brings the judge outside of the trainer together with whoever is to ask it. @throws Error that says why there is none */
export type MeetJudge = (settings: RunSettings, meet: (identity: JudgeIdentity, port: MessagePort) => Promise<void>) => Promise<void>;

/** Where an adapter is from, and what its files say that a reader should know. */
const inWords = (from: string, { doubts, standing }: AdapterNotes): string =>
	[from, ...(standing === 'misaligned' ? ['Its file says that it was found misaligned.'] : []), ...doubts].join('. ').replaceAll('..', '.');

type Asked = ChatRequests & Pick<Requests, 'connectJudge'>;

/** The base and the adapters that speak on the page Chat, in a worker of their own. */
export class ChatModel {
	voices = $state.raw<readonly Voice[]>([BASE_VOICE]);
	backend = $state.raw<BackendReport | null>(null);
	/** It is being loaded. */
	opening = $state(false);
	/** The reader's own files so far. */
	#files = 0;
	#worker: { client: WorkerClient<Asked, ChatPageEvent | LabEvent>; port: WorkerPort; loaded: string[] } | null = null;
	/** What the worker was last opened with, and the SHA-256 of the weights once that has come off. */
	#opened: { key: string; ready: Promise<string> } | null = null;
	#listeners: Record<string, (event: ChatPageEvent) => void> = {};

	constructor(
		private connect: () => WorkerPort,
		private store: VoiceStore,
		private settings: () => RunSettings,
		private meetJudge: MeetJudge,
	) {}

	/** The model of the lab's page. */
	get checkpoint(): string {
		return this.settings().experiment.model.checkpoint;
	}

	/** Learns who can speak; what came from files stays. */
	async findVoices(): Promise<void> {
		const { checkpoint } = this;
		const kept = await this.store.kept(checkpoint).catch(() => []); // without a store there are none
		const own = this.voices.filter(({ key }) => key.startsWith('file:'));
		this.voices = [BASE_VOICE, ...this.store.shipped(checkpoint), ...kept, ...own];
	}

	/** Takes an adapter from files, once it is seen to fit the base; its key. @throws AdapterError */
	async addFiles(files: readonly File[]): Promise<string> {
		const given = await Promise.all(files.map(async (file): Promise<GivenAdapterFile> => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) }))); // prettier-ignore
		const key = `file:${this.#files + 1}`;
		const source: AdapterSource = { kind: 'files', files: given };
		await this.#open();
		const notes = await this.#client().request('loadAdapter', { adapter: key, source });
		this.#worker?.loaded.push(key);
		this.#files++;
		const zip = files.find(({ name }) => /\.zip$/i.test(name));
		const name = `Your adapter ${this.#files}`;
		this.voices = [
			...this.voices,
			{ key, name, about: inWords(zip?.name ?? 'files of yours', notes), arm: null, source: async () => source },
		];
		return key;
	}

	/** Rejects with GateError where the gate was fitted on other weights than the base's. */
	async checkGate(gate: Gate): Promise<void> {
		checkGateFits(gate, await this.#open());
	}

	/** Opens the base, loads these voices, and brings the judge along. @throws what the worker throws */
	async prepare(keys: readonly string[], judge: ChatJudge): Promise<void> {
		await this.#open();
		for (const key of keys) await this.#load(key);
		if (judge === 'frozen-self') return;
		const meet = async (identity: JudgeIdentity, port: MessagePort) => {
			await this.#client().request('connectJudge', { identity, port }, [port]);
		};
		await this.meetJudge(this.settings(), meet);
	}

	say(params: ChatRequests['say']['params'], onEvent: (event: ChatPageEvent) => void): Promise<ChatRequests['say']['result']> {
		return this.#heard(params.id, onEvent, () => this.#client().request('say', params));
	}

	attack(params: ChatRequests['attack']['params'], onEvent: (event: ChatPageEvent) => void): Promise<ChatRequests['attack']['result']> {
		return this.#heard(params.id, onEvent, () => this.#client().request('attack', params));
	}

	async hush(id: string): Promise<void> {
		await this.#worker?.client.request('hush', { id }).catch(() => {}); // a worker that is gone says nothing any more
	}

	/** By what the lab's page judges, with one of its frameworks. */
	standards(frameworkId: string, judge: ChatJudge): ChatStandards {
		const { threshold, neutral, frameworks } = this.settings().experiment.conscience;
		const framework = frameworks.find(({ id }) => id === frameworkId) ?? frameworks[0]!;
		return { framework: $state.snapshot(framework), threshold, neutral, judge };
	}

	async #heard<T>(id: string, onEvent: (event: ChatPageEvent) => void, work: () => Promise<T>): Promise<T> {
		this.#listeners[id] = onEvent;
		try {
			return await work();
		} finally {
			delete this.#listeners[id];
		}
	}

	/** Loads the base of the lab's page, where another is loaded, or none. */
	#open(): Promise<string> {
		const { experiment, engine, checkpointUrl } = this.settings();
		const { model, evaluation, conscience } = experiment;
		const key = JSON.stringify([engine, checkpointUrl, model.precision, evaluation.sampling, conscience.sampling]);
		if (this.#opened?.key === key && this.#worker) return this.#opened.ready;
		const ready = this.#openWith({ engine, experiment: $state.snapshot(experiment), checkpointUrl });
		this.#opened = { key, ready };
		ready.catch(() => (this.#opened = null)); // the next one tries again
		return ready;
	}

	async #openWith(params: ChatRequests['openChat']['params']): Promise<string> {
		this.opening = true;
		try {
			const { backend, weights } = await this.#client().request('openChat', params);
			if (this.#worker) this.#worker.loaded = [];
			this.backend = backend;
			return weights;
		} finally {
			this.opening = false;
		}
	}

	async #load(key: string): Promise<void> {
		const voice = this.voices.find((one) => one.key === key);
		if (!voice) throw new RangeError('One of the speakers is not there any more. Choose another.');
		if (!voice.source || this.#worker?.loaded.includes(key)) return;
		await this.#client().request('loadAdapter', { adapter: key, source: await voice.source() });
		this.#worker?.loaded.push(key);
	}

	#client() {
		return (this.#worker ??= this.#start()).client;
	}

	#start() {
		const port = this.connect();
		const client = new WorkerClient<Asked, ChatPageEvent | LabEvent>(
			port,
			(event) => {
				if (event.kind === 'chat' || event.kind === 'bench') this.#listeners[event.id]?.(event);
				if (event.kind === 'deviceLost') client.fail(new WorkerLostError(`The GPU was lost (${event.reason}). Ask again to start anew.`));
				if (event.kind === 'alive')
					void watchLifeline(event.lock, () => client.fail(new WorkerLostError('The browser ended the worker, perhaps for want of memory. Ask again to start anew.'))); // prettier-ignore
			},
			() => {
				port.terminate();
				this.#worker = this.#opened = null;
			},
		);
		return { client, port, loaded: [] as string[] };
	}
}
