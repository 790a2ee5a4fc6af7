import type { Judge } from '$lib/conscience/judge';
import type { JudgeEvent, JudgeOutlook, JudgeRequests, JudgeSource, JudgeStanding, LoadedJudge } from '$lib/worker/judgeProtocol';
import { portJudge } from '$lib/worker/judgePort';
import { watchLifeline } from '$lib/worker/lifeline';
import { WorkerClient, WorkerLostError } from '$lib/worker/rpc';

import { judgeSourceOf, sameSource, wantsWebllm } from './judgeSource';
import type { Problem, Run, WorkerPort } from './run.svelte';
import type { RunSettings } from './runSettings';

type JudgeClient = WorkerClient<JudgeRequests, JudgeEvent>;

/** The judge in its own worker, WebLLM, as the page sees it. */
export class Judging {
	/** How far it is; null unless it is being loaded. */
	loading = $state.raw<Extract<JudgeEvent, { kind: 'files' | 'engine' }> | { kind: 'starting' } | null>(null);
	/** What it needs of this machine; known before anything large is fetched. */
	outlook = $state.raw<JudgeOutlook | null>(null);
	/** Null while there is none that can be asked. */
	judge = $state.raw<LoadedJudge | null>(null);
	standing = $state.raw<JudgeStanding | null>(null);
	/** Why it could not be loaded. */
	fault = $state.raw<Problem | null>(null);

	#worker: { client: JudgeClient; port: WorkerPort } | null = null;
	/** Loads so far: only the newest one counts. */
	#loads = 0;
	/** What was asked for last, and whether it came. */
	#wanted: { source: JudgeSource; there: Promise<boolean> } | null = null;

	constructor(private connect: () => WorkerPort) {}

	/** True when runs with these settings can't begin before a judge is loaded. */
	isMissing(settings: RunSettings): boolean {
		return wantsWebllm(settings) && !(this.judge && this.#wanted && sameSource(this.#wanted.source, judgeSourceOf(settings)));
	}

	/** Loads the judge that these settings want, where it isn't there yet. False if it failed or was cancelled. */
	prepare(settings: RunSettings): Promise<boolean> {
		return wantsWebllm(settings) ? this.#provide(judgeSourceOf(settings)) : Promise.resolve(true);
	}

	#provide(source: JudgeSource): Promise<boolean> {
		if (this.#wanted && sameSource(this.#wanted.source, source) && (this.judge || this.loading)) return this.#wanted.there;
		const there = this.#load(source);
		this.#wanted = { source, there };
		return there;
	}

	/** True when a copy with these settings asks a judge that it has not met. */
	isStrangeTo(run: Run, settings: RunSettings): boolean {
		return run.arm !== 'sft' && wantsWebllm(settings) && (this.isMissing(settings) || run.judge !== this.judge);
	}

	/** Lets a copy that was opened ask the judge that its settings want, as soon as it is there. */
	async introduce(run: Run, settings: RunSettings): Promise<void> {
		if (!(await this.prepare(settings))) return;
		const { judge } = this;
		if (judge) await run.meetJudge(judge, await this.#connected());
	}

	/** The judge that WebLLM would be for these settings, to be asked by the page; loaded where it isn't. Null if that failed or was cancelled. */
	async ask(settings: RunSettings): Promise<Judge | null> {
		if (!(await this.#provide(judgeSourceOf(settings))) || !this.judge) return null;
		const { identity } = this.judge;
		return portJudge(await this.#connected(), identity, settings.experiment.conscience.sampling);
	}

	/** The near end of a new line to the judge. @throws WorkerLostError */
	async #connected(): Promise<MessagePort> {
		const { port1, port2 } = new MessageChannel();
		if (!this.#worker) throw new WorkerLostError('The worker of the judge has ended. Load the judge again.');
		await this.#worker.client.request('connect', { port: port1 }, [port1]);
		return port2;
	}

	/** Ends a loading; what was downloaded stays. */
	async cancel(): Promise<void> {
		if (this.loading) await this.#worker?.client.request('cancel', null).catch(() => {});
	}

	async #load(source: JudgeSource): Promise<boolean> {
		this.fault = null;
		this.judge = null;
		this.loading = { kind: 'starting' };
		const mine = ++this.#loads;
		const { client } = (this.#worker ??= this.#start());
		const loaded = await client.request('load', { source }).catch(({ name, message }: Error) => ({ name, message }));
		if (mine !== this.#loads) return false; // another was asked for meanwhile
		this.loading = null;
		if ('identity' in loaded) this.judge = loaded;
		else if (loaded.name !== 'AbortError') this.fault = loaded;
		return this.judge !== null;
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
			case 'outlook':
				this.outlook = event.outlook;
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
