/** The decoder by its definition: one sequence, unpacked, through tfjs's own operations. What the packed blocks are measured against. */
import * as tf from '@tensorflow/tfjs-core';

import type { Projection } from '$lib/model/config';
import { frozenColumns, thaw } from '$lib/model/kernels/frozenMatrix';
import { loraPairs, type Lora } from '$lib/model/lora';
import { rotaryTable, rotate } from '$lib/model/rope';
import type { Model } from '$lib/model/weights';

/** [T, D] after the final norm for `ids` [T]; differentiable in the adapter. */
export function composedHiddenStates(model: Model, ids: readonly number[], lora: Lora | null): tf.Tensor2D {
	const { weights, config } = model;
	const pairs = lora && loraPairs(lora);
	const T = ids.length;
	const angles = rotaryTable(config, [...Array(T).keys()], [1, T]);
	const future = tf.tensor2d(
		Float32Array.from({ length: T * T }, (_, i) => (i % T > Math.floor(i / T) ? -1e9 : 0)),
		[T, T],
	);
	const norm = <X extends tf.Tensor>(x: X, weight: tf.Tensor1D): X =>
		tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), config.rmsNormEps))), weight);
	let x = frozenColumns(weights.embedTokens, tf.tensor1d([...ids], 'int32'));
	weights.layers.forEach((layer, index) => {
		/** y = x·W (+ b) (+ s·(x·Aᵀ)·Bᵀ) */
		const linear = (input: tf.Tensor2D, name: Projection): tf.Tensor2D => {
			const bias = layer.biases[name];
			const pair = pairs?.[index]?.[name];
			let y: tf.Tensor2D = tf.matMul(input, thaw(layer.kernels[name]));
			if (bias) y = tf.add(y, bias);
			if (!pair) return y;
			return tf.add(y, tf.mul(tf.matMul(tf.matMul(input, pair.loraA, false, true), pair.loraB, false, true), pair.scale));
		};
		/** [T, n·headDim] → [n, T, headDim] */
		const heads = (y: tf.Tensor2D, weight: tf.Tensor1D | null, isTurned: boolean): tf.Tensor3D => {
			const split = tf.reshape<tf.Rank.R4>(y, [1, T, -1, config.headDim]);
			const normed = weight ? norm(split, weight) : split;
			return tf.transpose(tf.squeeze<tf.Tensor3D>(isTurned ? rotate(normed, angles) : normed, [0]), [1, 0, 2]);
		};
		const group = config.numAttentionHeads / config.numKeyValueHeads;
		const repeat = (y: tf.Tensor3D) =>
			tf.concat(
				Array.from({ length: config.numAttentionHeads }, (_, h) => tf.slice(y, [Math.floor(h / group), 0, 0], [1, T, config.headDim])),
			);
		const h = norm(x, layer.inputLayernorm);
		const q = heads(linear(h, 'q_proj'), layer.qNorm, true);
		const k = repeat(heads(linear(h, 'k_proj'), layer.kNorm, true));
		const v = repeat(heads(linear(h, 'v_proj'), null, false));
		const scores = tf.add(tf.div(tf.matMul(q, k, false, true), Math.sqrt(config.headDim)), future); // [H, T, T]
		const attended = tf.reshape<tf.Rank.R2>(tf.transpose(tf.matMul(tf.softmax(scores), v), [1, 0, 2]), [T, -1]);
		const residual: tf.Tensor2D = tf.add(x, linear(attended, 'o_proj'));
		const m = norm(residual, layer.postAttentionLayernorm);
		const gate = linear(m, 'gate_proj');
		x = tf.add(residual, linear(tf.mul(tf.mul(gate, tf.sigmoid(gate)), linear(m, 'up_proj')), 'down_proj'));
	});
	return norm(x, weights.norm);
}
