import * as tf from '@tensorflow/tfjs-core';

import { bucketLength, bucketRows } from './batch';
import { decodeRows, embedded, finalNorm, logits } from './decoder';
import { cacheAttention, type CachePlaces, readsProgress } from './kernels/cacheAttention';
import { NOWHERE, writeCache } from './kernels/cacheWrite';
import { canDecodeBlocks, decodeBlocks } from './kernels/decodeBlocks';
import { lastWritten, type Progress, startProgress } from './kernels/progress';
import { readPrompts } from './readPrompts';
import { rotaryTable, type RotaryTable } from './rope';
import type { Model } from './weights';

/** The keys and values of what a batch of sequences has said: the token at position p of a row lies in its slot p. */
export interface KeyValueCache {
	/** Of each layer [B, slots, 2·KV·headDim], keys before values. */
	layers: tf.Tensor3D[];
	slots: number;
	/** Angles of all slots. */
	angles: RotaryTable;
	/** Tokens of each row's prompt. */
	lengths: readonly number[]; // [B]
	progress: Progress;
}

/** How many slots a cache has for prompts of up to `longest` tokens and `room` more. */
export function cacheSlots(longest: number, room: number): number {
	return bucketLength(longest + room);
}

/** What the next token of each row is drawn from. */
export interface Ahead {
	/** [B, D] after the final norm. */
	hidden: tf.Tensor2D;
	/** Logits, [B, V]. */
	scores: tf.Tensor2D;
}

/** Runs the prompts through the model and fills a cache with room for `room` more tokens; gives what comes after each prompt. */
export function prefill(model: Model, prompts: number[][], room: number): Ahead & { cache: KeyValueCache } {
	const { numHiddenLayers, numKeyValueHeads, headDim } = model.config;
	const lengths = prompts.map((prompt) => prompt.length);
	const slots = cacheSlots(Math.max(...lengths), room);
	const zeros = () => tf.zeros<tf.Rank.R3>([prompts.length, slots, 2 * numKeyValueHeads * headDim]);
	const cache = {
		layers: Array.from({ length: numHiddenLayers }, zeros),
		slots,
		angles: rotaryTable(model.config, [...Array(slots).keys()], [1, slots]),
		lengths,
		progress: startProgress(lengths, room),
	};
	const ahead = tf.tidy(() => {
		const places = tf.tensor1d(slotsOf(lengths, slots));
		return scored(
			model,
			readPrompts(model, prompts, (layer, qkv) => writeCache(cache.layers[layer]!, qkv, places)),
		);
	});
	return { cache, ...ahead };
}

/** The slot of each token of prompts that lie end to end; what fills up their rows is kept nowhere. */
function slotsOf(lengths: readonly number[], slots: number): Int32Array {
	const places = lengths.flatMap((length, row) => Array.from({ length }, (_, t) => row * slots + t));
	const padded = new Int32Array(bucketRows(places.length)).fill(NOWHERE);
	padded.set(places);
	return padded;
}

const scored = (model: Model, hidden: tf.Tensor2D) => ({ hidden, scores: logits(model, hidden) });

/**
 * Writes the keys and values of what each row has written last in place, and gives what comes after it. `written` is how many tokens
 * that makes, of which the composed operations ask; kernels know it from the cache's progress.
 */
export function extend(model: Model, cache: KeyValueCache, written: number): Ahead {
	const { layers, progress, angles } = cache;
	return tf.tidy(() => {
		const x = embedded(model, lastWritten(progress));
		if (canDecodeBlocks(model)) return scored(model, finalNorm(model, decodeBlocks(model, x, layers, { progress, angles })));
		const composed = readsProgress() ? null : composedPlaces(model, cache, written);
		const hidden = decodeRows(model, x, {
			attention: (layer, qkv, layout) => cacheAttention(qkv, layers[layer]!, { progress, angles, composed }, layout),
		});
		return scored(model, hidden);
	});
}

function composedPlaces({ config }: Model, { lengths }: KeyValueCache, written: number): CachePlaces['composed'] {
	const slots = lengths.map((length) => length + written - 1);
	return { slots, angles: rotaryTable(config, slots, [1, slots.length]) };
}

/** The cache of some of its rows; the one given is used up. */
export function takeRows(cache: KeyValueCache, rows: readonly number[]): KeyValueCache {
	const { layers, progress, lengths } = cache;
	const taken = tf.tidy(() => {
		const wanted = tf.tensor1d([...rows], 'int32');
		return { layers: layers.map((layer) => tf.gather(layer, wanted)), progress: tf.gather(progress, wanted) };
	});
	tf.dispose([layers, progress]);
	return { ...cache, ...taken, lengths: rows.map((row) => lengths[row]!) };
}

export function disposeCache({ layers, progress, angles }: KeyValueCache): void {
	tf.dispose([...layers, progress, angles.cos, angles.sin, angles.turn]);
}
