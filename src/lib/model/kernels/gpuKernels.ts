import * as tf from '@tensorflow/tfjs-core';

import { adamWKernels } from './adamW';
import { adaptedLinearKernels } from './adaptedLinear';
import { causalAttentionKernels } from './causalAttention';
import { rmsNormKernels } from './rmsNorm';
import { rotateHeadsKernels } from './rotateHeads';
import { swigluKernels } from './swiglu';
import { tiledMatMulKernels } from './tiledMatMul';
import { tokenLogpsKernels } from './tokenLogps';

/** What the lab computes on a GPU with WGSL of its own. Without one of them the composed operations of tfjs take its place. */
export const GPU_KERNELS = [
	'tiledMatMul',
	'rmsNorm',
	'rotateHeads',
	'causalAttention',
	'swiglu',
	'adaptedLinear',
	'tokenLogps',
	'adamW',
] as const;
export type GpuKernel = (typeof GPU_KERNELS)[number];

/** Lanes that share a row of a reduction: one where a CPU plays the GPU. */
const lanesOn = (software: boolean) => (software ? 1 : 64);

const MAKERS: Record<GpuKernel, (software: boolean) => Record<string, tf.KernelFunc>> = {
	tiledMatMul: (software) => (software ? tiledMatMulKernels() : {}), // a real GPU's best matMul is the stock one
	rmsNorm: (software) => rmsNormKernels(lanesOn(software)),
	rotateHeads: rotateHeadsKernels,
	causalAttention: (software) => causalAttentionKernels(lanesOn(software)),
	swiglu: swigluKernels,
	adaptedLinear: adaptedLinearKernels,
	tokenLogps: (software) => tokenLogpsKernels(lanesOn(software)),
	adamW: adamWKernels,
};

/** What tfjs brought under the names that are replaced here. */
const stock = new Map<string, tf.KernelConfig>();

/** Gives the webgpu backend exactly the kernels named in `wanted`, of those in GPU_KERNELS. */
export function useGpuKernels(wanted: readonly GpuKernel[], software: boolean): void {
	for (const name of GPU_KERNELS) {
		for (const [kernelName, kernelFunc] of Object.entries(MAKERS[name](software))) {
			const current = tf.getKernel(kernelName, 'webgpu') as tf.KernelConfig | undefined;
			if (current && !isOurs(current)) stock.set(kernelName, current);
			if (current) tf.unregisterKernel(kernelName, 'webgpu');
			const original = stock.get(kernelName);
			if (wanted.includes(name)) tf.registerKernel({ kernelName, backendName: 'webgpu', ...original, kernelFunc: marked(kernelFunc) });
			else if (original) tf.registerKernel(original);
		}
	}
}

const ours = new WeakSet<tf.KernelFunc>();

function marked(kernel: tf.KernelFunc): tf.KernelFunc {
	ours.add(kernel);
	return kernel;
}

const isOurs = ({ kernelFunc }: tf.KernelConfig) => ours.has(kernelFunc);
