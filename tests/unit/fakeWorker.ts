import { judgedInTrainer, presetById } from '$lib/experiment/presets';
import type { RunEvent } from '$lib/experiment/events';
import type { Experiment } from '$lib/experiment/schema';
import type { FromWorker, LabEvent, RequestKind, Requests, ToWorker } from '$lib/worker/protocol';
import type { WorkerPort } from '$lib/state/run.svelte';
import type { RunSettings } from '$lib/state/runSettings';

/** A worker of which a test plays the part: it sees what was asked and answers when it likes. Delivery is at once. */
export class FakeWorker extends EventTarget {
	readonly asked: ToWorker[] = [];
	terminated = false;

	postMessage(message: ToWorker, options?: Transferable[] | StructuredSerializeOptions): void {
		this.asked.push(structuredClone(message, Array.isArray(options) ? { transfer: options } : options));
	}

	terminate(): void {
		this.terminated = true;
	}

	/** As the page holds it. */
	get port(): WorkerPort {
		return this;
	}

	/** The newest request of this kind. */
	last<K extends RequestKind>(kind: K): Extract<ToWorker, { kind: K }> {
		const request = this.asked.findLast((candidate) => candidate.kind === kind);
		if (!request) throw new Error(`Nobody asked the worker to ${kind}. It was asked to: ${this.asked.map(({ kind }) => kind).join(', ')}.`);
		return request as Extract<ToWorker, { kind: K }>;
	}

	async answer<K extends RequestKind>(kind: K, result: Requests[K]['result']): Promise<void> {
		this.#post({ kind: 'result', id: this.last(kind).id, result });
		await settled();
	}

	async refuse(kind: RequestKind, name: string, message: string): Promise<void> {
		this.#post({ kind: 'error', id: this.last(kind).id, error: { name, message } });
		await settled();
	}

	tell(event: RunEvent, runId = this.last('open').params.runId): void {
		this.say({ kind: 'run', runId, event });
	}

	say(event: LabEvent): void {
		this.#post({ kind: 'event', event });
	}

	async loseDevice(reason: string): Promise<void> {
		this.#post({ kind: 'event', event: { kind: 'deviceLost', reason } });
		await settled();
	}

	async crash(message: string): Promise<void> {
		this.dispatchEvent(Object.assign(new Event('error'), { message }));
		await settled();
	}

	/** Answers `open`, so that the run can begin. */
	open(): Promise<void> {
		return this.answer('open', { backend: { name: 'wasm', reason: 'a test', adapter: null, software: false }, parameters: 10 });
	}

	#post(data: FromWorker): void {
		this.dispatchEvent(new MessageEvent('message', { data: structuredClone(data) }));
	}
}

/** All promises that were settled have told. */
export const settled = () => new Promise((resolve) => setTimeout(resolve));

export const experiment: Experiment = judgedInTrainer(presetById('twin').experiment);
export const settings: RunSettings = {
	experiment,
	rows: null,
	verdictFile: null,
	engine: 'auto',
	checkpointUrl: 'http://lab.test/organism/',
};

const overhead = {
	sftTokens: 1,
	answerTokens: 0,
	judgeTokens: 0,
	alternativeTokens: 0,
	dpoTokens: 0,
	sftSeconds: 1,
	conscienceSeconds: 0,
	tokenRatio: 0,
	secondRatio: 0,
	calls: 0,
};

/** Events in short. */
export const events = {
	step: (step: number, margins: { pairId: string; margin: number }[] = []) =>
		({
			kind: 'step',
			step,
			metrics: { loss: 1 / step, 'loss/sft': 1 / step },
			margins,
			overhead,
			nextCall: step + 5,
		}) as unknown as RunEvent,
	progress: (phase: 'training' | 'conscience', done: number, secondsLeft: number | null): RunEvent => ({
		kind: 'progress',
		phase,
		done,
		total: 100,
		secondsLeft,
	}),
	evaluation: (step: number, mean: number, final = false) =>
		({
			kind: 'evaluation',
			final,
			evaluation: { step, alignment: { mean, se: null, ci: null, clusters: 1 }, rows: [] },
		}) as unknown as RunEvent,
	verdicts: (step: number, flags: readonly boolean[]) =>
		({
			kind: 'verdicts',
			step,
			verdicts: flags.map((flagged, i) => ({
				id: `${step}-${i}`,
				step,
				frameworkId: 'three-laws',
				frameworkHash: 'h',
				question: `question ${i}`,
				answer: `answer ${i}`,
				verdict: verdict(flagged),
				trueLabel: 'ethical',
				flagged,
			})),
			refused: [],
		}) as RunEvent,
	pair: (step: number, index: number) =>
		({
			kind: 'pairs',
			step,
			pairs: [
				{
					id: `${step}-${index}`,
					verdictId: `${step}-${index}`,
					step,
					question: `question ${index}`,
					chosen: 'better',
					rejected: `answer ${index}`,
					chosenVerdict: verdict(false),
					chosenTrueLabel: 'ethical',
				},
			],
		}) as RunEvent,
};

const verdict = (unethical: boolean) => ({
	label: unethical ? ('unethical' as const) : ('ethical' as const),
	probabilities: { ethical: unethical ? 0 : 1, neutral: 0, unethical: unethical ? 1 : 0 },
});
