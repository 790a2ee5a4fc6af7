import * as tf from '@tensorflow/tfjs-core';

import { adamWWasmKernels } from './adamW';
import { adaptedLinearWasmKernels } from './adaptedLinearWasm';
import { cacheAttentionWasmKernels } from './cacheAttention';
import { causalAttentionWasmKernels } from './causalAttentionWasm';
import { decodeBlocksWasmKernels } from './decodeBlocks';
import { drawTokensWasmKernels } from './drawTokens';
import { frozenMatrixWasmKernels } from './frozenMatrix';
import { useOwnKernels } from './ownKernels';
import { rmsNormWasmKernels } from './rmsNorm';
import { rotateHeadsWasmKernels } from './rotateHeads';
import { swigluWasmKernels } from './swiglu';
import { tokenLogpsWasmKernels } from './tokenLogps';
import type { WasmModule } from './wasmModule';

/** What the lab computes on a processor with WebAssembly of its own. Without one of them the composed operations of tfjs take its place. */
export const WASM_KERNELS = [
	'frozenMatrix',
	'rmsNorm',
	'rotateHeads',
	'causalAttention',
	'cacheAttention',
	'decodeBlocks',
	'drawTokens',
	'swiglu',
	'adaptedLinear',
	'tokenLogps',
	'adamW',
] as const;
export type WasmKernel = (typeof WASM_KERNELS)[number];

const MAKERS: Record<WasmKernel, (lab: WasmModule) => Record<string, tf.KernelFunc>> = {
	frozenMatrix: frozenMatrixWasmKernels,
	rmsNorm: rmsNormWasmKernels,
	rotateHeads: rotateHeadsWasmKernels,
	causalAttention: causalAttentionWasmKernels,
	cacheAttention: cacheAttentionWasmKernels,
	decodeBlocks: decodeBlocksWasmKernels,
	drawTokens: drawTokensWasmKernels,
	swiglu: swigluWasmKernels,
	adaptedLinear: adaptedLinearWasmKernels,
	tokenLogps: tokenLogpsWasmKernels,
	adamW: adamWWasmKernels,
};

/** Gives the wasm backend exactly the kernels named in `wanted`, of those in WASM_KERNELS. */
export function useWasmKernels(wanted: readonly WasmKernel[], lab: WasmModule): void {
	for (const name of WASM_KERNELS) useOwnKernels('wasm', MAKERS[name](lab), wanted.includes(name));
}
