import type { RunEvent } from '$lib/experiment/events';
import { presetById } from '$lib/experiment/presets';
import type { ArmRun } from '$lib/experiment/runner';
import type { Experiment } from '$lib/experiment/schema';
import type { RunSnapshot } from '$lib/experiment/snapshot';
import { type Prepare, runHandlers } from '$lib/worker/handlers';
import type { RunStore } from '$lib/worker/keeping';
import type { LabEvent, OpenParams } from '$lib/worker/protocol';

const steps = 3;
const preset = presetById('twin').experiment;
export const experiment = { ...preset, optimizer: { ...preset.optimizer, steps }, evaluation: { ...preset.evaluation, every: 2 } };
export const params: OpenParams = {
	runId: 'r',
	experiment,
	verdictFile: null,
	arm: 'sft',
	rows: null,
	engine: 'auto',
	checkpointUrl: 'http://lab.test/organism/',
	keepAs: null,
	resumeFrom: null,
};
export const backend = { name: 'cpu', reason: 'a test', adapter: null, software: false } as const;

export const event = (kind: RunEvent['kind'], rest: object = {}) => ({ kind, ...rest }) as RunEvent;

/** The events of a run of three steps with an evaluation after the second, in the runner's order. */
async function* script(signal: AbortSignal): AsyncGenerator<RunEvent, void> {
	yield event('started');
	yield event('evaluation', { final: false });
	for (let step = 1; step <= steps; step++) {
		signal.throwIfAborted();
		yield event('step', { step });
		yield event('progress', { phase: 'training' });
		if (step === 2) yield event('evaluation', { final: false });
	}
	yield event('evaluation', { final: true });
	yield event('finished');
}

/** A store that notes what is done to it. */
export function fakeJournals({
	refuse = () => false,
	snapshot = null,
}: { refuse?: (what: string) => boolean | Error; snapshot?: RunSnapshot | null } = {}) {
	const written: string[] = [];
	const does = (what: string) => {
		const fault = refuse(what);
		if (fault) throw fault === true ? new Error(`no room to ${what}`) : fault;
		written.push(what);
	};
	let queue: string[] = [];
	const store: RunStore = {
		async openJournal(id) {
			does(`open ${id}`);
			return {
				add: (event) => void (event.kind !== 'progress' && queue.push(nameOf(event))),
				async commit(taken, status) {
					does(`${status}: ${queue.join(', ')}${taken ? ` | snapshot at ${taken.step}` : ''}`);
					queue = [];
				},
				keepChange: async ({ conscience }) => does(`change to λ = ${conscience.lambda}`),
				keepAdapter: async () => does('adapter'),
			};
		},
		readSnapshot: async () => snapshot,
	};
	return { store, written };
}

const nameOf = (event: RunEvent) => (event.kind === 'step' ? `step ${event.step}` : event.kind);
export function snapshotAt(step: number, numbers = 1): RunSnapshot {
	const adapter = new Float32Array(numbers);
	return { step, trainer: { adapter, firstMoments: adapter, secondMoments: adapter }, rows: { epoch: null } } as unknown as RunSnapshot;
}

interface Overrides {
	prepare?: Prepare;
	adapter?: () => Promise<unknown>;
	ask?: ArmRun['ask'];
	store?: RunStore;
	events?: (signal: AbortSignal) => AsyncGenerator<RunEvent, void>;
	/** Size of the adapter in its snapshots. */
	numbers?: number;
}

export function worker(overrides: Overrides = {}) {
	const told: string[] = [];
	const asides: LabEvent[] = [];
	const disposed: number[] = [];
	const adjusted: Experiment[] = [];
	const begunFrom: (number | null)[] = [];
	const prepare: Prepare = async () => ({
		backend,
		parameters: 10,
		merged: async (adapter, dtype) => new Blob([Object.keys(adapter).join(), dtype]),
		createRun(signal, from) {
			const run = begunFrom.push(from?.step ?? null);
			let step = 0;
			let settled = true;
			async function* noting() {
				for await (const event of (overrides.events ?? script)(signal)) {
					if (event.kind === 'step') step = event.step;
					settled = event.kind !== 'verdicts';
					yield event;
				}
			}
			return {
				events: noting(),
				settled: () => settled,
				snapshot: async () => snapshotAt(step, overrides.numbers),
				adjust: (changed) => void adjusted.push(changed),
				ask: overrides.ask ?? (async () => []),
				adapter: (overrides.adapter ?? (async () => ({}))) as never,
				dispose: () => void disposed.push(run),
			};
		},
		selfJudged: async () => Promise.reject(new Error('Nobody asks for that.')),
	});
	const emit = (labEvent: LabEvent) => {
		if (labEvent.kind === 'run') told.push(nameOf(labEvent.event));
		else asides.push(labEvent);
	};
	const handlers = runHandlers(overrides.prepare ?? prepare, emit, overrides.store ?? fakeJournals().store, () => {});
	return { handlers, told, asides, disposed, adjusted, begunFrom };
}
