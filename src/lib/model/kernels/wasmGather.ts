import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

interface GatherArguments {
	inputs: { x: tf.TensorInfo; indices: tf.TensorInfo };
	backend: BackendWasm;
	attrs: { axis: number; batchDims: number };
}

/**
 * Replaces the wasm backend's gather along the first axis: tfjs works out the place of every single element (82 ms for the
 * embeddings of 12,288 tokens), a copy of whole rows takes 2 ms. Call it once, when the backend's kernels are loaded.
 */
export function installWasmGather(): void {
	const config = tf.getKernel('GatherV2', 'wasm');
	const gather = (args: GatherArguments): tf.TensorInfo => {
		const { inputs, backend, attrs } = args;
		const { x, indices } = inputs;
		if (attrs.axis !== 0 || attrs.batchDims !== 0 || x.dtype !== 'float32') return config.kernelFunc(args) as tf.TensorInfo;
		const [rows, ...rowShape] = x.shape as [number, ...number[]];
		const out = backend.makeOutput([...indices.shape, ...rowShape], 'float32');
		const from = backend.typedArrayFromHeap(x);
		const to = backend.typedArrayFromHeap(out);
		const width = tf.util.sizeFromShape(rowShape);
		backend.typedArrayFromHeap(indices).forEach((row, i) => {
			if (row < 0 || row >= rows) throw new RangeError(`gather: row ${row} of a tensor of ${rows} rows; expected 0 to ${rows - 1}`);
			to.set(from.subarray(row * width, (row + 1) * width), i * width);
		});
		return out;
	};
	tf.unregisterKernel('GatherV2', 'wasm');
	tf.registerKernel({ ...config, kernelFunc: gather as unknown as tf.KernelFunc });
}
