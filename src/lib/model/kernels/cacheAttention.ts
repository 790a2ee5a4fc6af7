import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

import { attend, slotMask } from '../attention';
import type { RotaryTable } from '../rope';
import { writeCache } from './cacheWrite';
import { hasKernel, type KernelArguments, launch, rowProgram, runKernel } from './launch';
import type { Progress } from './progress';
import { type HeadLayout, rotateHeads } from './rotateHeads';
import { compute, type WasmArguments, type WasmModule } from './wasmModule';

const KERNEL = 'ConscienceLabCacheAttention';

/** Where in its cache each row's last written token belongs. */
export interface CachePlaces {
	/** It belongs into the slot behind the row's tokens before it. */
	progress: Progress;
	/** Angles of all slots, [1, slots, 1, headDim]. */
	angles: RotaryTable;
	/** Of the rows, as `progress` has them, and their angles: for the composed operations; null where a kernel does the work. */
	composed: { slots: readonly number[]; angles: RotaryTable } | null;
}

/** Whether `cacheAttention` finds its way by `progress` alone, so that a step is the same for every token. */
export function readsProgress(): boolean {
	return hasKernel(KERNEL);
}

/**
 * softmax(q·Kᵀ)·V, grouped, of one token for each row: `qkv` [B, (H + 2·KV)·headDim], which is turned, over all slots of the row's part of
 * `cache` [B, S, 2·KV·headDim], keys before values, up to its own, into which its key and value are put first: [B, H·headDim].
 */
export function cacheAttention(qkv: tf.Tensor2D, cache: tf.Tensor3D, places: CachePlaces, layout: HeadLayout): tf.Tensor2D {
	const { progress, angles, composed } = places;
	if (!composed) return runKernel(KERNEL, { qkv, cache, progress, cos: angles.cos, sin: angles.sin }, layout) as tf.Tensor2D;
	const { heads: H, keyValueHeads: KV, headDim } = layout;
	const [B, S] = cache.shape;
	const turned = rotateHeads(qkv, composed.angles, layout);
	writeCache(cache, turned, tf.tensor1d(Int32Array.from(composed.slots, (slot, row) => row * S + slot))); // prettier-ignore
	const q = tf.reshape<tf.Rank.R3>(tf.slice(turned, [0, 0], [B, H * headDim]), [B * KV, H / KV, headDim]);
	const byHead = tf.transpose(tf.reshape(cache, [B, S, 2, KV, headDim]), [2, 0, 3, 1, 4]);
	const [keys, values] = tf.split(tf.reshape<tf.Rank.R3>(byHead, [2 * B * KV, S, headDim]), 2) as [tf.Tensor3D, tf.Tensor3D];
	return tf.reshape(attend(q, keys, values, slotMask(composed.slots, S)), [B, H * headDim]);
}

type Inputs = 'qkv' | 'cache' | 'progress' | 'cos' | 'sin';

/** The kernels, with `lanes` invocations a row of the softmax. */
export function cacheAttentionKernels(lanes: number): Record<string, tf.KernelFunc> {
	const kernel = ({ inputs: { qkv, cache, progress, cos, sin }, backend, attrs }: KernelArguments<Inputs, HeadLayout>) => {
		const { heads, keyValueHeads, headDim } = attrs;
		const [B, S] = cache.shape as [number, number, number];
		const ints = { slots: S, heads, keyValueHeads, progressWidth: progress.shape[1]! };
		launch(backend, {
			key: `cacheKeep_${headDim}`,
			inputs: { qkv, progress, cos, sin },
			shape: cache.shape,
			into: cache,
			ints,
			invocations: B * 2 * keyValueHeads * headDim,
			code: () => KEEP_CODE(headDim),
		});
		const weights = launch(backend, {
			key: `cacheWeights_${lanes}_${headDim}`,
			inputs: { qkv, cache, progress, cos, sin },
			shape: [B, heads, S],
			ints,
			floats: { scale: 1 / Math.sqrt(headDim) },
			invocations: B * heads * lanes,
			workgroup: lanes === 1 ? 32 : lanes,
			code: () => rowProgram(lanes, WEIGHTS_CODE(lanes, headDim)),
		});
		const out = launch(backend, {
			key: `cacheValues_${headDim}`,
			inputs: { weights, cache, progress },
			shape: [B, heads * headDim],
			ints,
			invocations: B * heads * headDim,
			code: () => VALUES_CODE(headDim),
		});
		backend.disposeData(weights.dataId);
		return out;
	};
	return { [KERNEL]: kernel as unknown as tf.KernelFunc };
}

/** The slot of row b's last written token. */
const SLOT = 'progress[b * uniforms.progressWidth] + progress[b * uniforms.progressWidth + 1] - 1';

/** Puts the keys, turned, and the values into their slots. */
const KEEP_CODE = (D: number) => `fn main(index : i32) {
	if (index >= uniforms.count) { return; }
	let width = 2 * uniforms.keyValueHeads * ${D};
	let b = index / width;
	let column = index % width;
	let slot = ${SLOT};
	let at = (b * (uniforms.heads + 2 * uniforms.keyValueHeads) + uniforms.heads) * ${D} + column;
	var value = qkv[at];
	if (column < width / 2) {
		let i = column % ${D};
		let isFirst = i < ${D / 2};
		let partner = select(1.0, -1.0, isFirst) * qkv[at + select(-${D / 2}, ${D / 2}, isFirst)];
		value = value * cos[slot * ${D} + i] + partner * sin[slot * ${D} + i];
	}
	result[(b * uniforms.slots + slot) * width + column] = value;
}`;

/** e^(score − the largest) / their sum, for each slot that a head of a row sees; what is behind them stays unwritten. */
const WEIGHTS_CODE = (lanes: number, D: number) => `	let head = row % uniforms.heads;
	let b = row / uniforms.heads;
	let slot = ${SLOT};
	let seen = select(0, slot + 1, index < uniforms.count); // else two invocations would divide one row
	let query = (b * (uniforms.heads + 2 * uniforms.keyValueHeads) + head) * ${D};
	let key = (b * uniforms.slots * 2 * uniforms.keyValueHeads + head / (uniforms.heads / uniforms.keyValueHeads)) * ${D};
	let at = row * uniforms.slots;
	var turned : array<f32, ${D}>;
	for (var i = 0; i < ${D / 2}; i++) {
		let angle = slot * ${D} + i;
		turned[i] = (qkv[query + i] * cos[angle] - qkv[query + i + ${D / 2}] * sin[angle]) * uniforms.scale;
		turned[i + ${D / 2}] = (qkv[query + i + ${D / 2}] * cos[angle + ${D / 2}] + qkv[query + i] * sin[angle + ${D / 2}]) * uniforms.scale;
	}
	var top = -1e30;
	for (var s = lane; s < seen; s += ${lanes}) {
		var score = 0.0;
		for (var i = 0; i < ${D}; i++) { score += turned[i] * cache[key + s * 2 * uniforms.keyValueHeads * ${D} + i]; }
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

const VALUES_CODE = (D: number) => `fn main(index : i32) {
	if (index >= uniforms.count) { return; }
	let row = index / ${D};
	let b = row / uniforms.heads;
	let slot = ${SLOT};
	let group = row % uniforms.heads / (uniforms.heads / uniforms.keyValueHeads);
	let value = ((b * uniforms.slots * 2 + 1) * uniforms.keyValueHeads + group) * ${D} + index % ${D};
	var sum = 0.0;
	for (var s = 0; s <= slot; s++) { sum += weights[row * uniforms.slots + s] * cache[value + s * 2 * uniforms.keyValueHeads * ${D}]; }
	result[index] = sum;
}`;

/** Of rows that `progress` sends to a slot outside the cache the module would write into other tensors. @throws RangeError for one */
export function checkSlots(backend: BackendWasm, progress: tf.TensorInfo, slots: number): void {
	const [B, width] = progress.shape as [number, number];
	const numbers = backend.typedArrayFromHeap(progress);
	for (let row = 0; row < B; row++) {
		const slot = numbers[row * width]! + numbers[row * width + 1]! - 1;
		if (slot < 0 || slot >= slots) throw new RangeError(`cacheAttention: there is no slot ${slot} in a cache of ${slots}`);
	}
}

export function cacheAttentionWasmKernels(lab: WasmModule): Record<string, tf.KernelFunc> {
	const kernel = ({ inputs: { qkv, cache, progress, cos, sin }, backend, attrs }: WasmArguments<Inputs, HeadLayout>) => {
		const { heads, keyValueHeads, headDim } = attrs;
		const [B, S] = cache.shape as [number, number, number];
		checkSlots(backend, progress, S);
		const sizes = [B, S, heads, keyValueHeads, headDim, 1 / Math.sqrt(headDim)];
		return compute(backend, [B, heads * headDim], (out, at) =>
			lab.run([
				{
					kernel: 'cacheAttention',
					numbers: [out, at(qkv), at(cache), at(progress), progress.shape[1]!, at(cos), at(sin), ...sizes],
					room: (heads + 2 * keyValueHeads) * headDim + S,
				},
			]),
		);
	};
	return { [KERNEL]: kernel as unknown as tf.KernelFunc };
}
