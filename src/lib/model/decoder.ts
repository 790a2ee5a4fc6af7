import * as tf from '@tensorflow/tfjs-core';

import { frozenProduct } from './kernels/adaptedLinear';
import { type AttentionSpans, attentionSpans, causalAttention } from './kernels/causalAttention';
import { frozenColumns } from './kernels/frozenMatrix';
import { rmsNorm } from './kernels/rmsNorm';
import { rotateHeads } from './kernels/rotateHeads';
import { selectRows } from './kernels/selectRows';
import type { Lora } from './lora';
import { type Attention, cutByGroup, type LoraGroups, packedBlock } from './packedBlock';
import type { PackedTokens } from './packing';
import { recomputed } from './recompute';
import { type RotaryTable, rotaryTable } from './rope';
import type { Model } from './weights';

/** What one token a row goes through the layers with. */
export interface DecodeOptions {
	attention: Attention;
	/** [M] int32: the rows that are read, which may repeat; null reads all. */
	wanted?: tf.Tensor1D | null;
}

/**
 * The decoder over packed tokens: [N, D] after the final norm, or [M, D] for the `wanted` rows [M] int32 alone, which may repeat.
 * Differentiable in the adapter; `null` switches the adapter off.
 */
export function hiddenStates(model: Model, tokens: PackedTokens, lora: Lora | null, wanted: tf.Tensor1D | null = null): tf.Tensor2D {
	return tf.tidy(() => {
		const groups = groupsOf(model, lora);
		const block = blocksOver(model, tokens);
		const last = model.config.numHiddenLayers - 1;
		let x = embedded(model, tf.tensor1d(tokens.ids, 'int32'));
		for (let layer = 0; layer <= last; layer++) x = block(layer, x, groups, layer === last ? wanted : null);
		return finalNorm(model, x);
	});
}

/**
 * The residual stream after each of the blocks `layers` (counted from 0, rising), [M, D] of each at the `wanted` rows [M] int32, which may repeat.
 * Blocks behind the last of them are left out. Differentiable in the adapter; `null` switches the adapter off.
 */
export function residualStream(
	model: Model,
	tokens: PackedTokens,
	lora: Lora | null,
	wanted: tf.Tensor1D,
	layers: readonly number[],
): tf.Tensor2D[] {
	return tf.tidy(() => {
		const groups = groupsOf(model, lora);
		const block = blocksOver(model, tokens);
		const states: tf.Tensor2D[] = [];
		let x = embedded(model, tf.tensor1d(tokens.ids, 'int32'));
		for (let layer = 0; layer <= Math.max(...layers); layer++) {
			x = block(layer, x, groups, null);
			if (layers.includes(layer)) states.push(selectRows(x, wanted));
		}
		return states;
	});
}

/** One block over packed tokens, whose rows see those of their span before them; of a model that `recomputes` the gradient keeps the block's inputs alone. */
function blocksOver(model: Model, tokens: PackedTokens) {
	const spans = attentionSpans(tokens.spans);
	const angles = rotaryTable(model.config, tokens.positions, [1, tokens.ids.length]);
	return (layer: number, x: tf.Tensor2D, groups: LoraGroups | null, wanted: tf.Tensor1D | null): tf.Tensor2D => {
		if (!model.recomputes || !groups)
			return tf.tidy(() => packedBlock(model, layer, x, groups, { attention: attentionOver(spans, angles), wanted }));
		const names = Object.keys(groups[layer]!) as (keyof LoraGroups[number])[];
		const block = ([x, ...weights]: tf.Tensor[], read: tf.Tensor[]) => {
			const group = Object.fromEntries(names.map((name, i) => [name, { ...groups[layer]![name]!, weights: weights[i] as tf.Tensor1D }]));
			return packedBlock(model, layer, x as tf.Tensor2D, groups.with(layer, group), { attention: attentionFrom(spans, read), wanted });
		};
		return recomputed(block, [x, ...names.map((name) => groups[layer]![name]!.weights)], tensorsOf(spans, angles));
	};
}

const attentionOver =
	(spans: AttentionSpans, angles: RotaryTable): Attention =>
	(_, qkv, layout) =>
		causalAttention(rotateHeads(qkv, angles, layout), spans, layout);

const tensorsOf = ({ table, padded }: AttentionSpans, { cos, sin, turn }: RotaryTable): tf.Tensor[] => [
	...[cos, sin, turn, table],
	...(padded ? [padded.rows, padded.places, padded.mask] : []),
];

/** The attention whose tensors `tensorsOf` gave: the first ones are gone when a gradient is computed. */
function attentionFrom(spans: AttentionSpans, tensors: tf.Tensor[]): Attention {
	const [cos, sin, turn, table, rows, places, mask] = tensors as [tf.Tensor4D, tf.Tensor4D, tf.Tensor2D, tf.Tensor2D, tf.Tensor1D, tf.Tensor1D, tf.Tensor4D]; // prettier-ignore
	return attentionOver({ ...spans, table, padded: spans.padded && { ...spans.padded, rows, places, mask } }, { cos, sin, turn });
}

const groupsOf = ({ adapter }: Model, lora: Lora | null) => (lora ? cutByGroup(lora) : (adapter ?? null));

/** What the layers begin with, for tokens [N] int32: [N, D]. */
export function embedded({ weights }: Model, ids: tf.Tensor1D): tf.Tensor2D {
	return frozenColumns(weights.embedTokens, ids);
}

/** All blocks over embedded tokens, one a row: [N, D] after the final norm, or [M, D]; `attention` decides what the rows see. */
export function decodeRows(model: Model, tokens: tf.Tensor2D, { attention, wanted = null }: DecodeOptions): tf.Tensor2D {
	return tf.tidy(() => {
		const last = model.config.numHiddenLayers - 1;
		let x = tokens;
		for (let layer = 0; layer <= last; layer++)
			x = tf.tidy(() => packedBlock(model, layer, x, model.adapter ?? null, { attention, wanted: layer === last ? wanted : null }));
		return finalNorm(model, x);
	});
}

/** Scores over the vocabulary, [N, V], for hidden states [N, D]. */
export function logits(model: Model, hidden: tf.Tensor2D): tf.Tensor2D {
	return frozenProduct(hidden, model.weights.lmHead);
}

/** The norm behind the last block. */
export function finalNorm({ config, weights }: Model, x: tf.Tensor2D): tf.Tensor2D {
	return rmsNorm(x, weights.norm, config.rmsNormEps);
}
