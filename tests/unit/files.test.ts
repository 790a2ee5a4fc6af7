import { readFileSync } from 'node:fs';
import { MessageChannel } from 'node:worker_threads';

import { strToU8 } from 'fflate';
import { expect, test, vi } from 'vitest';

import { FolderError } from '$lib/experiment/folderReading';
import { filesInWorker, type FileWork, serveFiles, type Taken } from '$lib/worker/files';
import { fileWork } from '$lib/worker/fileWork';
import type { Port } from '$lib/worker/rpc';

/** The page's end over a real channel, with `work` at the other end, and how many workers were started and ended. */
function overChannel(work: FileWork, hold: Parameters<typeof serveFiles>[2] = async () => {}) {
	const workers = { started: 0, ended: 0 };
	const files = filesInWorker(() => {
		workers.started++;
		const { port1, port2 } = new MessageChannel();
		serveFiles(asPort(port1), work, hold);
		return { ...asPort(port2), terminate: () => (workers.ended++, port1.close()) };
	});
	return { files, workers };
}

/** Node's port starts to hear with `start` alone. */
function asPort(port: import('node:worker_threads').MessagePort): Port {
	port.start();
	return {
		addEventListener: port.addEventListener.bind(port),
		postMessage: (message: unknown, { transfer = [] }: StructuredSerializeOptions = {}) => port.postMessage(message, transfer as never),
	} as unknown as Port;
}

const nothing: Taken = { added: 0, there: 0, labels: 0, pins: 0, adapters: 0, twice: 0 };
const stand = (work: Partial<FileWork>): FileWork => ({ ...fileWork, ...work });

test('a file is handed to a worker, which ends with its work', async () => {
	const taken: number[] = [];
	const { files, workers } = overChannel(stand({ take: async (file) => ({ ...nothing, added: taken.push(file.size) }) }));
	expect(await files.take(new Blob(['runs']))).toEqual({ ...nothing, added: 1 });
	expect([taken, workers]).toEqual([[4], { started: 1, ended: 1 }]);
});

test('a zip comes back without being copied', async () => {
	const zip = new Uint8Array(strToU8('a zip'));
	const { files } = overChannel(stand({ zip: async () => zip }));
	expect(await files.zip(['a', 'b'])).toEqual(strToU8('a zip'));
	expect(zip.byteLength).toBe(0); // handed over
});

test('the recorded run is fetched and read in the worker', async () => {
	const zip = readFileSync(new URL('../../static/recorded/twin.zip', import.meta.url));
	vi.stubGlobal('fetch', async (url: string) => (url.endsWith('twin.zip') ? new Response(zip) : new Response(null, { status: 404 })));
	const { files, workers } = overChannel(fileWork);
	const { experiment, copies } = await files.recording('recorded/twin.zip');
	expect([experiment.name, copies.map(({ arm }) => arm)]).toEqual(['twin', ['sft', 'emergent-alignment']]);
	expect(copies.every(({ events }) => events.at(-1)?.kind === 'finished')).toBe(true);
	await expect(files.recording('recorded/none.zip')).rejects.toThrow('There is no recording at recorded/none.zip (status 404).');
	expect(workers).toEqual({ started: 2, ended: 2 });
	vi.unstubAllGlobals();
});

test('what is wrong with a file comes back with its name and message, and the worker ends all the same', async () => {
	const { files, workers } = overChannel(fileWork);
	const fault = await files.take(new Blob(['not a zip'])).catch((error: unknown) => error as Error);
	expect(fault).toMatchObject({ name: 'FolderError', message: expect.stringMatching(/^The file is no zip/) as string });
	expect(workers).toEqual({ started: 1, ended: 1 });
});

test('a worker that does not start is an error, and nothing waits', async () => {
	const worker = Object.assign(new EventTarget(), {
		postMessage: () => void worker.dispatchEvent(Object.assign(new Event('error'), { message: 'no memory' })),
		terminate: () => {},
	});
	await expect(filesInWorker(() => worker as unknown as Worker).zip([])).rejects.toThrow('no memory');
});

test('a worker that ends without a word is an error that says what to do, and nothing waits', async () => {
	const waiting = new Map<string, () => void>();
	vi.stubGlobal('navigator', { locks: { request: async (lock: string, onFree: () => void) => void waiting.set(lock, onFree) } });
	let works = false;
	const busy = stand({ take: () => ((works = true), new Promise(() => {})) });
	const { files, workers } = overChannel(busy, async (onHeld) => onHeld('the lifeline'));
	const taking = files.take(new Blob(['a large file']));
	await vi.waitFor(() => expect([works, [...waiting.keys()]]).toEqual([true, ['the lifeline']]));
	waiting.get('the lifeline')!(); // the browser has killed it
	await expect(taking).rejects.toThrow(/too large for its memory. Nothing was changed. Close other tabs/);
	expect(workers).toEqual({ started: 1, ended: 1 });
	vi.unstubAllGlobals();
});

test('a worker tells of its lifeline before it begins to work', async () => {
	const { port1, port2 } = new MessageChannel();
	const told: string[] = [];
	let hold: (lock: string) => void = () => {};
	serveFiles(asPort(port1), stand({ zip: async () => new Uint8Array(told.push('worked')) }), async (onHeld) => {
		hold = onHeld;
		await new Promise(() => {});
	});
	asPort(port2).addEventListener('message', ({ data }: MessageEvent<object>) => void told.push(...Object.keys(data)));
	port2.postMessage({ kind: 'zip', given: [] });
	await new Promise((resolve) => setTimeout(resolve, 5));
	expect(told).toEqual([]);
	hold('the lifeline');
	await vi.waitFor(() => expect(told).toEqual(expect.arrayContaining(['alive', 'worked', 'done'])));
	port1.close();
});

test('a file that is far too large is refused before it is read', async () => {
	const huge = { size: 6e9, arrayBuffer: () => Promise.reject(new Error('was read')) } as unknown as Blob;
	await expect(fileWork.take(huge)).rejects.toThrow(FolderError);
	await expect(fileWork.take(huge)).rejects.toThrow('more than 500 MB');
});

test('a file that the browser cannot read any more says so', async () => {
	const folder = { size: 0, arrayBuffer: () => Promise.reject(new Error('a directory')) } as unknown as Blob;
	await expect(fileWork.take(folder)).rejects.toThrow("can't read the file (a directory)");
});
