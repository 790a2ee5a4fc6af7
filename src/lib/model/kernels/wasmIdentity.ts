import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

interface IdentityArguments {
	inputs: { x: tf.TensorInfo };
	backend: BackendWasm;
}

/**
 * Replaces the wasm backend's Identity, which copies: tfjs clones whatever a gradient will need, frozen weights too. Here a clone shares
 * its numbers, as on tfjs's other backends. Call it once, when the backend's kernels are loaded.
 */
export function installWasmIdentity(): void {
	const config = tf.getKernel('Identity', 'wasm');
	const identity = ({ inputs: { x }, backend }: IdentityArguments): tf.TensorInfo => {
		backend.incRef(x.dataId);
		return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
	};
	tf.unregisterKernel('Identity', 'wasm');
	tf.registerKernel({ ...config, kernelFunc: identity as unknown as tf.KernelFunc });
}
