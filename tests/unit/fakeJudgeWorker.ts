import type { JudgeEvent, JudgeOutlook, JudgeRequests, JudgeSource, LoadedJudge } from '$lib/worker/judgeProtocol';
import type { FromWorker, ToWorker, WireError } from '$lib/worker/protocol';
import type { WorkerPort } from '$lib/state/run.svelte';

import { settled } from './fakeWorker';

type Asked = ToWorker<JudgeRequests>;

export const loaded: LoadedJudge = {
	identity: { engine: 'webllm', model: 'organism', revision: 'ab'.repeat(32) },
	adapter: { description: 'a test', software: true, halfPrecision: false } as unknown as LoadedJudge['adapter'],
	fit: 'It fits.',
	totalBytes: 8e6,
	missingBytes: 0,
	sizesKnown: true,
	hosts: ['lab.test'],
	elsewhere: false,
	kept: true,
	library: 'software.wasm',
	contextTokens: 288,
	seconds: 3,
};

/** A judge's worker of which a test plays the part. */
export class FakeJudgeWorker extends EventTarget {
	readonly asked: Asked[] = [];
	/** What it was asked to look at, which it answers with its outlook at once. */
	readonly looked: JudgeSource[] = [];
	outlook: JudgeOutlook = loaded;
	terminated = false;

	postMessage(message: Asked, options?: Transferable[] | StructuredSerializeOptions): void {
		if (message.kind !== 'look')
			return void this.asked.push(structuredClone(message, Array.isArray(options) ? { transfer: options } : options));
		this.looked.push(message.params.source);
		queueMicrotask(() => void this.reply(message.id, { result: this.outlook }));
	}

	terminate(): void {
		this.terminated = true;
	}

	/** As the page holds it. */
	get port(): WorkerPort {
		return this;
	}

	/** How often it was asked for this. */
	count = (kind: keyof JudgeRequests): number => this.asked.filter((candidate) => candidate.kind === kind).length;

	async reply(id: number, what: { result: JudgeRequests[keyof JudgeRequests]['result'] } | { error: WireError }): Promise<void> {
		this.#post('error' in what ? { kind: 'error', id, ...what } : { kind: 'result', id, ...what });
		await settled();
	}

	async answer<K extends keyof JudgeRequests>(kind: K, result: JudgeRequests[K]['result']): Promise<void> {
		await settled();
		await this.reply(this.#last(kind).id, { result });
	}

	async refuse(kind: keyof JudgeRequests, name: string, message: string): Promise<void> {
		await settled();
		await this.reply(this.#last(kind).id, { error: { name, message } });
	}

	async say(event: JudgeEvent): Promise<void> {
		this.#post({ kind: 'event', event });
		await settled();
	}

	async crash(message: string): Promise<void> {
		this.dispatchEvent(Object.assign(new Event('error'), { message }));
		await settled();
	}

	#last(kind: keyof JudgeRequests): Asked {
		const request = this.asked.findLast((candidate) => candidate.kind === kind);
		if (!request)
			throw new Error(`Nobody asked the judge's worker to ${kind}. It was asked to: ${this.asked.map(({ kind }) => kind).join(', ')}.`);
		return request;
	}

	#post(data: FromWorker<JudgeRequests, JudgeEvent>): void {
		this.dispatchEvent(new MessageEvent('message', { data: structuredClone(data) }));
	}
}
