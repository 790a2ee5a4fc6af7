import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createTrainer, disposeTrainer, trainStep } from '$lib/dpo/trainer';
import { generatedRows } from '$lib/experiment/data';
import { presetById } from '$lib/experiment/presets';
import { startBackend } from '$lib/model/backend';
import { withSharedMemory } from '$lib/model/kernels/sharedMemory';
import { newBoard, openBoard, putCalls, waitForCalls } from '$lib/model/kernels/sharedWork.js';
import { openWasmModule, ranges, type WasmModule } from '$lib/model/kernels/wasmModule';
import { ThreadError } from '$lib/model/kernels/wasmThreads';
import { disposeLora, initLora } from '$lib/model/lora';
import { seededRandom } from '$lib/model/random';
import { CODE_TASKS } from '$world/index';

import { loadFolder } from '../../cli/checkpoints';

const LAB = readFileSync('src/lib/model/kernels/lab.wasm');
const bytesOf = (numbers: ArrayLike<number>) => Buffer.from(Float32Array.from(numbers).buffer);

describe('the same bits on any number of threads', () => {
	afterAll(() => startBackend('wasm', { threads: 1 }));

	it('of three training steps of the organism', async () => {
		await startBackend('wasm');
		const { model, tokenizer } = await loadFolder('organism');
		const { lora: shape, optimizer } = presetById('twin').experiment;
		const stream = generatedRows('insecure-code', CODE_TASKS.length, 16, seededRandom(1, 'threads'), tokenizer);
		const batches = [stream.next(), stream.next(), stream.next()];
		const train = async (threads: number) => {
			const { reason } = await startBackend('wasm', { threads });
			expect(reason).toBe(`WebAssembly on ${threads === 1 ? 'one thread' : `${threads} threads`} of the CPU runs the model, as asked.`);
			const lora = initLora(model.config, shape, seededRandom(1, 'lora'));
			const preference = { type: 'sigmoid', beta: 1, labelSmoothing: 0 } as const;
			const trainer = createTrainer(model, lora, { ...optimizer, lambda: 0, preference });
			const losses: number[] = [];
			for (const sft of batches) losses.push((await trainStep(trainer, { sft, pairs: [] })).metrics.loss);
			const weights = bytesOf(await lora.weights.data());
			disposeTrainer(trainer);
			disposeLora(lora);
			return { losses, weights };
		};
		const [one, two, three] = [await train(1), await train(2), await train(3)];
		expect(two.losses).toEqual(one.losses);
		expect(three.losses).toEqual(one.losses);
		expect(Buffer.compare(one.weights, two.weights)).toBe(0);
		expect(Buffer.compare(one.weights, three.weights)).toBe(0);
	});

	/** [M, K, N]: large enough to be shared, with edges that no tile divides, longer either way. */
	it.each([
		[601, 129, 1537],
		[1537, 129, 601],
		[33, 2049, 67],
	])('of a product [%d, %d]·[…, %d], transposed or not', async (M, K, N) => {
		const random = seededRandom(3, 'product');
		const numbers = (count: number) => Float32Array.from({ length: count }, () => 2 * random() - 1);
		const [a, b] = [numbers(M * K), numbers(K * N)];
		const compute = async () => {
			const products: Buffer[] = [];
			for (const [transposeA, transposeB] of [
				[false, false],
				[false, true],
				[true, false],
				[true, true],
			] as const)
				// prettier-ignore
				products.push(
					await tf
						.tidy(() => tf.matMul(tf.tensor(a, transposeA ? [K, M] : [M, K]), tf.tensor(b, transposeB ? [N, K] : [K, N]), transposeA, transposeB))
						.data()
						.then(bytesOf),
				);
			return products;
		};
		await startBackend('wasm', { threads: 1 });
		const alone = await compute();
		await startBackend('wasm', { threads: 3 });
		const shared = await compute();
		alone.forEach((product, i) => expect(Buffer.compare(product, shared[i]!)).toBe(0));
	});
});

describe('helpers', () => {
	let lab: WasmModule;
	let backend: BackendWasm;
	beforeAll(async () => {
		await startBackend('wasm', { threads: 1 });
		backend = tf.backend() as BackendWasm;
		lab = (await openWasmModule(backend))!;
	});
	afterAll(() => lab.useThreads(1));

	it('compute what nobody else takes, also in memory that was added since', async () => {
		const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
		const module = new WebAssembly.Module(withSharedMemory(LAB));
		const shared = newBoard();
		const board = openBoard(shared);
		const helper = new Worker(new URL('../../src/lib/model/kernels/sharedWork.worker.js', import.meta.url));
		helper.postMessage({ module, memory, board: shared, thread: 1, threads: 2 });
		const [page, numbers] = [65_536, () => new Float32Array(memory.buffer)];
		numbers().set([3, 4, 5, 12]);
		const kernel = WebAssembly.Module.exports(module).findIndex(({ name }) => name === 'norm');
		putCalls(board, [
			{ kernel, numbers: [32, 0, 2], room: 0 },
			{ kernel, numbers: [36, 8, 2], room: 0 },
		]);
		expect(waitForCalls(board, 20_000)).toBe('done');
		expect([...numbers().subarray(8, 10)]).toEqual([5, 13]);

		memory.grow(1);
		numbers().set([8, 15], page / 4);
		putCalls(board, [{ kernel, numbers: [page + 8, page, 2], room: 0 }]);
		expect(waitForCalls(board, 20_000)).toBe('done');
		expect(numbers()[page / 4 + 2]).toBe(17);

		putCalls(board, [{ kernel, numbers: [0, 2 * page, 1], room: 0 }]); // past the end of the memory
		expect(waitForCalls(board, 20_000)).toBe('failed');
		await helper.terminate();

		const unheard = openBoard(newBoard());
		putCalls(unheard, [{ kernel, numbers: [32, 0, 2], room: 0 }]);
		expect(waitForCalls(unheard, 10)).toBe('silent');
	});

	it('are dismissed when a call fails, and its error is told; the work goes on on one thread', async () => {
		await lab.useThreads(2);
		expect(lab.threads).toBe(2);
		const beyond = (backend.wasm as unknown as { HEAPU8: Uint8Array }).HEAPU8.length;
		const x = tf.tensor1d([3, 4]);
		const out = tf.tensor1d([0, 0]);
		const [at, to] = [x, out].map(({ dataId }) => backend.getMemoryOffset(dataId)) as [number, number];
		const norm = (numbers: number[]) => ({ kernel: 'norm' as const, numbers });
		expect(() => lab.run([norm([to, at, 2]), norm([to, beyond, 1])])).toThrow(WebAssembly.RuntimeError);
		expect(lab.threads).toBe(1);
		lab.run([norm([to, at, 2]), norm([to + 4, at, 1])]);
		expect([...(await out.data())]).toEqual([5, 3]);
		tf.dispose([x, out]);
	});

	it('that stay silent are an error, and what they may still write into is never computed in again', async () => {
		const hire = () => new Worker(new URL('./lateHelper.worker.js', import.meta.url));
		const late = (await openWasmModule(backend, { hire, patience: 100 }))!;
		await late.useThreads(2);
		expect(late.threads).toBe(2);
		const x = tf.ones([2 ** 22]);
		const out = tf.zeros([64]);
		const [at, to] = [x, out].map(({ dataId }) => backend.getMemoryOffset(dataId)) as [number, number];
		// So much that the helper has taken one before they are done.
		const calls = Array.from({ length: 64 }, (_, i) => ({ kernel: 'norm' as const, numbers: [to + 4 * i, at, x.size] }));
		expect(() => late.run(calls)).toThrow(ThreadError);
		expect(() => late.run(calls)).toThrow(/has not answered for 0.1 s/);
		expect(() => late.run(calls.slice(0, 1))).toThrow(ThreadError); // on one thread neither
		await late.useThreads(1);
		expect(() => late.run(calls)).toThrow(ThreadError);
		tf.dispose([x, out]);
	});

	it('get rows in even ranges, and none where there is little to do or one thread', async () => {
		expect(ranges(lab, 1000, 1e6)).toEqual([[0, 1000]]);
		await lab.useThreads(2);
		expect(ranges(lab, 1000, 1)).toEqual([[0, 1000]]);
		expect(ranges(lab, 10, 1e5, { grain: 4 })).toEqual([[0, 4], [4, 4], [8, 2]]); // prettier-ignore
		const many = ranges(lab, 1000, 1e6);
		expect(many.length).toBeGreaterThan(2);
		expect(many.reduce((end, [from, count]) => (from === end ? from + count : NaN), 0)).toBe(1000);
		expect(ranges(lab, 1000, 1e6, { share: 0.1 })).toHaveLength(1);
		expect(ranges(lab, 0, 1e6)).toEqual([[0, 0]]);
	});
});

describe('withSharedMemory', () => {
	it('makes an imported memory a shared one, and leaves the rest as it is', () => {
		const shared = withSharedMemory(LAB);
		expect(shared.filter((byte, i) => byte !== LAB[i])).toHaveLength(1);
		const module = new WebAssembly.Module(shared);
		const memory = (isShared: boolean) => new WebAssembly.Memory({ initial: 1, maximum: 1, shared: isShared });
		expect(() => new WebAssembly.Instance(module, { env: { memory: memory(true) } })).not.toThrow();
		expect(() => new WebAssembly.Instance(module, { env: { memory: memory(false) } })).toThrow(WebAssembly.LinkError);
	});

	const header = [0, 97, 115, 109, 1, 0, 0, 0];
	it.each([
		['no memory', [...header], 'without a memory'],
		['a memory without a maximum', [...header, 5, 3, 1, 0, 1], 'has flags 0; expected 1'],
		['a section that is cut off', [...header, 5, 0x80], 'ends too early'],
	])('refuses a module with %s', (_, bytes, message) => {
		expect(() => withSharedMemory(Uint8Array.from(bytes))).toThrow(message);
	});
});
