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
	 * Computes calls of which none reads what another writes; false where one failed or a helper has stopped. Then the crew is dismissed, and
	 * the calls are to be computed again, which tells the error if it was theirs.
	 */
	compute(calls: BoardCall[]): boolean;
	/** Ends the helpers. */
	dismiss(): void;
}

/** A worker of a browser or of Node. */
interface Helper {
	postMessage(task: Task): void;
	terminate(): unknown;
	/** Node's alone: the process need not wait for it. */
	unref?: () => void;
	on?: (event: string, listener: (error: unknown) => void) => void;
	addEventListener?: (event: string, listener: (error: unknown) => void) => void;
}

/** How long a call may take before its thread counts as ended by the browser, in ms: even the head of a large model takes less than one second. */
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

/** Starts helpers for the module on this shared memory, so that there are so many threads. Rejects with an Error where one cannot be started. */
export async function startCrew(module: WebAssembly.Module, memory: WebAssembly.Memory, kernels: Kernel[], threads: number): Promise<Crew> {
	const shared = newBoard();
	const board = openBoard(shared);
	const Worker = await workerClass();
	const helpers: Helper[] = [];
	const dismiss = () => helpers.forEach((helper) => void helper.terminate());
	const start = (thread: number) =>
		new Promise<void>((resolve, reject) => {
			// `execArgv` is Node's: what the process was started with (a compiler of TypeScript, say) is not for a thread of plain JavaScript.
			const helper = new Worker(new URL('./sharedWork.worker.js', import.meta.url), { type: 'module', name: 'helper', execArgv: [] });
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
			if (waitForCalls(board, PATIENCE_MS)) continue;
			dismiss();
			return false;
		}
		return true;
	};
	return { threads, compute, dismiss };
}

type HelperClass = new (script: URL, options: { type: 'module'; name: string; execArgv: string[] }) => Helper;

async function workerClass(): Promise<HelperClass> {
	if (!inNode) return Worker;
	const threads = 'node:worker_threads'; // as a variable, so that no bundler follows it into a browser's bundle
	return ((await import(/* @vite-ignore */ threads)) as typeof import('node:worker_threads')).Worker;
}

function listen(helper: Helper, event: string, listener: (error: unknown) => void): void {
	if (helper.on) helper.on(event, listener);
	else helper.addEventListener!(event, listener);
}
