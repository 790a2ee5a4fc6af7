import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import type { WebGPUBackend, WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';

/** The place of a row that is not written. */
export const NOWHERE = -1;

/**
 * cache[places[n]] = the last C numbers of rows[n], in place: the one operation here that changes a tensor. tfjs has none, and without
 * it each generated token would copy the whole cache. `cache` is [B, S, C], whose slots are counted through; `rows` [N, W], `places` [N]
 * int32; there is no gradient.
 */
export function writeCache(cache: tf.Tensor3D, rows: tf.Tensor2D, places: tf.Tensor1D): void {
	const [N, W] = rows.shape;
	if (places.shape[0] !== N || W < cache.shape[2])
		throw new RangeError(
			`writeCache: [${rows.shape.join(', ')}] at ${places.shape[0]} places does not fit a cache of [${cache.shape.join(', ')}]`,
		);
	tf.engine().runKernel(KERNEL, { cache, rows, places });
}

const KERNEL = 'ConscienceLabWriteCache';

interface WriteArguments<Backend> {
	inputs: Record<'cache' | 'rows' | 'places', tf.TensorInfo>;
	backend: Backend;
}
/** A kernel without outputs: the engine would count an output as a new tensor on the cache's memory. */
type WriteKernel<Backend> = (args: WriteArguments<Backend>) => [];

/** The part of the cpu backend that is used: tensors are typed arrays in a map. */
interface CpuBackend {
	data: { get(dataId: object): { values: Float32Array | Int32Array } };
}

const onCpu: WriteKernel<CpuBackend> = ({ inputs, backend }) => copyRows(inputs, ({ dataId }) => backend.data.get(dataId).values);

const onWasm: WriteKernel<BackendWasm> = ({ inputs, backend }) => {
	copyRows(inputs, (tensor) => backend.typedArrayFromHeap(tensor) as Float32Array | Int32Array);
	// XNNPACK may have packed the cache as a matMul's right side, and keeps that copy by the tensor's id: registering anew drops it.
	const { id, memoryOffset } = backend.dataIdMap.get(inputs.cache.dataId);
	backend.wasm.tfjs.disposeData(id);
	backend.wasm.tfjs.registerTensor(id, tf.util.sizeFromShape(inputs.cache.shape), memoryOffset);
	return [];
};

function copyRows(
	{ cache, rows, places }: WriteArguments<unknown>['inputs'],
	valuesOf: (tensor: tf.TensorInfo) => Float32Array | Int32Array,
): [] {
	const [B, S, C] = cache.shape as [number, number, number];
	const W = rows.shape[1]!;
	const [to, from] = [valuesOf(cache), valuesOf(rows)];
	valuesOf(places).forEach((place, n) => {
		if (place === NOWHERE) return;
		if (place < 0 || place >= B * S) throw new RangeError(`writeCache: there is no slot ${place} in a cache of ${B} × ${S}`);
		to.set(from.subarray((n + 1) * W - C, (n + 1) * W), place * C);
	});
	return [];
}

const onWebGpu: WriteKernel<WebGPUBackend> = ({ inputs: { cache, rows, places }, backend }) => {
	const [B, S, C] = cache.shape as [number, number, number];
	const [N, W] = rows.shape as [number, number];
	const program: WebGPUProgram = {
		outputShape: cache.shape,
		variableNames: ['rows', 'places'],
		variableComponents: [1, 1],
		outputComponent: 1,
		workgroupSize: [64, 1, 1],
		dispatchLayout: { x: [0] },
		dispatch: [Math.ceil((N * C) / 64), 1, 1],
		uniforms: 'count : i32, slots : i32, width : i32, written : i32,',
		shaderKey: 'lab_writeCache',
		getUserCode: () => `fn main(index : i32) {
	if (index >= uniforms.count) { return; }
	let row = index / uniforms.written;
	let place = places[row];
	if (place < 0 || place >= uniforms.slots) { return; }
	let column = index % uniforms.written;
	result[place * uniforms.written + column] = rows[(row + 1) * uniforms.width - uniforms.written + column];
}`,
	};
	const uniforms = [N * C, B * S, W, C].map((value) => ({ type: 'int32', data: [value] }));
	backend.runWebGPUProgram(program, [rows, places], 'float32', uniforms, cache); // the fifth argument is what to write into
	return [];
};

const KERNELS = { cpu: onCpu, wasm: onWasm, webgpu: onWebGpu };
for (const [backendName, kernel] of Object.entries(KERNELS))
	if (!tf.getKernel(KERNEL, backendName))
		tf.registerKernel({ kernelName: KERNEL, backendName, kernelFunc: kernel as unknown as tf.KernelFunc });
