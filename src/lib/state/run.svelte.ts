import type { Exchange } from '$lib/conscience/judge';
import type { AdapterFolder, AdapterOptions } from '$lib/experiment/adapterFolder';
import type { RunEvent } from '$lib/experiment/events';
import type { ArmId, Experiment } from '$lib/experiment/schema';
import type { SelfJudged } from '$lib/experiment/selfJudged';
import type { WorldSample } from '$lib/experiment/worldExchanges';
import type { BackendReport } from '$lib/model/backend';
import type { RunHeader } from '$lib/storage/database';
import { randomId } from '$lib/storage/randomId';
import type { LoadedJudge } from '$lib/worker/judgeProtocol';
import { watchLifeline } from '$lib/worker/lifeline';
import type { Asked, AskedAnswer, Engine, LabEvent, MergedDtype, Requests, RunStatus } from '$lib/worker/protocol';
import { LabClient, type Port, WorkerLostError } from '$lib/worker/rpc';

import { RunRecord } from './record.svelte';
import { type RunSettings, sameSettings } from './runSettings';

/** A worker, or what stands in for one in a test. */
export interface WorkerPort extends Port {
	terminate(): void;
}

/** Why a run stopped without being asked to. */
export interface Problem {
	name: string;
	message: string;
}

/** The requests that keep a worker busy for a while. */
type Work = 'open' | 'play' | 'step';

/** One arm's run as the page sees it. Only the worker's own events and answers change it. */
export class Run {
	readonly record = new RunRecord();

	/** `new` until the worker has answered; then what it last answered. */
	status = $state<'new' | 'failed' | RunStatus>('new');
	/** What the worker is busy with. */
	working = $state<Work | null>(null);
	pausing = $state(false);
	problem = $state.raw<Problem | null>(null);
	backend = $state.raw<BackendReport | null>(null);
	/** As it was at step 0; it may have been changed since. Null until the run is opened. */
	begunWith = $state.raw<Experiment | null>(null);
	/** Numbers in the base model. */
	parameters = $state<number | null>(null);
	/** The run's place in the store; null until it is opened. */
	keptAs = $state<string | null>(null);
	/** Why the store does not take the run, which goes on all the same; null while it does. */
	notKept = $state<string | null>(null);
	/** Why the conscience could not ask its judge: the run waits before the step. Null while it can. */
	judgeLost = $state<string | null>(null);
	download = $state.raw<{ loadedBytes: number; totalBytes: number | null } | null>(null);

	readonly over = $derived(this.status === 'finished' || this.status === 'cancelled' || this.status === 'failed');

	#link: { client: LabClient; port: WorkerPort; engine: Engine; judge: LoadedJudge | null } | null = null;
	/** What the worker was last opened with, and whether that has come off. */
	#opened: { settings: RunSettings; ready: Promise<boolean> } | null = null;
	#runId = '';
	/** Requests made so far: the newest says what the worker is busy with. */
	#requests = 0;
	#stopAsked = false;
	/** It has its place in the store: changes reach it by `adjust` only, and no other settings open it anew. */
	#begun = false;
	#restMs = 0;
	/** Who listens to the answers to a reader's own question, by its id. */
	#listeners: Record<string, (who: Asked, text: string) => void> = {};

	constructor(
		readonly arm: ArmId,
		private connect: (arm: ArmId) => WorkerPort,
	) {}

	/**
	 * Loads what the run needs, so that it can begin at once; false if that failed or was cancelled. A run that has failed stays as it is,
	 * with all that it has told, until it is reset or resumed.
	 */
	open(settings: RunSettings): Promise<boolean> {
		if (this.status === 'failed') return Promise.resolve(false);
		if (this.#opened && (this.#begun || sameSettings(this.#opened.settings, settings))) return this.#opened.ready;
		return this.#openAnew(settings, null);
	}

	/** Opens a run that from now on goes on with these settings, whatever is chosen on the page; one that could not be loaded before gets another chance. */
	async begin(settings: RunSettings): Promise<void> {
		const opened = this.status === 'failed' ? this.reset(settings) : this.open(settings);
		this.#begun = true;
		await opened;
	}

	/** Opens the run where it isn't open yet, and goes on until it ends or is paused. */
	play(settings: RunSettings): Promise<void> {
		return this.#advance('play', settings);
	}

	/** One optimizer step, with the calls and evaluations that belong to it. */
	stepOnce(settings: RunSettings): Promise<void> {
		return this.#advance('step', settings);
	}

	async pause(): Promise<void> {
		this.#stopAsked = true;
		if (this.working !== 'play' && this.working !== 'step') return;
		this.pausing = true;
		await this.#steer('pause');
		this.pausing = false;
	}

	async cancel(): Promise<void> {
		this.#stopAsked = true;
		await this.#steer('cancel');
		if (this.working === null && this.status === 'paused') this.status = 'cancelled';
	}

	/** Back to step 0 with the same seed, as a run of its own: what was kept of the one before stays. */
	async reset(settings: RunSettings): Promise<void> {
		this.#stopAsked = true;
		this.record.flush();
		if (!this.#begun && this.status !== 'failed') await this.open(settings);
		else await this.#openAnew(settings, null);
	}

	/** Goes back to where a kept run stood at its last step boundary; `events` is what it had told until then. False if that failed or was cancelled. */
	async resume(
		settings: RunSettings,
		{ id, status, experiment }: Pick<RunHeader, 'id' | 'status' | 'experiment'>,
		events: readonly RunEvent[],
	): Promise<boolean> {
		const ready = this.#openAnew(settings, id);
		this.#begun = true;
		this.begunWith = experiment;
		this.record.restore(events);
		if (!(await ready)) return false;
		if (status === 'finished' || status === 'cancelled') this.status = status;
		return true;
	}

	/** Takes over settings that a run may change while it goes on. @throws ExperimentError when the run can't go on with them; then nothing has changed */
	async adjust({ experiment, verdictFile }: RunSettings): Promise<void> {
		if (!this.#opened) return;
		this.#opened = { ...this.#opened, settings: { ...this.#opened.settings, experiment, verdictFile } };
		if (!(await this.#opened.ready)) return;
		await this.#link?.client.request('adjust', { runId: this.#runId, experiment, verdictFile }).catch((error: Error) => {
			if (error.name === 'ExperimentError') throw error;
			if (error.name !== 'RunStateError') this.#fail(error); // it ended meanwhile: then nothing is left to change
		});
	}

	/** A rest after every step, in ms. */
	async pace(restMs: number): Promise<void> {
		this.#restMs = restMs;
		if (this.#opened && (await this.#opened.ready)) await this.#sendPace();
	}

	/** Puts a question of the reader's own; `onText` hears the answers grow. @throws what the worker throws */
	async ask(
		askId: string,
		question: string,
		who: Asked[],
		seed: number,
		onText: (who: Asked, text: string) => void,
	): Promise<AskedAnswer[]> {
		if (!this.#link) throw new WorkerLostError('This copy has no worker any more. Start it again to ask it something.');
		this.#listeners[askId] = onText;
		try {
			return (await this.#link.client.request('ask', { runId: this.#runId, askId, question, who, seed })).answers;
		} finally {
			delete this.#listeners[askId];
		}
	}

	/** The judge outside of the trainer that this copy's worker can ask. */
	get judge(): LoadedJudge | null {
		return this.#link?.judge ?? null;
	}

	/** Lets the copy's worker ask a judge at the other end of `port`. */
	async meetJudge(judge: LoadedJudge, port: MessagePort): Promise<void> {
		if (!this.#link) return;
		this.#link.judge = judge;
		await this.#link.client.request('connectJudge', { port, identity: judge.identity }, [port]).catch(() => {}); // the run itself will tell
	}

	/** Lets the frozen copy in the trainer judge. @throws what the worker throws */
	async selfJudged(answers: WorldSample | readonly Exchange[]): Promise<SelfJudged> {
		if (!this.#link) throw new WorkerLostError('This copy has no worker any more. Start it again to let its base judge.');
		return this.#link.client.request('selfJudged', { runId: this.#runId, answers });
	}

	/** The adapter as it is now. @throws what the worker throws */
	async exportAdapter(options: AdapterOptions = {}): Promise<AdapterFolder> {
		if (!this.#link) throw new WorkerLostError('This copy has no worker any more. Run it again to export its adapter.');
		return (await this.#link.client.request('exportAdapter', { runId: this.#runId, ...options })).files;
	}

	/** The model with the adapter in it, as a zip. @throws what the worker throws */
	async exportMerged(dtype: MergedDtype): Promise<Blob> {
		if (!this.#link) throw new WorkerLostError('This copy has no worker any more. Run it again to export its model.');
		return (await this.#link.client.request('exportMerged', { runId: this.#runId, dtype })).zip;
	}

	/** Ends the worker; what the run has shown stays. */
	close(): void {
		this.#link?.client.fail(new DOMException('The run was closed.', 'AbortError'));
		this.#link?.port.terminate();
		this.#link = null;
		this.#opened = null;
	}

	/** Ends the worker and forgets what the run has shown. */
	discard(): void {
		this.close();
		this.#clear();
	}

	#openAnew(settings: RunSettings, resumeFrom: string | null): Promise<boolean> {
		if (this.#link?.engine !== settings.engine || this.status === 'failed') this.close();
		this.#clear();
		this.#begun = false;
		this.begunWith = settings.experiment;
		const ready = this.#load(settings, resumeFrom);
		this.#opened = { settings, ready };
		return ready;
	}

	async #load(settings: RunSettings, resumeFrom: string | null): Promise<boolean> {
		const runId = (this.#runId = `${this.arm}-${this.#requests}`);
		const keepAs = (this.keptAs = resumeFrom ?? randomId());
		this.#link ??= this.#start(settings.engine);
		const answer = await this.#work('open', { runId, arm: this.arm, ...settings, keepAs, resumeFrom });
		if (runId !== this.#runId) return false; // opened anew meanwhile
		if (!answer) {
			this.#opened = null;
			return false;
		}
		this.backend = answer.result.backend;
		this.parameters = answer.result.parameters;
		this.status = 'paused';
		if (this.#restMs > 0) await this.#sendPace();
		return true;
	}

	async #sendPace(): Promise<void> {
		await this.#link?.client.request('pace', { runId: this.#runId, restMs: this.#restMs }).catch(() => {}); // the run itself will tell
	}

	async #advance(kind: 'play' | 'step', settings: RunSettings): Promise<void> {
		if (this.working === 'play' || this.working === 'step') return;
		this.#stopAsked = false;
		const opened = this.open(settings);
		this.#begun = true;
		if (!(await opened) || this.#stopAsked || this.over) return;
		this.judgeLost = null;
		const answer = await this.#work(kind, { runId: this.#runId });
		if (answer) this.status = answer.result.status;
	}

	/** A request that takes its time. What goes wrong with it becomes the run's problem; a request that was cancelled is none. */
	async #work<K extends Work>(kind: K, params: Requests[K]['params']): Promise<{ result: Requests[K]['result'] } | null> {
		if (!this.#link) return null;
		const request = ++this.#requests;
		this.working = kind;
		try {
			const result = await this.#link.client.request(kind, params);
			this.record.flush(); // the answer came after its events, and so must what it changes
			return request === this.#requests ? { result } : null; // what a newer request has overtaken says nothing any more
		} catch (error) {
			this.record.flush();
			this.#fail(error as Error);
			return null;
		} finally {
			if (request === this.#requests) this.working = null;
		}
	}

	/** A request about another one, which will tell if something is wrong. */
	async #steer(kind: 'pause' | 'cancel'): Promise<void> {
		await this.#link?.client.request(kind, { runId: this.#runId }).catch(() => {});
	}

	#start(engine: Engine): { client: LabClient; port: WorkerPort; engine: Engine; judge: null } {
		const port = this.connect(this.arm);
		const client: LabClient = new LabClient(
			port,
			(event) => this.#onEvent(event, client),
			(error) => this.#fail(error),
		);
		return { client, port, engine, judge: null };
	}

	#fail({ name, message }: Error): void {
		if (name === 'AbortError') return;
		this.status = 'failed';
		this.problem ??= { name, message };
		this.close();
	}

	#onEvent(event: LabEvent, client: LabClient): void {
		switch (event.kind) {
			case 'alive':
				void watchLifeline(event.lock, () =>
					client.fail(new WorkerLostError('The worker has ended: the browser closed it, perhaps for want of memory.')),
				);
				break;
			case 'download':
				if (event.runId === this.#runId) this.download = event;
				break;
			case 'deviceLost':
				client.fail(Object.assign(new Error(`The GPU was lost (${event.reason}).`), { name: 'GpuError' }));
				break;
			case 'run':
				if (event.runId !== this.#runId) break;
				if (event.event.kind === 'judgeLost') this.judgeLost = event.event.reason;
				this.record.add(event.event);
				break;
			case 'asked':
				this.#listeners[event.askId]?.(event.who, event.text);
				break;
			case 'notKept':
				if (event.runId === this.#runId) this.notKept = event.reason;
				break;
			default:
				event satisfies never;
		}
	}

	#clear(): void {
		this.record.clear();
		this.status = 'new';
		this.problem = null;
		this.notKept = this.judgeLost = null;
		this.download = null;
	}
}
