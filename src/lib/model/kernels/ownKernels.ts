import * as tf from '@tensorflow/tfjs-core';

/** What tfjs brought under the names that are replaced, by backend and name. */
const stock = new Map<string, tf.KernelConfig>();
const ours = new WeakSet<tf.KernelFunc>();

/** Gives a backend these kernels of the lab's own, or takes them away and puts back what tfjs brought. */
export function useOwnKernels(backendName: string, kernels: Record<string, tf.KernelFunc>, wanted: boolean): void {
	for (const [kernelName, kernelFunc] of Object.entries(kernels)) {
		const key = `${backendName} ${kernelName}`;
		const current = tf.getKernel(kernelName, backendName) as tf.KernelConfig | undefined;
		if (current && !ours.has(current.kernelFunc)) stock.set(key, current);
		if (current) tf.unregisterKernel(kernelName, backendName);
		const original = stock.get(key);
		if (wanted) {
			ours.add(kernelFunc);
			tf.registerKernel({ kernelName, backendName, ...original, kernelFunc });
		} else if (original) tf.registerKernel(original);
	}
}
