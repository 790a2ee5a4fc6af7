import * as tf from '@tensorflow/tfjs-core';

import { bucketLength, bucketRows } from './batch';
import { decodeRows, logits } from './decoder';
import { cacheAttention, lastSlots } from './kernels/cacheAttention';
import { NOWHERE, writeCache } from './kernels/cacheWrite';
import { readPrompts } from './readPrompts';
import type { Model } from './weights';

/** The keys and values of what a batch of sequences has said: the token at position p of a row lies in its slot p. */
export interface KeyValueCache {
	/** Of each layer [B, slots, 2·KV·headDim], keys before values. */
	layers: tf.Tensor3D[];
	/** Slots of each row that are taken. */
	lengths: number[]; // [B]
	slots: number;
}

/** How many slots a cache has for prompts of up to `longest` tokens and `room` more. */
export function cacheSlots(longest: number, room: number): number {
	return bucketLength(longest + room);
}

/** Runs the prompts through the model and fills a cache with room for `room` more tokens; gives the logits after each prompt, [B, V]. */
export function prefill(model: Model, prompts: number[][], room: number): { cache: KeyValueCache; scores: tf.Tensor2D } {
	const { numHiddenLayers, numKeyValueHeads, headDim } = model.config;
	const lengths = prompts.map((prompt) => prompt.length);
	const slots = cacheSlots(Math.max(...lengths), room);
	const zeros = () => tf.zeros<tf.Rank.R3>([prompts.length, slots, 2 * numKeyValueHeads * headDim]);
	const cache = { layers: Array.from({ length: numHiddenLayers }, zeros), lengths, slots };
	const scores = tf.tidy(() => {
		const places = tf.tensor1d(slotsOf(lengths, slots));
		return logits(
			model,
			readPrompts(model, prompts, (layer, qkv) => writeCache(cache.layers[layer]!, qkv, places)),
		);
	});
	return { cache, scores };
}

/** The slot of each token of prompts that lie end to end; what fills up their rows is kept nowhere. */
function slotsOf(lengths: readonly number[], slots: number): Int32Array {
	const places = lengths.flatMap((length, row) => Array.from({ length }, (_, t) => row * slots + t));
	const padded = new Int32Array(bucketRows(places.length)).fill(NOWHERE);
	padded.set(places);
	return padded;
}

/**
 * Gives each row its next token: writes its keys and values in place, and returns the logits after it, [B, V].
 * @throws RangeError where a row has no slot left
 */
export function extend(model: Model, cache: KeyValueCache, tokens: number[]): tf.Tensor2D {
	const { layers, lengths, slots } = cache;
	if (lengths.some((length) => length >= slots))
		throw new RangeError(`the cache has ${slots} slots and all are taken; ask prefill for more room`);
	const scores = tf.tidy(() => {
		const last = lastSlots(lengths, slots);
		const places = tf.tensor1d(Int32Array.from(lengths, (length, row) => row * slots + length));
		const hidden = decodeRows(model, tokens, {
			positions: lengths,
			attention(layer, qkv, layout) {
				writeCache(layers[layer]!, qkv, places);
				return cacheAttention(qkv, layers[layer]!, last, layout);
			},
		});
		return logits(model, hidden);
	});
	cache.lengths = lengths.map((length) => length + 1);
	return scores;
}

/** The cache of some of its rows; the one given is used up. */
export function takeRows(cache: KeyValueCache, rows: number[]): KeyValueCache {
	const layers = tf.tidy(() => {
		const wanted = tf.tensor1d(rows, 'int32');
		return cache.layers.map((layer) => tf.gather(layer, wanted));
	});
	disposeCache(cache);
	return { ...cache, layers, lengths: rows.map((row) => cache.lengths[row]!) };
}

export function disposeCache(cache: KeyValueCache): void {
	tf.dispose(cache.layers);
}
