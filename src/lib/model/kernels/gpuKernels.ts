import * as tf from '@tensorflow/tfjs-core';

import { adamWKernels } from './adamW';
import { adaptedLinearKernels } from './adaptedLinear';
import { cacheAttentionKernels } from './cacheAttention';
import { causalAttentionKernels } from './causalAttention';
import { drawTokensKernels } from './drawTokens';
import { frozenMatrixKernels } from './frozenMatrix';
import { noteDrawsKernels } from './noteDraws';
import { useOwnKernels } from './ownKernels';
import { rmsNormKernels } from './rmsNorm';
import { rotateHeadsKernels } from './rotateHeads';
import { swigluKernels } from './swiglu';
import { tiledMatMulKernels } from './tiledMatMul';
import { tokenLogpsKernels } from './tokenLogps';

/** What the lab computes on a GPU with WGSL of its own. Without one of them the composed operations of tfjs take its place. */
export const GPU_KERNELS = [
	'tiledMatMul',
	'frozenMatrix',
	'rmsNorm',
	'rotateHeads',
	'causalAttention',
	'cacheAttention',
	'drawTokens',
	'noteDraws',
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
	frozenMatrix: frozenMatrixKernels,
	rmsNorm: (software) => rmsNormKernels(lanesOn(software)),
	rotateHeads: rotateHeadsKernels,
	causalAttention: (software) => causalAttentionKernels(lanesOn(software)),
	cacheAttention: (software) => cacheAttentionKernels(lanesOn(software)),
	drawTokens: (software) => drawTokensKernels(lanesOn(software)),
	noteDraws: (software) => noteDrawsKernels(lanesOn(software)),
	swiglu: swigluKernels,
	adaptedLinear: adaptedLinearKernels,
	tokenLogps: (software) => tokenLogpsKernels(lanesOn(software)),
	adamW: adamWKernels,
};

/** Gives the webgpu backend exactly the kernels named in `wanted`, of those in GPU_KERNELS. */
export function useGpuKernels(wanted: readonly GpuKernel[], software: boolean): void {
	for (const name of GPU_KERNELS) useOwnKernels('webgpu', MAKERS[name](software), wanted.includes(name));
}
