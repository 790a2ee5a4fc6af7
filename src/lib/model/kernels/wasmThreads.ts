import { newBoard, openBoard, PLACES, putCalls, type BoardCall, takeCalls, type Kernel, waitForCalls } from './sharedWork.js';

/** What a helper is sent when it starts. */
export interface Task {
	module: WebAssembly.Module;
	memory: WebAssembly.Memory;
	board: SharedArrayBuffer;
	/** Its number; the thread that trains is 0. */
	thread: number;
	threads: number;
}

/** Threads that share the calls of a module on one memory. */
export interface Crew {
	/** Helpers and the thread that trains. */
	threads: number;
	/**
	 * Computes calls of which none reads what another writes; false where one of them failed. Then the crew is dismissed, and the calls are to
	 * be computed again, which tells the error.
	 * @throws ThreadError where a helper does not come to an end
	 */
	compute(calls: BoardCall[]): boolean;
	/** Ends the helpers. */
	dismiss(): void;
}

/** A worker of a browser or of Node. */
export interface Helper {
	postMessage(task: Task): void;
	terminate(): unknown;
	/** Node's alone: the process need not wait for it. */
	unref?: () => void;
	on?: (event: string, listener: (error: unknown) => void) => void;
	addEventListener?: (event: string, listener: (error: unknown) => void) => void;
}

/**
 * A helper does not answer. It may only be late, and then write into memory that was given back: what is computed in this memory from here on
 * can't be trusted, nor can it be done again there.
 */
export class ThreadError extends Error {
	override name = 'ThreadError';
}

/** How long a call may take before its thread counts as lost, in ms: even the head of a large model takes less than one second. */
const PATIENCE_MS = 20_000;

/** How long a thread may take to start, in ms. */
const START_MS = 10_000;

export const inNode = typeof process !== 'undefined' && process.versions?.node !== undefined;

/** More would wait for one another and for memory. */
const MOST_THREADS = 4;

/**
 * Threads that a trainer takes unless it is told: what the processor runs at a time, and in a page half of that, since two copies train side
 * by side there and the page has to answer beside them.
 */
export async function usualThreads(): Promise<number> {
	if (!inNode) return Math.min(Math.max(1, Math.floor(navigator.hardwareConcurrency / 2)), MOST_THREADS);
	const system = 'node:os'; // as a variable, so that no bundler follows it into a browser's bundle
	const { availableParallelism } = (await import(/* @vite-ignore */ system)) as typeof import('node:os');
	return Math.min(availableParallelism(), MOST_THREADS);
}

export interface CrewOptions {
	/** Makes a helper, which waits for its task. */
	hire?: () => Helper;
	/** How long a helper may be silent over a call, in ms. */
	patience?: number;
}

/** Starts helpers for the module on this shared memory, so that there are so many threads. Rejects with an Error where one cannot be started. */
export async function startCrew(
	module: WebAssembly.Module,
	memory: WebAssembly.Memory,
	kernels: Kernel[],
	threads: number,
	{ hire, patience = PATIENCE_MS }: CrewOptions = {},
): Promise<Crew> {
	const shared = newBoard();
	const board = openBoard(shared);
	const newHelper = hire ?? (await hirer());
	const helpers: Helper[] = [];
	const dismiss = () => helpers.forEach((helper) => void helper.terminate());
	const start = (thread: number) =>
		new Promise<void>((resolve, reject) => {
			const helper = newHelper();
			helpers.push(helper);
			const fail = (why: string) => reject(new Error(`a thread could not be started (${why})`));
			const timer = setTimeout(() => fail('it does not answer'), START_MS);
			listen(helper, 'message', () => {
				clearTimeout(timer);
				helper.unref?.();
				resolve();
			});
			listen(helper, 'error', (error) => fail((error as Error).message));
			helper.postMessage({ module, memory, board: shared, thread, threads });
		});
	try {
		await Promise.all(Array.from({ length: threads - 1 }, (_, i) => start(i + 1)));
	} catch (error) {
		dismiss();
		throw error;
	}
	const compute = (calls: BoardCall[]): boolean => {
		for (let i = 0; i < calls.length; i += PLACES) {
			putCalls(board, calls.slice(i, i + PLACES));
			takeCalls(board, kernels, 0, threads);
			const end = waitForCalls(board, patience);
			if (end === 'done') continue;
			dismiss();
			if (end === 'failed') return false;
			throw new ThreadError(silent(patience));
		}
		return true;
	};
	return { threads, compute, dismiss };
}

type HelperClass = new (script: URL, options: { type: 'module'; name: string; execArgv: string[] }) => Helper;

async function hirer(): Promise<() => Helper> {
	const Worker = await workerClass();
	// `execArgv` is Node's: what the process was started with (a compiler of TypeScript, say) is not for a thread of plain JavaScript.
	return () => new Worker(new URL('./sharedWork.worker.js', import.meta.url), { type: 'module', name: 'helper', execArgv: [] });
}

async function workerClass(): Promise<HelperClass> {
	if (!inNode) return Worker;
	const threads = 'node:worker_threads'; // as a variable, so that no bundler follows it into a browser's bundle
	return ((await import(/* @vite-ignore */ threads)) as typeof import('node:worker_threads')).Worker;
}

const silent = (patience: number) =>
	`A thread of the processor has not answered for ${patience / 1000} s, and what it was to compute can't be waited for nor done again beside it. The browser or the system may have stopped it: close what else needs the processor or its memory, and let the run go on from its last step.`;

function listen(helper: Helper, event: string, listener: (error: unknown) => void): void {
	if (helper.on) helper.on(event, listener);
	else helper.addEventListener!(event, listener);
}
