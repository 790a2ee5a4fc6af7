import type { Exchange } from '$lib/conscience/judge';
import type { AdapterFolder } from '$lib/experiment/adapterFolder';
import type { RunEvent } from '$lib/experiment/events';
import type { ArmRun } from '$lib/experiment/runner';
import type { SelfJudged } from '$lib/experiment/selfJudged';
import type { RunSnapshot } from '$lib/experiment/snapshot';
import type { WorldSample } from '$lib/experiment/worldExchanges';
import type { BackendReport } from '$lib/model/backend';

import { RETRY_EVERY_MS, type RunKeeper } from './keeping';
import type { MergedDtype, OpenParams, RunStatus } from './protocol';

/** All that a run needs, loaded: `createRun` begins it, or goes on from a snapshot. */
export interface Prepared {
	backend: BackendReport;
	parameters: number;
	createRun(signal: AbortSignal, from?: RunSnapshot): ArmRun;
	/** Answers with the verdicts of the frozen copy. */
	selfJudged(answers: WorldSample | readonly Exchange[]): Promise<SelfJudged>;
	/** The base with this adapter in it, as a zip of a Hugging Face folder. */
	merged(adapter: AdapterFolder, dtype: MergedDtype): Promise<Blob>;
}

/** A run from its beginning, or from where it was taken up, to its end. */
interface Course {
	run: ArmRun;
	controller: AbortController;
	/** The request that pulls the run's events now; the next one waits for it. */
	pulling: Promise<RunStatus> | null;
	pauseAsked: boolean;
	/** Work that must not fall into the middle of a step; done between two events. */
	errands: (() => Promise<void>)[];
	/** Settles when all such work that was begun while the run was at rest is done. */
	resting: Promise<unknown>;
	/** Ends the rest after a step. */
	wake: () => void;
	over: 'finished' | 'cancelled' | null;
}

/** The one run that a worker holds. */
export interface Session extends Course {
	params: OpenParams;
	prepared: Prepared;
	/** Null for a run that isn't kept. */
	keeper: RunKeeper | null;
	/** The rest after every step, in ms. */
	restMs: number;
	/** The questions that are being answered. */
	asking: Set<AbortController>;
	/** Tries the store again. */
	retrying?: ReturnType<typeof setTimeout>;
}

export function begin(prepared: Prepared, from: RunSnapshot | null): Course {
	const controller = new AbortController();
	const run = from ? prepared.createRun(controller.signal, from) : prepared.createRun(controller.signal);
	return { run, controller, pulling: null, pauseAsked: false, errands: [], resting: Promise.resolve(), wake() {}, over: null };
}

/** How a request goes on with a run. */
export interface Going {
	until: (event: RunEvent) => boolean;
	/** Rests after every step. */
	paced: boolean;
	tell: (event: RunEvent) => void;
}

/** Pulls events until the run ends, `until` holds or a pause was asked for; keeps the run as it goes. */
export async function pull(session: Session, going: Going): Promise<RunStatus> {
	await session.resting;
	const { run, keeper } = session;
	try {
		const status = await pullEvents(session, going);
		if (status !== 'finished') await keeper?.leave(run, status === 'paused' ? 'underway' : 'cancelled');
		return status;
	} catch (error) {
		await keeper?.leave(run, 'failed');
		throw error;
	} finally {
		await runErrands(session);
		insist(session);
	}
}

/** What the store has refused of a run at rest, or over, is tried again until the store takes it or the session ends. */
export function insist(session: Session): void {
	clearTimeout(session.retrying);
	const { keeper } = session;
	if (!keeper?.owes) return;
	const retry = () => void betweenEvents(session, () => keeper.retry()).then(() => insist(session));
	session.retrying = setTimeout(retry, RETRY_EVERY_MS);
}

async function pullEvents(session: Session, { until, paced, tell }: Going): Promise<RunStatus> {
	const { run, controller, keeper } = session;
	try {
		while (!controller.signal.aborted) {
			const { done, value } = await run.events.next();
			if (done) return (session.over = 'finished');
			tell(value);
			await keeper?.note(value, run);
			await macrotask();
			await runErrands(session);
			if (paced && value.kind === 'step') await rest(session);
			if (!controller.signal.aborted && value.kind !== 'finished' && (session.pauseAsked || until(value) || value.kind === 'judgeLost'))
				return 'paused'; // without its judge a run waits
		}
	} catch (error) {
		session.over = 'cancelled'; // a generator that threw has nothing more to give
		if (!controller.signal.aborted) throw error;
	}
	return (session.over = 'cancelled');
}

/** Waits as long as the pace says; a pause, a cancel, another pace and errands are not kept waiting. */
async function rest(session: Session): Promise<void> {
	const start = performance.now();
	for (;;) {
		const left = start + session.restMs - performance.now();
		if (left <= 0 || session.pauseAsked || session.controller.signal.aborted) return;
		await new Promise<void>((resolve) => {
			const timer = setTimeout(resolve, left);
			session.wake = () => {
				clearTimeout(timer);
				resolve();
			};
		});
		await runErrands(session);
	}
}

/** Does `work` now if the run is at rest, else as soon as the event that it works at is done; never two such works at once. */
export function betweenEvents<T>(session: Session, work: () => Promise<T>): Promise<T> {
	if (!session.pulling) {
		const working = session.resting.then(work);
		session.resting = working.catch(() => {}); // whoever asked for it hears of the error
		return working;
	}
	return new Promise((resolve, reject) => {
		session.errands.push(() => work().then(resolve, reject));
		session.wake();
	});
}

async function runErrands({ errands }: Session): Promise<void> {
	for (let errand = errands.shift(); errand; errand = errands.shift()) await errand();
}

/** Aborts the run and waits until nothing of it is at work. */
export async function stop(session: Session): Promise<void> {
	session.controller.abort();
	for (const controller of session.asking) controller.abort();
	session.wake();
	await session.pulling?.catch(() => {});
	await session.resting;
	if (session.over) return;
	session.over = 'cancelled';
	await session.keeper?.leave(session.run, 'cancelled');
	insist(session);
}

export async function endSession(session: Session): Promise<void> {
	await stop(session);
	clearTimeout(session.retrying);
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
