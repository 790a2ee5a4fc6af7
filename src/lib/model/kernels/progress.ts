import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';

import { type KernelArguments, launch, runKernel } from './launch';

/**
 * How far the rows of a batch are, [B, 2 + room] int32: a row's tokens before it began to write, how many it has written, and those. It stays
 * on the backend, so that a token can follow another without anybody's looking at it.
 */
export type Progress = tf.Tensor2D;

/** Where a row's written tokens begin. */
export const WRITTEN = 2;

/** Rows of `lengths` tokens that have written nothing yet, and have room for so many. */
export function startProgress(lengths: readonly number[], room: number): Progress {
	const width = WRITTEN + room;
	const numbers = new Int32Array(lengths.length * width);
	lengths.forEach((length, row) => (numbers[row * width] = length));
	return tf.tensor2d(numbers, [lengths.length, width], 'int32');
}

/** What each row has written last: [B] int32. */
export function lastWritten(progress: Progress): tf.Tensor1D {
	return runKernel(KERNEL, { progress }) as tf.Tensor1D;
}

/** The numbers as they are now. tfjs would give those of the first reading again, since it does not know of what changes in place. */
export async function readProgress(progress: Progress): Promise<Int32Array> {
	if (tf.getBackend() !== 'webgpu') return (await progress.data()) as Int32Array;
	const backend = tf.backend() as WebGPUBackend;
	const { resource } = backend.tensorMap.get(progress.dataId);
	return new Int32Array(await backend.getBufferData(resource as GPUBuffer));
}

const KERNEL = 'ConscienceLabLastWritten';

/** The part of the cpu backend that is used: tensors are typed arrays in a map. */
interface CpuBackend {
	data: { get(dataId: object): { values: Int32Array } };
	makeTensorInfo(shape: number[], dtype: 'int32', values: Int32Array): tf.TensorInfo;
}

interface Arguments<Backend> {
	inputs: { progress: tf.TensorInfo };
	backend: Backend;
}

const onCpu = ({ inputs: { progress }, backend }: Arguments<CpuBackend>) => {
	const tokens = lastOf(backend.data.get(progress.dataId).values, progress.shape[0]!);
	return backend.makeTensorInfo([tokens.length], 'int32', tokens);
};

const onWasm = ({ inputs: { progress }, backend }: Arguments<BackendWasm>) => {
	const tokens = lastOf(backend.typedArrayFromHeap(progress) as Int32Array, progress.shape[0]!);
	return backend.makeOutput([tokens.length], 'int32', undefined, tokens);
};

function lastOf(progress: Int32Array, rows: number): Int32Array {
	const width = progress.length / rows;
	return Int32Array.from({ length: rows }, (_, row) => progress[row * width + WRITTEN - 1 + progress[row * width + 1]!]!);
}

const onWebGpu = ({ inputs: { progress }, backend }: KernelArguments<'progress', unknown>) => {
	const [B, width] = progress.shape as [number, number];
	return launch(backend, {
		key: 'lastWritten',
		inputs: { progress },
		shape: [B],
		into: backend.makeTensorInfo([B], 'int32'),
		ints: { width },
		invocations: B,
		code: () => `fn main(index : i32) {
	if (index >= uniforms.count) { return; }
	let row = index * uniforms.width;
	result[index] = progress[row + ${WRITTEN - 1} + progress[row + 1]];
}`,
	});
};

const KERNELS = { cpu: onCpu, wasm: onWasm, webgpu: onWebGpu };
for (const [backendName, kernel] of Object.entries(KERNELS))
	if (!tf.getKernel(KERNEL, backendName))
		tf.registerKernel({ kernelName: KERNEL, backendName, kernelFunc: kernel as unknown as tf.KernelFunc });
