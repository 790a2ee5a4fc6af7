/** What a page does with the judge's worker, for a test to call. */
import wasmUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simdUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';

import { FRAMEWORKS } from '$lib/conscience/frameworks';
import { frozenSelfJudge } from '$lib/conscience/frozenSelfJudge';
import type { Exchange, Judge } from '$lib/conscience/judge';
import { worldExchanges } from '$lib/experiment/worldExchanges';
import { type BackendName, startBackend } from '$lib/model/backend';
import { fetchFrom, loadCheckpoint } from '$lib/model/checkpoint';
import type { Sampling } from '$lib/model/sampling';
import { type JudgeEvent, type JudgeRequests, type JudgeSource, type LoadedJudge } from '$lib/worker/judgeProtocol';
import { portJudge } from '$lib/worker/judgePort';
import { watchLifeline } from '$lib/worker/lifeline';
import { WorkerClient, WorkerLostError } from '$lib/worker/rpc';

export const framework = FRAMEWORKS[0]!;
const greedy: Sampling = { temperature: 0, topP: 1, maxNewTokens: 60 };

/** A judge's worker and a port to it. */
export async function openJudge(sampling: Sampling = greedy) {
	const worker = new Worker(new URL('./judgeWorker.ts', import.meta.url), { type: 'module' });
	const events: JudgeEvent[] = [];
	const client: WorkerClient<JudgeRequests, JudgeEvent> = new WorkerClient<JudgeRequests, JudgeEvent>(worker, (event) => {
		events.push(event);
		if (event.kind === 'alive') void watchLifeline(event.lock, () => client.fail(new WorkerLostError('The worker ended.')));
	});
	const { port1, port2 } = new MessageChannel();
	await client.request('connect', { port: port1 }, [port1]);
	const judge = portJudge(port2, { engine: 'webllm', model: 'a test', revision: '' }, sampling);
	const judgeWith = (other: Sampling) => portJudge(port2, judge.identity, other);
	return { client, events, judge, judgeWith, load: (source: JudgeSource): Promise<LoadedJudge> => client.request('load', { source }) };
}

const wasmPaths = {
	'tfjs-backend-wasm.wasm': wasmUrl,
	'tfjs-backend-wasm-simd.wasm': simdUrl,
	'tfjs-backend-wasm-threaded-simd.wasm': simdUrl, // never asked for: startBackend takes one thread
};

/** The judge inside of the trainer, on the same weights. */
export async function frozenSelf(url: string, engine: BackendName = 'wasm'): Promise<Judge> {
	await startBackend(engine, { wasmPaths });
	return frozenSelfJudge(await loadCheckpoint(fetchFrom(url)), 'the base', greedy);
}

/** Questions of the world, with kind, cruel and evasive answers in turn. */
export const exchanges = (count: number): Exchange[] => worldExchanges(count, 1);

export const harm = (what: 'device' | 'worker') => new BroadcastChannel('harm').postMessage(what);

const onPage = { openJudge, frozenSelf, exchanges, framework, harm };
export type OnPage = typeof onPage;
declare global {
	/** For the tests. */
	var judging: OnPage;
}
globalThis.judging = onPage;
