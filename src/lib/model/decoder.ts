import * as tf from '@tensorflow/tfjs-core';

import { frozenProduct } from './kernels/adaptedLinear';
import { attentionSpans, causalAttention } from './kernels/causalAttention';
import { frozenRows } from './kernels/frozenMatrix';
import { rmsNorm } from './kernels/rmsNorm';
import type { Lora } from './lora';
import { type Attention, cutByGroup, packedBlock } from './packedBlock';
import type { PackedTokens } from './packing';
import { rotaryTable } from './rope';
import type { Model } from './weights';

/** What one token a row goes through the layers with. */
export interface DecodeOptions {
	/** Of each row's token in its own text. */
	positions: ArrayLike<number>;
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
		const spans = attentionSpans(tokens.spans);
		const { ids, positions } = tokens;
		return decodeRows(model, ids, { positions, lora, wanted, attention: (_, qkv, layout) => causalAttention(qkv, spans, layout) });
	});
}

/** All blocks over one token a row: [N, D] after the final norm, or [M, D]; `attention` decides what the rows see. */
export function decodeRows(
	model: Model,
	ids: ArrayLike<number>,
	{ positions, attention, lora = null, wanted = null }: DecodeOptions,
): tf.Tensor2D {
	return tf.tidy(() => {
		const angles = rotaryTable(model.config, positions, [1, ids.length]);
		const groups = lora ? cutByGroup(lora) : (model.adapter ?? null);
		const last = model.config.numHiddenLayers - 1;
		let x = frozenRows(model.weights.embedTokens, tf.tensor1d(Int32Array.from(ids), 'int32'));
		for (let layer = 0; layer <= last; layer++)
			x = tf.tidy(() => packedBlock(model, layer, x, groups, { angles, attention, wanted: layer === last ? wanted : null }));
		return finalNorm(model, x);
	});
}

/** Scores over the vocabulary, [N, V], for hidden states [N, D]. */
export function logits(model: Model, hidden: tf.Tensor2D): tf.Tensor2D {
	return frozenProduct(hidden, model.weights.lmHead);
}

function finalNorm({ config, weights }: Model, x: tf.Tensor2D): tf.Tensor2D {
	return rmsNorm(x, weights.norm, config.rmsNormEps);
}
