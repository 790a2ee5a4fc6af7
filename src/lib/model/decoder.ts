import * as tf from '@tensorflow/tfjs-core';

import type { Projection } from './config';
import { attentionSpans } from './kernels/causalAttention';
import { rmsNorm } from './kernels/rmsNorm';
import { loraPairs, project, type Lora, type LoraPairs } from './lora';
import { cutByGroup, packedBlock } from './packedBlock';
import type { PackedTokens } from './packing';
import { rotaryTable, rotate, type RotaryTable } from './rope';
import type { Model } from './weights';

/** How a layer's queries [B·KV, G·Tq, headDim] meet its keys and values [B·KV, Tk, headDim]: within the sequences, or over a cache. */
export type Attend = (layer: number, q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D) => tf.Tensor3D;

/** The angles by which queries (with 1/√headDim in them) and keys are turned. */
export interface Angles {
	queries: RotaryTable;
	keys: RotaryTable;
}

/** Tokens on their way through the stack. */
export interface Stream {
	x: tf.Tensor2D; // [B·T, D]
	shape: [B: number, T: number];
	angles: Angles;
}

/** The angles of tokens at `positions`, laid out as [batch, time]; either axis may be 1 and broadcast. */
export function anglesAt({ config }: Model, positions: ArrayLike<number>, shape: [number, number]): Angles {
	return {
		queries: rotaryTable(config, positions, shape, 1 / Math.sqrt(config.headDim)),
		keys: rotaryTable(config, positions, shape),
	};
}

/**
 * The decoder over packed tokens: [N, D] after the final norm, or [M, D] for the `wanted` rows [M] int32 alone, which may repeat.
 * Differentiable in the adapter; `null` switches the adapter off.
 */
export function hiddenStates(model: Model, tokens: PackedTokens, lora: Lora | null, wanted: tf.Tensor1D | null = null): tf.Tensor2D {
	return tf.tidy(() => {
		const angles = rotaryTable(model.config, tokens.positions, [1, tokens.ids.length]);
		const spans = attentionSpans(tokens.spans);
		const groups = lora && cutByGroup(lora);
		const last = model.config.numHiddenLayers - 1;
		let x = embed(model, tf.tensor1d(tokens.ids, 'int32'));
		for (let layer = 0; layer <= last; layer++)
			x = tf.tidy(() => packedBlock(model, layer, x, groups, { angles, spans, wanted: layer === last ? wanted : null }));
		return finalNorm(model, x);
	});
}

/** Scores over the vocabulary, [N, V], for hidden states [N, D]. */
export function logits(model: Model, hidden: tf.Tensor2D): tf.Tensor2D {
	return tf.matMul(hidden, model.weights.lmHead);
}

/** The vectors that stand for `ids` at the bottom of the stack, [ids.size, D]. */
export function embed({ weights }: Model, ids: tf.Tensor): tf.Tensor2D {
	return tf.gather(weights.embedTokens, tf.reshape(ids, [ids.size]));
}

/** All blocks over `ids` [B, T], → [B·T, D] after the final norm; `attendLayer` decides what the queries see. */
export function decode(model: Model, ids: tf.Tensor2D, lora: Lora | null, angles: Angles, attendLayer: Attend): tf.Tensor2D {
	const stream: Stream = { x: embed(model, ids), shape: ids.shape, angles };
	const pairs = lora && loraPairs(lora);
	for (let layer = 0; layer < model.config.numHiddenLayers; layer++)
		stream.x = tf.tidy(() => block(model, layer, stream, stream, pairs, attendLayer)); // frees a layer's memory before the next one's
	return finalNorm(model, stream.x);
}

export function finalNorm({ config, weights }: Model, x: tf.Tensor2D): tf.Tensor2D {
	return rmsNorm(x, weights.norm, config.rmsNormEps);
}

/**
 * One pre-norm block: x + attention(norm(x)), then + SwiGLU(norm(…)); [B·T, D] → [B·T, D].
 * Queries come from `tokens`, keys and values from `source`: the same stream, or a longer one that ends in `tokens`.
 */
export function block(
	{ config, weights }: Model,
	index: number,
	tokens: Stream,
	source: Stream,
	lora: LoraPairs | null,
	attendLayer: Attend,
): tf.Tensor2D {
	const { numAttentionHeads: H, numKeyValueHeads: KV, headDim, rmsNormEps: eps } = config;
	const layer = weights.layers[index]!;
	const [B, T] = tokens.shape;
	const linear = (input: tf.Tensor2D, name: Projection) => project(input, layer, name, lora?.layers[index]?.[name], lora?.scale ?? 0);
	/** [B·T, heads·headDim] → [B, T, heads, headDim] */
	const split = (x: tf.Tensor2D, t: number): tf.Tensor4D => tf.reshape(x, [B, t, x.shape[1] / headDim, headDim]);
	const normed = (x: tf.Tensor4D, weight: tf.Tensor1D | null) => (weight ? rmsNorm(x, weight, eps) : x);

	const hq = rmsNorm(tokens.x, layer.inputLayernorm, eps);
	const hk = source === tokens ? hq : rmsNorm(source.x, layer.inputLayernorm, eps);
	const q = rotate(normed(split(linear(hq, 'q_proj'), T), layer.qNorm), tokens.angles.queries);
	const k = rotate(normed(split(linear(hk, 'k_proj'), source.shape[1]), layer.kNorm), source.angles.keys);
	const v = split(linear(hk, 'v_proj'), source.shape[1]);
	const attended = attendLayer(index, headsFirst(q, B * KV), headsFirst(k, B * KV), headsFirst(v, B * KV)); // [B·KV, G·T, headDim]
	const joined = tf.transpose(tf.reshape(attended, [B, H, T, headDim]), [0, 2, 1, 3]);
	const residual: tf.Tensor2D = tf.add(tokens.x, linear(tf.reshape(joined, [B * T, H * headDim]), 'o_proj'));

	const m = rmsNorm(residual, layer.postAttentionLayernorm, eps);
	const gate = linear(m, 'gate_proj'); // [B·T, F]
	const swiglu: tf.Tensor2D = tf.mul(tf.mul(gate, tf.sigmoid(gate)), linear(m, 'up_proj')); // silu(gate) ⊙ up, arXiv:2002.05202
	return tf.add(residual, linear(swiglu, 'down_proj'));
}

/** [B, T, heads, headDim] → [B·KV, (heads/KV)·T, headDim]: query head g of group kv is head kv·G + g, so folding is a reshape. */
function headsFirst(x: tf.Tensor4D, BKV: number): tf.Tensor3D {
	const [B, T, heads, headDim] = x.shape;
	return tf.reshape(T === 1 ? x : tf.transpose(x, [0, 2, 1, 3]), [BKV, ((B * heads) / BKV) * T, headDim]);
}
