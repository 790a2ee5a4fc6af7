import * as tf from '@tensorflow/tfjs-core';

import { checkDevice } from './backend';
import { hiddenStates } from './decoder';
import { packTokens } from './packing';
import { unsteered } from './steering';
import type { Model } from './weights';

/** Texts that are read at once. */
const CHUNK = 32;

/**
 * One vector for each text, by which texts can be compared: h̄ = (1/T)·Σ_t h_t, the mean of the last hidden states (after the final norm) over
 * all of its tokens, in the base with adapter and steering off: [D] of each. @throws RangeError for a text without tokens
 */
export async function pooledStates(model: Model, texts: readonly (readonly number[])[]): Promise<Float32Array[]> {
	const empty = texts.findIndex(({ length }) => length === 0);
	if (empty >= 0) throw new RangeError(`pooledStates: text ${empty} has no tokens; expected at least one`);
	const { hiddenSize: D } = model.config;
	const found: Float32Array[] = [];
	for (let start = 0; start < texts.length; start += CHUNK) {
		const chunk = texts.slice(start, start + CHUNK);
		const means = tf.tidy(() => {
			const packed = packTokens(chunk.map((stem) => ({ stem, branches: [] })));
			const N = packed.ids.length;
			const shares = new Float32Array(chunk.length * N); // of each row in each text's mean
			chunk.forEach(({ length }, b) => {
				const { first } = packed.spans[b]!;
				shares.fill(1 / length, b * N + first, b * N + first + length);
			});
			return tf.matMul(tf.tensor2d(shares, [chunk.length, N]), hiddenStates(unsteered(model), packed, null)); // [B, D]
		});
		const values = (await means.data()) as Float32Array;
		means.dispose();
		checkDevice();
		chunk.forEach((_, b) => found.push(values.slice(b * D, (b + 1) * D)));
	}
	return found;
}
