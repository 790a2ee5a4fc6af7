import * as tf from '@tensorflow/tfjs-core';

import { attend, causalMask, slotMask } from './attention';
import { LENGTH_STEP, padRight } from './batch';
import { anglesAt, block, embed, finalNorm, type Attend, type Stream } from './decoder';
import type { Model } from './weights';

/** What one layer remembers of the tokens that it has read: each [B·KV, tokens, headDim]. */
export interface KeysValues {
	keys: tf.Tensor3D;
	values: tf.Tensor3D;
}

/** The beginning that several prompts share, read once. */
export interface Prefix {
	length: number;
	layers: KeysValues[]; // of one row
}

interface ReadOptions {
	/** What all prompts begin with; only the rest of them is read. */
	prefix?: Prefix | null;
	/** Is shown every layer's keys and values, padding included. */
	keep?: (layer: number, read: KeysValues) => void;
}

/**
 * The hidden state of each prompt's last token, [B, D] after the final norm: all that the next token depends on.
 * So the last block runs for those tokens only, against the keys and values of all; no adapter (merge it first).
 */
export function readPrompts(model: Model, prompts: number[][], { prefix, keep }: ReadOptions = {}): tf.Tensor2D {
	return tf.tidy(() => {
		const before = prefix?.length ?? 0;
		const ids = padRight(prompts.map((prompt) => prompt.slice(before)));
		const [B, T] = ids.shape;
		const lengths = prompts.map((prompt) => prompt.length);
		const attendWith =
			(mask: tf.Tensor4D): Attend =>
			(layer, q, keys, values) => {
				keep?.(layer, { keys, values });
				const common = prefix?.layers[layer];
				if (!common) return attend(q, keys, values, mask);
				return attend(q, tf.concat([repeatRow(common.keys, B), keys], 1), tf.concat([repeatRow(common.values, B), values], 1), mask);
			};
		const positions = Array.from({ length: T }, (_, t) => before + t);
		const all: Stream = { x: embed(model, ids), shape: [B, T], angles: anglesAt(model, positions, [1, T]) };
		const causal = attendWith(causalMask(T, before));
		const final = model.config.numHiddenLayers - 1;
		for (let layer = 0; layer < final; layer++) all.x = tf.tidy(() => block(model, layer, all, all, null, causal));

		const lastRows = Int32Array.from(lengths, (length, row) => row * T + length - before - 1);
		const last: Stream = {
			x: tf.gather(all.x, tf.tensor1d(lastRows, 'int32')),
			shape: [B, 1],
			angles: anglesAt(
				model,
				lengths.map((length) => length - 1),
				[B, 1],
			),
		};
		const S = before + T;
		return finalNorm(model, block(model, final, last, all, null, attendWith(slotMask(lengths, S, S, S))));
	});
}

/** Reads what all prompts begin with, if that is long enough to gain by it; free it with `disposePrefix`. */
export function readCommonPrefix(model: Model, prompts: number[][]): Prefix | null {
	const length = commonLength(prompts);
	if (prompts.length < 2 || length === 0) return null;
	const layers: KeysValues[] = [];
	readPrompts(model, [prompts[0]!.slice(0, length)], {
		keep: (_, { keys, values }) => layers.push({ keys: tf.keep(keys), values: tf.keep(values) }),
	}).dispose();
	return { length, layers };
}

export function disposePrefix(prefix: Prefix | null): void {
	if (prefix) tf.dispose(prefix.layers as unknown as tf.TensorContainer);
}

/** How many tokens all prompts share at their start: a bucket's length, and not the whole of any prompt, whose last token has to be read. */
function commonLength(prompts: number[][]): number {
	const [first, ...others] = prompts;
	if (!first) return 0;
	let length = first.length - 1;
	for (const prompt of others) {
		length = Math.min(length, prompt.length - 1);
		const differs = prompt.findIndex((id, i) => id !== first[i]);
		if (differs >= 0) length = Math.min(length, differs);
	}
	return Math.floor(length / LENGTH_STEP) * LENGTH_STEP;
}

/** [KV, S, headDim] → [B·KV, S, headDim]; by gather, which is a copy of whole rows on every backend. */
function repeatRow(x: tf.Tensor3D, B: number): tf.Tensor3D {
	const KV = x.shape[0];
	return tf.gather(
		x,
		tf.tensor1d(
			Int32Array.from({ length: B * KV }, (_, i) => i % KV),
			'int32',
		),
	);
}
