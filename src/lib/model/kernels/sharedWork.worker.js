/**
 * A thread that helps to compute: it opens the module on the memory that it is sent, says so, and works for life.
 *
 * @typedef {import('./wasmThreads').Task} Task
 * @typedef {{ onmessage: ((event: { data: Task }) => void) | null, postMessage: (word: string) => void }} Port
 */
import { help, openBoard } from './sharedWork.js';

/** @returns {Promise<Port>} */
async function nodesPort() {
	const threads = 'node:worker_threads'; // as a variable, so that no bundler follows it into a browser's bundle
	const { parentPort } = await /** @type {Promise<{ parentPort: Port }>} */ (import(/* @vite-ignore */ threads));
	return parentPort;
}

const port = typeof WorkerGlobalScope === 'undefined' ? await nodesPort() : /** @type {Port} */ (/** @type {unknown} */ (self));
/** @param {{ data: Task }} message */
port.onmessage = ({ data: { module, memory, board, thread, threads } }) => {
	const { exports } = new WebAssembly.Instance(module, { env: { memory } });
	port.postMessage('ready');
	help(openBoard(board), /** @type {import('./sharedWork.js').Kernel[]} */ (Object.values(exports)), thread, threads);
};
