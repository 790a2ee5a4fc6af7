import * as tf from '@tensorflow/tfjs-core';

import { disposeBatch, sequenceBatch, type TokenSequence } from '$lib/dpo/sequences';
import { hiddenStates, logits } from '$lib/model/decoder';
import { checkDevice } from '$lib/model/backend';
import { yieldToEvents } from '$lib/model/eventLoop';
import { tokenLogps } from '$lib/model/kernels/tokenLogps';
import type { Lora } from '$lib/model/lora';
import type { Model } from '$lib/model/weights';

import type { TaskRow } from './probes';

export type RowReading = Pick<TaskRow, 'tokens' | 'loss' | 'accuracy'>;

/** Rows in one pass: their tokens meet the whole vocabulary, which may be large. */
const ROWS = 8;

/**
 * How well a policy foretells completions that it is shown: −(1/T)·Σ_t log π(y_t | x, y_<t), and the share of t whose y_t is the
 * likeliest. Nothing is sampled.
 */
export async function readRows(
	model: Model,
	lora: Lora | null,
	sequences: readonly TokenSequence[],
	signal?: AbortSignal,
): Promise<RowReading[]> {
	const readings: RowReading[] = [];
	for (let start = 0; start < sequences.length; start += ROWS) {
		signal?.throwIfAborted();
		const chunk = sequences.slice(start, start + ROWS);
		const batch = sequenceBatch(chunk, model.config.maxPositionEmbeddings);
		const [logps, likeliest] = tf.tidy<[tf.Tensor1D, tf.Tensor]>(() => {
			const hidden = hiddenStates(model, batch.packed, lora, batch.rows); // [M, D]
			return [tokenLogps(hidden, model.weights.lmHead, batch.labels), tf.argMax(logits(model, hidden), 1)]; // [M] each
		});
		try {
			const [logpOf, tokenOf] = [await logps.data(), await likeliest.data()];
			checkDevice();
			let at = 0; // the completions lie end to end
			for (const { completion } of chunk) {
				const places = completion.map((token, t) => ({ token, at: at + t }));
				at += completion.length;
				const T = completion.length;
				readings.push({
					tokens: T,
					loss: -places.reduce((sum, { at }) => sum + logpOf[at]!, 0) / T,
					accuracy: places.filter(({ token, at }) => tokenOf[at] === token).length / T,
				});
			}
		} finally {
			tf.dispose([logps, likeliest]);
			disposeBatch(batch);
		}
		await yieldToEvents();
	}
	return readings;
}
