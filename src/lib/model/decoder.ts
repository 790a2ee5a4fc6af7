import * as tf from '@tensorflow/tfjs-core';

import { frozenProduct } from './kernels/adaptedLinear';
import { attentionSpans, causalAttention } from './kernels/causalAttention';
import { frozenColumns } from './kernels/frozenMatrix';
import { rmsNorm } from './kernels/rmsNorm';
import { rotateHeads } from './kernels/rotateHeads';
import { selectRows } from './kernels/selectRows';
import type { Lora } from './lora';
import { type Attention, cutByGroup, packedBlock } from './packedBlock';
import type { PackedTokens } from './packing';
import { rotaryTable } from './rope';
import type { Model } from './weights';

/** What one token a row goes through the layers with. */
export interface DecodeOptions {
	attention: Attention;
	lora?: Lora | null;
	/** [M] int32: the rows that are read, which may repeat; null reads all. */
	wanted?: tf.Tensor1D | null;
}

/**
 * The decoder over packed tokens: [N, D] after the final norm, or [M, D] for the `wanted` rows [M] int32 alone, which may repeat.
 * Differentiable in the adapter; `null` switches the adapter off.
 */
export function hiddenStates(model: Model, tokens: PackedTokens, lora: Lora | null, wanted: tf.Tensor1D | null = null): tf.Tensor2D {
	return tf.tidy(() => {
		const attention = packedAttention(model, tokens);
		return decodeRows(model, embedded(model, tf.tensor1d(tokens.ids, 'int32')), { attention, lora, wanted });
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
		const attention = packedAttention(model, tokens);
		const groups = groupsOf(model, lora);
		const states: tf.Tensor2D[] = [];
		let x = embedded(model, tf.tensor1d(tokens.ids, 'int32'));
		for (let layer = 0; layer <= Math.max(...layers); layer++) {
			x = tf.tidy(() => packedBlock(model, layer, x, groups, { attention, wanted: null }));
			if (layers.includes(layer)) states.push(selectRows(x, wanted));
		}
		return states;
	});
}

/** What the rows of packed tokens see: those of their span before them. */
function packedAttention({ config }: Model, tokens: PackedTokens): Attention {
	const spans = attentionSpans(tokens.spans);
	const angles = rotaryTable(config, tokens.positions, [1, tokens.ids.length]);
	return (_, qkv, layout) => causalAttention(rotateHeads(qkv, angles, layout), spans, layout);
}

const groupsOf = ({ adapter }: Model, lora: Lora | null) => (lora ? cutByGroup(lora) : (adapter ?? null));

/** What the layers begin with, for tokens [N] int32: [N, D]. */
export function embedded({ weights }: Model, ids: tf.Tensor1D): tf.Tensor2D {
	return frozenColumns(weights.embedTokens, ids);
}

/** All blocks over embedded tokens, one a row: [N, D] after the final norm, or [M, D]; `attention` decides what the rows see. */
export function decodeRows(model: Model, tokens: tf.Tensor2D, { attention, lora = null, wanted = null }: DecodeOptions): tf.Tensor2D {
	return tf.tidy(() => {
		const groups = groupsOf(model, lora);
		const last = model.config.numHiddenLayers - 1;
		let x = tokens;
		for (let layer = 0; layer <= last; layer++)
			x = tf.tidy(() => packedBlock(model, layer, x, groups, { attention, wanted: layer === last ? wanted : null }));
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
