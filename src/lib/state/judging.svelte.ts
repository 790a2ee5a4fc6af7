import type { Judge } from '$lib/conscience/judge';
import type { ListedLook } from '$lib/conscience/listedModels';
import { askToPersist } from '$lib/storage/room';
import type { JudgeEvent, JudgeOutlook, JudgeRequests, JudgeSource, JudgeStanding, LoadedJudge } from '$lib/worker/judgeProtocol';
import { watchLifeline } from '$lib/worker/lifeline';
import { WorkerClient, WorkerLostError } from '$lib/worker/rpc';

import { asksFirst, judgeSourceOf, sameJudge, sameSource, wantsWebllm } from './judgeSource';
import type { Problem, Run, WorkerPort } from './run.svelte';
import type { RunSettings } from './runSettings';

type JudgeClient = WorkerClient<JudgeRequests, JudgeEvent>;
type Answer = 'load' | 'decline' | 'cancel';

/** The judge in its own worker, WebLLM, as the page sees it. */
export class Judging {
	/** How far it is; `asking` waits for the reader's yes. Null unless it is being loaded. */
	loading = $state.raw<Extract<JudgeEvent, { kind: 'files' | 'engine' }> | { kind: 'starting' | 'asking' } | null>(null);
	/** What the one that is being loaded, or was last, needs of this machine; null until it was looked at. */
	outlook = $state.raw<JudgeOutlook | null>(null);
	/** Null while there is none that can be asked. */
	judge = $state.raw<LoadedJudge | null>(null);
	standing = $state.raw<JudgeStanding | null>(null);
	/** Why it could not be loaded. */
	fault = $state.raw<Problem | null>(null);
	/** The browser has refused to promise that it keeps what was fetched for a large judge. */
	mayBeCleared = $state(false);
	/** The models of WebLLM's own list; null until they are asked for. */
	listed = $state.raw<readonly ListedLook[] | null>(null);

	#worker: { client: JudgeClient; port: WorkerPort } | null = null;
	/** Loads so far: only the newest one counts. */
	#loads = 0;
	/** What was asked for last, and whether it came. */
	#wanted: { source: JudgeSource; there: Promise<boolean> } | null = null;
	/** What the judge was loaded from, or the one before it. */
	#here: JudgeSource | null = null;
	/** The large model that the reader has said yes to. */
	#agreed: JudgeSource | null = null;
	#answer: (answer: Answer) => void = () => {};

	constructor(private connect: () => WorkerPort) {}

	/** True when runs with these settings can't begin before a judge is loaded. */
	isMissing(settings: RunSettings): boolean {
		return wantsWebllm(settings) && !this.#isHere(judgeSourceOf(settings));
	}

	/** Loads the judge that these settings want, where it isn't there yet. False if it failed, was cancelled or declined. */
	prepare(settings: RunSettings): Promise<boolean> {
		return wantsWebllm(settings) ? this.#provide(judgeSourceOf(settings)) : Promise.resolve(true);
	}

	/**
	 * The settings of `now`, once the judge that they want is there; null when there will be none, or `now` has nothing more to run.
	 * While one is loaded, another may be chosen, and any other knob may be turned.
	 */
	async judgeable(now: () => RunSettings | null): Promise<RunSettings | null> {
		for (let tried: RunSettings | null = null; ;) {
			const settings = now();
			if (!settings || !this.isMissing(settings)) return settings;
			if (tried && sameJudge(tried, settings)) return null;
			tried = settings;
			await this.prepare(settings);
		}
	}

	/** The reader says yes to the model of the outlook. */
	agree(): void {
		this.#answer('load');
	}

	/** The reader says no. The judge so far stays. */
	decline(): void {
		this.#answer('decline');
	}

	/** What the judge that can be asked was loaded from; null while there is none. */
	get source(): JudgeSource | null {
		return this.judge && this.#here;
	}

	/** Asks no longer about a model that these settings do not want. */
	dropQuestion(settings: RunSettings): void {
		if (this.loading?.kind !== 'asking' || !this.#wanted) return;
		if (!wantsWebllm(settings) || !sameSource(this.#wanted.source, judgeSourceOf(settings))) this.decline();
	}

	/** Learns what models WebLLM has a list of; this needs no network. */
	async list(): Promise<void> {
		if (this.listed) return;
		const listed = await this.#client()
			.request('listed', null)
			.catch(() => null);
		if (listed) this.listed = listed; // else whoever loads one hears what is wrong
	}

	/** True when a copy with these settings asks a judge that it has not met. */
	isStrangeTo(run: Run, settings: RunSettings): boolean {
		return (
			wantsWebllm({ ...settings, experiment: { ...settings.experiment, arms: [run.arm] } }) &&
			(this.isMissing(settings) || run.judge !== this.judge)
		);
	}

	/** Lets a copy that was opened, or whoever else asks, meet the judge that the settings want, as soon as it is there. */
	async introduce(run: Pick<Run, 'meetJudge'>, settings: RunSettings): Promise<void> {
		if (!(await this.prepare(settings))) return;
		const { judge } = this;
		if (judge) await run.meetJudge(judge, await this.#connected());
	}

	/** The judge that WebLLM would be for these settings, to be asked by the page; loaded where it isn't. Null if that failed, was cancelled or declined. */
	async ask(settings: RunSettings): Promise<Judge | null> {
		if (!(await this.#provide(judgeSourceOf(settings))) || !this.judge) return null;
		const { identity } = this.judge;
		const { portJudge } = await import('$lib/worker/judgePort');
		return portJudge(await this.#connected(), identity, settings.experiment.conscience.sampling);
	}

	/** Ends a loading; what was downloaded stays. */
	async cancel(): Promise<void> {
		if (!this.loading) return;
		this.#agreed = null;
		if (this.loading.kind === 'asking') this.#answer('cancel');
		else await this.#worker?.client.request('cancel', null).catch(() => {});
	}

	#isHere(source: JudgeSource): boolean {
		return this.judge !== null && this.#here !== null && sameSource(this.#here, source);
	}

	#provide(source: JudgeSource): Promise<boolean> {
		if (this.loading && this.#wanted && sameSource(this.#wanted.source, source)) return this.#wanted.there;
		if (this.#isHere(source)) {
			this.#abandon();
			return Promise.resolve(true);
		}
		const there = this.#load(source);
		this.#wanted = { source, there };
		return there;
	}

	/** What is being loaded is not wanted any more. */
	#abandon(): void {
		this.#loads++;
		this.#answer('decline');
		this.loading = null;
	}

	/** The near end of a new line to the judge. @throws WorkerLostError */
	async #connected(): Promise<MessagePort> {
		const { port1, port2 } = new MessageChannel();
		if (!this.#worker) throw new WorkerLostError('The worker of the judge has ended. Load the judge again.');
		await this.#worker.client.request('connect', { port: port1 }, [port1]);
		return port2;
	}

	async #load(source: JudgeSource): Promise<boolean> {
		this.#abandon();
		const mine = this.#loads;
		this.fault = this.outlook = null;
		this.mayBeCleared = false;
		this.loading = { kind: 'starting' };
		const loaded = await this.#fetch(source, mine).catch(({ name, message }: Error) => ({ name, message }));
		if (mine !== this.#loads) return false; // another was asked for meanwhile
		this.loading = null;
		if (!loaded) return false;
		if ('identity' in loaded) {
			this.judge = loaded;
			this.#here = source;
			return true;
		}
		if (loaded.name !== 'AbortError') this.fault = loaded;
		this.#giveUp();
		return false;
	}

	/** Null when the reader doesn't want it. @throws what the worker throws, and AbortError */
	async #fetch(source: JudgeSource, mine: number): Promise<LoadedJudge | null> {
		const client = this.#client();
		const outlook = await client.request('look', { source });
		if (mine !== this.#loads) return null;
		this.outlook = outlook;
		if (asksFirst(outlook) && !(this.#agreed && sameSource(this.#agreed, source))) {
			this.loading = { kind: 'asking' };
			const answer = await new Promise<Answer>((resolve) => (this.#answer = resolve));
			if (answer === 'cancel') throw new DOMException('The reader has cancelled it.', 'AbortError');
			if (answer === 'decline') return null;
			this.#agreed = source;
			this.loading = { kind: 'starting' };
			// Not waited for: some browsers ask the reader, who may never answer.
			void askToPersist().then((granted) => (this.mayBeCleared = !granted));
		}
		this.judge = null;
		return client.request('load', { source });
	}

	/** No other judge takes the place of the one that could not be had: whoever asks the one so far hears that it is gone. */
	#giveUp(): void {
		if (!this.judge) return;
		this.judge = null;
		void this.#worker?.client.request('unload', null).catch(() => {});
	}

	#client(): JudgeClient {
		return (this.#worker ??= this.#start()).client;
	}

	#start(): { client: JudgeClient; port: WorkerPort } {
		const port = this.connect();
		const client: JudgeClient = new WorkerClient(
			port,
			(event) => this.#onEvent(event, client),
			() => {
				port.terminate();
				this.#worker = this.judge = null; // whoever asked it hears of it from the other end
			},
		);
		return { client, port };
	}

	#onEvent(event: JudgeEvent, client: JudgeClient): void {
		switch (event.kind) {
			case 'alive':
				void watchLifeline(event.lock, () => client.fail(new WorkerLostError('The worker of the judge has ended: memory may be short.')));
				break;
			case 'files':
			case 'engine':
				if (this.loading) this.loading = event;
				break;
			case 'standing':
				this.standing = event.standing;
				break;
			case 'lost':
				this.judge = null;
				break;
			default:
				event satisfies never;
		}
	}
}
