import type { RunEvent } from '$lib/experiment/events';
import type { ArmRun } from '$lib/experiment/runner';
import type { BackendReport } from '$lib/model/backend';

import type { LabEvent, OpenParams, RunStatus } from './protocol';
import type { Handlers } from './rpc';

/** All that a run needs, loaded: `createRun` begins it, and begins it anew after a reset. */
export interface Prepared {
	backend: BackendReport;
	parameters: number;
	createRun(signal: AbortSignal): ArmRun;
}

/** Loads what a run needs; rejects when `signal` aborts. */
export type Prepare = (params: OpenParams, signal: AbortSignal) => Promise<Prepared>;

/** The page asked for something that the worker's run can't do now. */
export class RunStateError extends Error {
	override name = 'RunStateError';
}

interface Session {
	params: OpenParams;
	prepared: Prepared;
	run: ArmRun;
	controller: AbortController;
	/** The request that pulls the run's events now; the next one waits for it. */
	pulling: Promise<RunStatus> | null;
	pauseAsked: boolean;
	/** Work that must not fall into the middle of a step; done between two events. */
	errands: (() => Promise<void>)[];
	over: 'finished' | 'cancelled' | null;
}

/** Answers the page's requests about the one run that a worker holds. The run's events are pulled here and nowhere else. */
export function runHandlers(prepare: Prepare, emit: (event: LabEvent) => void): Handlers {
	let session: Session | null = null;
	let opening: { runId: string; controller: AbortController } | null = null;

	const sessionOf = (runId: string): Session => {
		if (session?.params.runId !== runId) throw new RunStateError(`The worker holds no run '${runId}'.`);
		return session;
	};
	const advance = async (runId: string, until: (event: RunEvent) => boolean): Promise<{ status: RunStatus }> => {
		const current = sessionOf(runId);
		if (current.pulling) throw new RunStateError('The run is already going on.');
		if (current.over) return { status: current.over };
		current.pauseAsked = false;
		current.pulling = pull(current, until, (event) => emit({ kind: 'run', runId, event }));
		try {
			return { status: await current.pulling };
		} finally {
			current.pulling = null;
		}
	};

	return {
		async open(params) {
			opening?.controller.abort();
			const controller = new AbortController();
			opening = { runId: params.runId, controller };
			try {
				if (session) await endSession(session);
				session = null;
				const prepared = await prepare(params, controller.signal);
				controller.signal.throwIfAborted();
				session = { params, prepared, ...begin(prepared) };
				return { backend: prepared.backend, parameters: prepared.parameters };
			} finally {
				if (opening?.controller === controller) opening = null;
			}
		},
		play: async ({ runId }) => advance(runId, () => false),
		step: async ({ runId }) => advance(runId, stepBoundary(sessionOf(runId).params)),
		async pause({ runId }) {
			const { pulling } = Object.assign(sessionOf(runId), { pauseAsked: true });
			await pulling?.catch(() => {}); // whoever asked to play hears of the error
		},
		async cancel({ runId }) {
			if (opening?.runId === runId) return opening.controller.abort();
			await stop(sessionOf(runId));
		},
		async reset({ runId }) {
			const current = sessionOf(runId);
			await endSession(current);
			Object.assign(current, begin(current.prepared));
		},
		async exportAdapter({ runId }) {
			const current = sessionOf(runId);
			return { files: await betweenEvents(current, () => current.run.adapter()) };
		},
	};
}

function begin(prepared: Prepared): Omit<Session, 'params' | 'prepared'> {
	const controller = new AbortController();
	return { run: prepared.createRun(controller.signal), controller, pulling: null, pauseAsked: false, errands: [], over: null };
}

/** Pulls events until the run ends, `until` holds or a pause was asked for. */
async function pull(session: Session, until: (event: RunEvent) => boolean, tell: (event: RunEvent) => void): Promise<RunStatus> {
	const { run, controller } = session;
	try {
		for (;;) {
			const { done, value } = await run.events.next();
			if (done) return (session.over = controller.signal.aborted ? 'cancelled' : 'finished');
			tell(value);
			await macrotask();
			await runErrands(session);
			if (controller.signal.aborted) return (session.over = 'cancelled');
			if (value.kind !== 'finished' && (session.pauseAsked || until(value))) return 'paused';
		}
	} catch (error) {
		session.over = 'cancelled'; // a generator that threw has nothing more to give
		if (controller.signal.aborted) return 'cancelled';
		throw error;
	} finally {
		await runErrands(session);
	}
}

/** Does `work` now if the run is at rest, else as soon as the event that it works at is done. */
function betweenEvents<T>({ pulling, errands }: Session, work: () => Promise<T>): Promise<T> {
	if (!pulling) return work();
	return new Promise((resolve, reject) => errands.push(() => work().then(resolve, reject)));
}

async function runErrands({ errands }: Session): Promise<void> {
	for (let errand = errands.shift(); errand; errand = errands.shift()) await errand();
}

/** True of the event that ends one optimizer step: the step itself, or the evaluation that is due after it. */
function stepBoundary({ experiment }: OpenParams): (event: RunEvent) => boolean {
	const { every } = experiment.evaluation;
	let stepped = false;
	return (event) => {
		if (event.kind === 'evaluation') return stepped && !event.final;
		if (event.kind !== 'step') return false;
		stepped = true;
		const last = event.step === experiment.optimizer.steps; // then everything that is left follows
		return !last && !(every > 0 && event.step % every === 0);
	};
}

/** Aborts the run and waits until nothing of it is at work. */
async function stop(session: Session): Promise<void> {
	session.controller.abort();
	await session.pulling?.catch(() => {});
	session.over ??= 'cancelled';
}

async function endSession(session: Session): Promise<void> {
	await stop(session);
	session.run.dispose();
}

/**
 * Lets messages in: a wasm step holds the thread, and awaiting a promise that is already settled does not let go of it.
 * A message, not a timer: timers are slowed down where the page is not seen.
 */
function macrotask(): Promise<void> {
	return new Promise((resolve) => {
		const { port1, port2 } = new MessageChannel();
		port1.onmessage = () => {
			port1.close();
			resolve();
		};
		port2.postMessage(null);
	});
}
