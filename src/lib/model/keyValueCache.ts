import * as tf from '@tensorflow/tfjs-core';

import { attend, slotMask } from './attention';
import { bucketLength } from './batch';
import { anglesAt, decode, logits } from './decoder';
import { writeSlot } from './kernels/cacheWrite';
import { readPrompts, type KeysValues } from './readPrompts';
import type { Model } from './weights';

/**
 * The keys and values of what a batch of sequences has said, in slots: the prompts, padded on the right, take 0 to
 * `promptSlots` − 1, and generated tokens follow, so that all rows write to the same slot whatever their prompts' lengths.
 */
export interface KeyValueCache {
	layers: KeysValues[]; // S slots each
	promptLengths: number[]; // [B]
	promptSlots: number;
	/** Slots that hold a generated token. */
	generated: number;
	slots: number;
}

/** How many slots a cache has for prompts of up to `longest` tokens and `room` more. */
export function cacheSlots(longest: number, room: number): number {
	return bucketLength(bucketLength(longest) + room);
}

/** Runs the prompts through the model and fills a cache with room for `room` more tokens; gives the logits after each prompt, [B, V]. */
export function prefill(model: Model, prompts: number[][], room: number): { cache: KeyValueCache; scores: tf.Tensor2D } {
	const layers: KeysValues[] = [];
	const promptLengths = prompts.map((prompt) => prompt.length);
	const longest = Math.max(...promptLengths);
	const promptSlots = bucketLength(longest);
	const slots = cacheSlots(longest, room);
	const widen = (x: tf.Tensor3D) =>
		tf.keep(
			tf.pad(x, [
				[0, 0],
				[0, slots - promptSlots],
				[0, 0],
			]),
		);
	const keep = (_: number, { keys, values }: KeysValues) => layers.push({ keys: widen(keys), values: widen(values) });
	const scores = tf.tidy(() => logits(model, readPrompts(model, prompts, { keep })));
	return { cache: { layers, promptLengths, promptSlots, generated: 0, slots }, scores };
}

/** Gives each row its next token: writes its keys and values in place, and returns the logits after it, [B, V]. */
export function extend(model: Model, cache: KeyValueCache, tokens: number[]): tf.Tensor2D {
	const { layers, promptLengths, promptSlots, generated, slots } = cache;
	const B = promptLengths.length;
	const slot = promptSlots + generated;
	if (slot >= slots) throw new RangeError(`the cache has ${slots} slots and all are taken; ask prefill for more room`);
	const scores = tf.tidy(() => {
		const mask = slotMask(promptLengths, promptSlots, slot + 1, slots);
		const angles = anglesAt(
			model,
			promptLengths.map((length) => length + generated),
			[B, 1],
		);
		const hidden = decode(model, tf.tensor2d(tokens, [B, 1], 'int32'), null, angles, (layer, q, k, v) => {
			const { keys, values } = layers[layer]!;
			writeSlot(keys, k, slot);
			writeSlot(values, v, slot);
			return attend(q, keys, values, mask);
		});
		return logits(model, hidden);
	});
	cache.generated++;
	return scores;
}

/** The cache of some of its rows; the one given is used up. */
export function takeRows(cache: KeyValueCache, rows: number[]): KeyValueCache {
	const B = cache.promptLengths.length;
	const take = (x: tf.Tensor3D) =>
		tf.tidy(() => {
			const [BKV, S, headDim] = x.shape;
			const picked = tf.gather(tf.reshape(x, [B, (BKV / B) * S * headDim]), tf.tensor1d(rows, 'int32'));
			return tf.reshape<tf.Rank.R3>(picked, [(BKV / B) * rows.length, S, headDim]);
		});
	const layers = cache.layers.map(({ keys, values }) => ({ keys: take(keys), values: take(values) }));
	disposeCache(cache);
	return { ...cache, layers, promptLengths: rows.map((row) => cache.promptLengths[row]!) };
}

export function disposeCache(cache: KeyValueCache): void {
	tf.dispose(cache.layers as unknown as tf.TensorContainer);
}
