import * as tf from '@tensorflow/tfjs-core';

import { attend, slotMask } from '../attention';
import { hasKernel, type KernelArguments, launch, rowProgram, runKernel } from './launch';
import type { HeadLayout } from './rotateHeads';
import { compute, type WasmArguments, type WasmModule } from './wasmModule';

const KERNEL = 'ConscienceLabCacheAttention';

/** The last slot that each row of a cache sees, made once for all layers. */
export interface LastSlots {
	/** [B] int32. */
	table: tf.Tensor1D;
	/** For the composed operations; null where a kernel does the work. */
	mask: tf.Tensor4D | null;
}

/** Puts on the backend which slots, of a cache that has `slots`, each row sees: the first up to `last`. */
export function lastSlots(last: readonly number[], slots: number): LastSlots {
	return { table: tf.tensor1d([...last], 'int32'), mask: hasKernel(KERNEL) ? null : slotMask(last, slots) };
}

/**
 * softmax(q·Kᵀ)·V, grouped, of one query for each row: `qkv` [B, (H + 2·KV)·headDim] as `rotateHeads` leaves it, over the row's slots in
 * `cache` [B, S, 2·KV·headDim], keys before values: [B, H·headDim]. Slots behind the last are not read.
 */
export function cacheAttention(qkv: tf.Tensor2D, cache: tf.Tensor3D, last: LastSlots, layout: HeadLayout): tf.Tensor2D {
	if (!last.mask) return runKernel(KERNEL, { qkv, cache, last: last.table }, layout) as tf.Tensor2D;
	const { heads: H, keyValueHeads: KV, headDim } = layout;
	const [B, S] = cache.shape;
	const q = tf.reshape<tf.Rank.R3>(tf.slice(qkv, [0, 0], [B, H * headDim]), [B * KV, H / KV, headDim]);
	const byHead = tf.transpose(tf.reshape(cache, [B, S, 2, KV, headDim]), [2, 0, 3, 1, 4]);
	const [keys, values] = tf.split(tf.reshape<tf.Rank.R3>(byHead, [2 * B * KV, S, headDim]), 2) as [tf.Tensor3D, tf.Tensor3D];
	return tf.reshape(attend(q, keys, values, last.mask), [B, H * headDim]);
}

type Inputs = 'qkv' | 'cache' | 'last';

/** The kernels, with `lanes` invocations a row of the softmax. */
export function cacheAttentionKernels(lanes: number): Record<string, tf.KernelFunc> {
	const kernel = ({ inputs: { qkv, cache, last }, backend, attrs }: KernelArguments<Inputs, HeadLayout>) => {
		const { heads, keyValueHeads, headDim } = attrs;
		const [B, S] = cache.shape as [number, number, number];
		const ints = { slots: S, heads, keyValueHeads, headDim };
		const weights = launch(backend, {
			key: `cacheWeights_${lanes}`,
			inputs: { qkv, cache, last },
			shape: [B, heads, S],
			ints,
			invocations: B * heads * lanes,
			workgroup: lanes === 1 ? 32 : lanes,
			code: () => rowProgram(lanes, WEIGHTS_CODE(lanes)),
		});
		const out = launch(backend, {
			key: 'cacheValues',
			inputs: { weights, cache, last },
			shape: [B, heads * headDim],
			ints,
			invocations: B * heads * headDim,
			code: () => VALUES_CODE,
		});
		backend.disposeData(weights.dataId);
		return out;
	};
	return { [KERNEL]: kernel as unknown as tf.KernelFunc };
}

/** e^(score − the largest) / their sum, for each slot that a head of a row sees; what is behind them stays unwritten. */
const WEIGHTS_CODE = (lanes: number) => `	let D = uniforms.headDim;
	let head = row % uniforms.heads;
	let b = row / uniforms.heads;
	let seen = select(0, last[b] + 1, index < uniforms.count); // else two invocations would divide one row
	let query = (b * (uniforms.heads + 2 * uniforms.keyValueHeads) + head) * D;
	let key = (b * uniforms.slots * 2 * uniforms.keyValueHeads + head / (uniforms.heads / uniforms.keyValueHeads)) * D;
	let at = row * uniforms.slots;
	var top = -1e30;
	for (var s = lane; s < seen; s += ${lanes}) {
		var score = 0.0;
		for (var i = 0; i < D; i += 1) { score += qkv[query + i] * cache[key + s * 2 * uniforms.keyValueHeads * D + i]; }
		result[at + s] = score;
		top = max(top, score);
	}
	top = largest(top);
	var sum = 0.0;
	for (var s = lane; s < seen; s += ${lanes}) {
		let power = exp(result[at + s] - top);
		result[at + s] = power;
		sum += power;
	}
	sum = total(sum);
	for (var s = lane; s < seen; s += ${lanes}) { result[at + s] = result[at + s] / sum; }`;

const VALUES_CODE = `fn main(index : i32) {
	if (index >= uniforms.count) { return; }
	let D = uniforms.headDim;
	let row = index / D;
	let b = row / uniforms.heads;
	let group = row % uniforms.heads / (uniforms.heads / uniforms.keyValueHeads);
	let value = ((b * uniforms.slots * 2 + 1) * uniforms.keyValueHeads + group) * D + index % D;
	var sum = 0.0;
	for (var s = 0; s <= last[b]; s += 1) { sum += weights[row * uniforms.slots + s] * cache[value + s * 2 * uniforms.keyValueHeads * D]; }
	result[index] = sum;
}`;

export function cacheAttentionWasmKernels(lab: WasmModule): Record<string, tf.KernelFunc> {
	const kernel = ({ inputs: { qkv, cache, last }, backend, attrs }: WasmArguments<Inputs, HeadLayout>) => {
		const { heads, keyValueHeads, headDim } = attrs;
		const [B, S] = cache.shape as [number, number, number];
		const outside = backend.typedArrayFromHeap(last).find((slot) => slot < 0 || slot >= S); // the module would read other tensors
		if (outside !== undefined) throw new RangeError(`cacheAttention: there is no slot ${outside} in a cache of ${S}`);
		return compute(backend, [B, heads * headDim], (out, at) =>
			lab.run([{ kernel: 'cacheAttention', numbers: [out, at(qkv), at(cache), at(last), B, S, heads, keyValueHeads, headDim], room: S }]),
		);
	};
	return { [KERNEL]: kernel as unknown as tf.KernelFunc };
}
