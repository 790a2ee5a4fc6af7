import type { GivenToPython } from '$lib/experiment/pythonFolder';
import type { Recording } from '$lib/experiment/recording';
import type { Experiment } from '$lib/experiment/schema';

import { type holdLifeline, watchLifeline } from './lifeline';
import type { WireError } from './protocol';
import { type Port, toError, toWire, WorkerLostError } from './rpc';

/** Work on run files. It takes seconds for a large run, and for the recorded one longer than a page that opens should wait: a worker does it. */
export interface FileWork {
	/** Brings the runs of a zip into the store, and to those that are there already what they lack: all of it, or nothing. @throws FolderError, StorageError */
	take(file: Blob): Promise<Taken>;
	/** Kept runs as a zip of folders, equal to those that the command line writes. @throws FolderError when they are too many, StorageError */
	zip(ids: readonly string[]): Promise<Uint8Array<ArrayBuffer>>;
	/** Fetches a zip of runs of one experiment, and reads it. @throws FolderError when it can't be read, RangeError when it isn't there */
	recording(url: string): Promise<Recording>;
	/** The experiment as a zip of a folder for TRL and PEFT. @throws ExperimentError that names what Python can't do, RangeError when the model isn't there */
	python(asked: AskedInPython): Promise<Uint8Array<ArrayBuffer>>;
}

/** An experiment that is to be run in Python, and what was given beside it. */
export interface AskedInPython extends GivenToPython {
	experiment: Experiment;
	/** Where the base model's files are. */
	modelUrl: string;
}

/** What became of the runs of a zip. */
export interface Taken {
	added: number;
	/** Runs that were in the store already, and what was added to them. */
	there: number;
	labels: number;
	pins: number;
	adapters: number;
	/** Runs that the zip held before. */
	twice: number;
}

type Kind = keyof FileWork;
type Given<K extends Kind> = Parameters<FileWork[K]>[0];
type Done<K extends Kind> = Awaited<ReturnType<FileWork[K]>>;

type ToFiles = { [K in Kind]: { kind: K; given: Given<K> } }[Kind];
/** `alive` names the worker's lifeline. */
type FromFiles = { alive: string } | { done: Done<Kind> } | { error: WireError };

/** Why a worker that ended without a word is likely to have done so, and what to do. */
const ENDED: Readonly<Record<Kind, string>> = {
	take: 'The browser ended the work, most likely because the file is too large for its memory. Nothing was changed. Close other tabs and try again, or bring in a zip of fewer runs.',
	zip: 'The browser ended the work, most likely because these runs together are too large for its memory. They are unharmed: export fewer at once.',
	python:
		'The browser ended the work, most likely because the rows are too large for its memory. Close other tabs and try again, or use npm run export:python.',
	recording: 'The browser ended the work, so the recorded run can not be shown. Reload the page to try again.',
};

/** The page's end: each piece of work has a worker of its own, which ends with it and leaves no memory taken. */
export function filesInWorker(start: () => Port & Pick<Worker, 'terminate'>): FileWork {
	const send = async <K extends Kind>(kind: K, given: Given<K>): Promise<Done<K>> => {
		const worker = start();
		try {
			return await new Promise<Done<K>>((resolve, reject) => {
				worker.addEventListener('message', ({ data }: MessageEvent<FromFiles>) => {
					if ('alive' in data) void watchLifeline(data.alive, () => reject(new WorkerLostError(ENDED[kind])));
					else if ('error' in data) reject(toError(data.error));
					else resolve(data.done as Done<K>);
				});
				worker.addEventListener('messageerror', () => reject(new WorkerLostError('An answer about the file could not be read.')));
				worker.addEventListener('error', ({ message }) =>
					reject(new WorkerLostError(message || 'The worker for files could not be started.')),
				);
				worker.postMessage({ kind, given });
			});
		} finally {
			worker.terminate();
		}
	};
	return {
		take: (file) => send('take', file),
		zip: (ids) => send('zip', ids),
		recording: (url) => send('recording', url),
		python: (asked) => send('python', asked),
	};
}

/** The worker's end. It tells of its lifeline before it works: while it does, it would not come to it. */
export function serveFiles(port: Port, work: FileWork, hold: typeof holdLifeline): void {
	const told = new Promise<void>((resolve) => {
		const tell = (alive: string) => resolve(port.postMessage({ alive } satisfies FromFiles));
		hold(tell).then(resolve, resolve); // where there are no locks
	});
	const answer = async ({ kind, given }: ToFiles) => {
		try {
			await told;
			const done = await (work[kind] as (given: Given<Kind>) => Promise<Done<Kind>>)(given);
			port.postMessage({ done } satisfies FromFiles, { transfer: done instanceof Uint8Array ? [done.buffer] : [] });
		} catch (error) {
			port.postMessage({ error: toWire(error) } satisfies FromFiles);
		}
	};
	port.addEventListener('message', ({ data }: MessageEvent<ToFiles>) => void answer(data));
}
