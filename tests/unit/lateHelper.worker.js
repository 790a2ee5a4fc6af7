/** A helper that takes a call and falls asleep over it, for longer than anybody waits; then it writes what it was to write. */
import { parentPort } from 'node:worker_threads';

import { help, openBoard } from '../../src/lib/model/kernels/sharedWork.js';

const ASLEEP_MS = 10_000;

/** @param {import('../../src/lib/model/kernels/wasmThreads').Task} task */
const work = ({ module, memory, board, thread, threads }) => {
	const { exports } = new WebAssembly.Instance(module, { env: { memory } });
	const kernels = /** @type {import('../../src/lib/model/kernels/sharedWork.js').Kernel[]} */ (Object.values(exports));
	const late = kernels.map((kernel) => (/** @type {number[]} */ ...numbers) => {
		Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ASLEEP_MS);
		kernel(...numbers);
	});
	parentPort?.postMessage('ready');
	help(openBoard(board), late, thread, threads);
};

parentPort?.once('message', work);
