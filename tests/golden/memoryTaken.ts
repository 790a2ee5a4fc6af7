import * as tf from '@tensorflow/tfjs-core';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';

interface Buffers {
	acquireBuffer: (this: Buffers, size: number, usage: number, mapped?: boolean, reuse?: boolean) => GPUBuffer;
	releaseBuffer: (this: Buffers, buffer: GPUBuffer, reuse?: boolean) => void;
}
interface Heap {
	_malloc: (bytes: number) => number;
	_free: (address: number) => void;
}

/**
 * The most bytes that `work` makes the engine take, beside what it holds already: on webgpu the buffers that a new backend would have made, of
 * which it keeps each size that it has ever needed; on wasm what its heap holds at once.
 */
export async function bytesTaken(work: () => Promise<void>): Promise<number> {
	return tf.getBackend() === 'webgpu' ? ofBuffers(work) : ofHeap(work);
}

async function ofBuffers(work: () => Promise<void>): Promise<number> {
	const { bufferManager } = tf.backend() as WebGPUBackend & { bufferManager: Buffers };
	const now = new Map<string, number>();
	const most = new Map<string, number>();
	const count = (key: string, by: number) => {
		now.set(key, (now.get(key) ?? 0) + by);
		most.set(key, Math.max(most.get(key) ?? 0, now.get(key)!));
	};
	const [acquireBuffer, releaseBuffer] = [bufferManager.acquireBuffer.bind(bufferManager), bufferManager.releaseBuffer.bind(bufferManager)];
	bufferManager.acquireBuffer = function (size, usage, mapped, reuse = true) {
		if (reuse) count(`${size}_${usage}`, 1); // else it is on its way to a buffer of which the numbers before have gone, and goes itself
		return acquireBuffer(size, usage, mapped, reuse);
	};
	bufferManager.releaseBuffer = function (buffer, reuse = true) {
		if (reuse) count(`${buffer.size}_${buffer.usage}`, -1);
		releaseBuffer(buffer, reuse);
	};
	try {
		await work();
	} finally {
		Object.assign(bufferManager, { acquireBuffer, releaseBuffer });
	}
	return [...most].reduce((sum, [key, times]) => sum + times * Number.parseInt(key, 10), 0);
}

async function ofHeap(work: () => Promise<void>): Promise<number> {
	const { wasm } = tf.backend() as unknown as { wasm: Heap };
	wasm._free(wasm._malloc(8)); // Emscripten's stand-ins put the true ones in their place when they are first called
	const sizes = new Map<number, number>();
	let [now, most] = [0, 0];
	const { _malloc, _free } = wasm;
	wasm._malloc = (bytes) => {
		const address = _malloc(bytes) >>> 0;
		sizes.set(address, bytes);
		most = Math.max(most, (now += bytes));
		return address;
	};
	wasm._free = (address) => {
		now -= sizes.get(address >>> 0) ?? 0;
		sizes.delete(address >>> 0);
		_free(address);
	};
	try {
		await work();
	} finally {
		Object.assign(wasm, { _malloc, _free });
	}
	return most;
}
