import * as tf from '@tensorflow/tfjs-core';

import type { Model } from '$lib/model/weights';

import { completionLogps } from './logps';
import { disposeBatch, makeBatch, type TokenSequence } from './sequences';

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

/** Both completions of each pair as sequences: all chosen first, then all rejected, so that one pass serves both. */
export function pairSequences(pairs: readonly TokenPair[]): TokenSequence[] {
	return [
		...pairs.map(({ prompt, chosen }) => ({ prompt, completion: chosen })),
		...pairs.map(({ prompt, rejected }) => ({ prompt, completion: rejected })),
	];
}

/** The pairs with log π_ref of both completions. The reference is the base: the same weights with the adapter off. */
export async function withReference(model: Model, pairs: readonly TokenPair[], padTokenId: number): Promise<ReferencedPair[]> {
	if (pairs.length === 0) return [];
	const batch = makeBatch(pairSequences(pairs), padTokenId, model.config.maxPositionEmbeddings);
	const logps = tf.tidy(() => completionLogps(model, null, batch)); // [2P]
	const values = await logps.data();
	tf.dispose(logps);
	disposeBatch(batch);
	return pairs.map((pair, i) => ({ ...pair, reference: { chosen: values[i]!, rejected: values[pairs.length + i]! } }));
}
