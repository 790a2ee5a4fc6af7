import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import type { WebGPUBackend, WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';

/**
 * cache[:, slot, :] = rows, in place: the one operation here that changes a tensor. tfjs has none, and without it each generated
 * token would copy the whole cache. `cache` is [n, S, headDim], `rows` [n, 1, headDim]; there is no gradient.
 */
export function writeSlot(cache: tf.Tensor3D, rows: tf.Tensor3D, slot: number): void {
	const [n, S, headDim] = cache.shape;
	if (rows.shape.join() !== [n, 1, headDim].join() || slot < 0 || slot >= S)
		throw new RangeError(`writeSlot: [${rows.shape.join(', ')}] at slot ${slot} does not fit a cache of [${cache.shape.join(', ')}]`);
	tf.engine().runKernel(KERNEL, { cache, rows }, { slot });
}

const KERNEL = 'ConscienceLabWriteSlot';

interface WriteArguments<Backend> {
	inputs: { cache: tf.TensorInfo; rows: tf.TensorInfo };
	backend: Backend;
	attrs: { slot: number };
}
/** A kernel without outputs: the engine would count an output as a new tensor on the cache's memory. */
type WriteKernel<Backend> = (args: WriteArguments<Backend>) => [];

/** The part of the cpu backend that is used: tensors are typed arrays in a map. */
interface CpuBackend {
	data: { get(dataId: object): { values: Float32Array } };
}

const onCpu: WriteKernel<CpuBackend> = ({ inputs: { cache, rows }, backend, attrs }) => {
	copyRows(backend.data.get(cache.dataId).values, backend.data.get(rows.dataId).values, cache.shape, attrs.slot);
	return [];
};

const onWasm: WriteKernel<BackendWasm> = ({ inputs: { cache, rows }, backend, attrs }) => {
	copyRows(backend.typedArrayFromHeap(cache) as Float32Array, backend.typedArrayFromHeap(rows) as Float32Array, cache.shape, attrs.slot);
	// XNNPACK may have packed the cache as a matMul's right side, and keeps that copy by the tensor's id: registering anew drops it.
	const { id, memoryOffset } = backend.dataIdMap.get(cache.dataId);
	backend.wasm.tfjs.disposeData(id);
	backend.wasm.tfjs.registerTensor(id, tf.util.sizeFromShape(cache.shape), memoryOffset);
	return [];
};

const onWebGpu: WriteKernel<WebGPUBackend> = ({ inputs: { cache, rows }, backend, attrs }) => {
	const [n, S, headDim] = cache.shape as [number, number, number];
	const program: WebGPUProgram = {
		outputShape: cache.shape,
		variableNames: ['rows'],
		variableComponents: [1],
		outputComponent: 1,
		workgroupSize: [64, 1, 1],
		dispatchLayout: { x: [0] },
		dispatch: [Math.ceil((n * headDim) / 64), 1, 1],
		uniforms: 'count : i32, slot : i32, slots : i32, headDim : i32,',
		shaderKey: 'lab_writeSlot',
		getUserCode: () => `fn main(index : i32) {
	if (index >= uniforms.count) { return; }
	let row = index / uniforms.headDim;
	result[(row * uniforms.slots + uniforms.slot) * uniforms.headDim + index % uniforms.headDim] = rows[index];
}`,
	};
	const uniforms = [n * headDim, attrs.slot, S, headDim].map((value) => ({ type: 'int32', data: [value] }));
	backend.runWebGPUProgram(program, [rows], 'float32', uniforms, cache); // the fifth argument is what to write into
	return [];
};

function copyRows(cache: Float32Array, rows: Float32Array, shape: number[], slot: number): void {
	const [n, S, headDim] = shape as [number, number, number];
	for (let row = 0; row < n; row++) cache.set(rows.subarray(row * headDim, (row + 1) * headDim), (row * S + slot) * headDim);
}

const KERNELS = { cpu: onCpu, wasm: onWasm, webgpu: onWebGpu };
for (const [backendName, kernel] of Object.entries(KERNELS))
	if (!tf.getKernel(KERNEL, backendName))
		tf.registerKernel({ kernelName: KERNEL, backendName, kernelFunc: kernel as unknown as tf.KernelFunc });
