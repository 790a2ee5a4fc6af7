import * as tf from '@tensorflow/tfjs-core';

import type { Lora } from '$lib/model/lora';
import type { Model } from '$lib/model/weights';

import { completionLogps } from './logps';
import { disposeBatch, makeBatch, type SequenceBatch } from './sequences';

/** A preference as token ids: chosen ≻ rejected after one prompt. */
export interface TokenPair {
	id: string;
	prompt: readonly number[];
	chosen: readonly number[];
	rejected: readonly number[];
}

/** A pair with the reference's summed log-probs, computed once: the reference never changes. */
export interface ReferencedPair extends TokenPair {
	reference: { chosen: number; rejected: number };
}

/** Both completions of each pair behind one reading of its prompt: B goes over all chosen, then over all rejected. */
export function pairBatch(pairs: readonly TokenPair[], maxLength: number): SequenceBatch {
	return makeBatch(
		pairs.map(({ prompt, chosen, rejected }) => ({ prompt, completions: [chosen, rejected] })),
		maxLength,
	);
}

/** The pairs with log π_ref of both completions. The reference is the base, the same weights with the adapter off, or the policy with `lora` as it is. */
export async function withReference(model: Model, pairs: readonly TokenPair[], lora: Lora | null = null): Promise<ReferencedPair[]> {
	if (pairs.length === 0) return [];
	const batch = pairBatch(pairs, model.config.maxPositionEmbeddings);
	const logps = tf.tidy(() => completionLogps(model, lora, batch)); // [2P]
	const values = await logps.data();
	tf.dispose(logps);
	disposeBatch(batch);
	return pairs.map((pair, i) => ({ ...pair, reference: { chosen: values[i]!, rejected: values[pairs.length + i]! } }));
}
