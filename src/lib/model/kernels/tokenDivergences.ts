import * as tf from '@tensorflow/tfjs-core';

import { scoreRows } from '../batch';
import { frozenProduct, frozenProductGradient } from './adaptedLinear';
import type { FrozenMatrix } from './frozenMatrix';
import { releaseBuffers } from './launch';

/**
 * KL(p ‖ q) of each row over the whole vocabulary, in nats: Σ_v p(v)·(log p(v) − log q(v)) for p = softmax(frozen·head) and q = softmax(hidden·head);
 * `hidden` and `frozen` [N, D], `head` [D, V] → [N]. Differentiable in `hidden`: d KL / d scores = q − p. A chunk of rows at a time is computed,
 * and again for the gradient, so that the scores of a large vocabulary are never there as a whole.
 */
export function tokenDivergences(hidden: tf.Tensor2D, frozen: tf.Tensor2D, head: FrozenMatrix): tf.Tensor1D {
	const [N, V] = [hidden.shape[0], head.shape[1]];
	const size = scoreRows(N, V);
	const starts = Array.from({ length: Math.ceil(N / size) }, (_, i) => i * size);
	const rowsAt = <T extends tf.Tensor>(x: T, start: number): T =>
		starts.length === 1 ? x : tf.slice(x, [start, ...x.shape.slice(1).map(() => 0)], [size, ...x.shape.slice(1)]);
	const logps = (x: tf.Tensor2D, start: number, weights: FrozenMatrix) => logSoftmax(frozenProduct(rowsAt(x, start), weights));
	/** A chunk, of which no more than what it gives is there when the next one begins. */
	const oneByOne = <T extends tf.Tensor>(chunk: () => T): T => {
		const made = tf.tidy(chunk);
		if (starts.length > 1) releaseBuffers();
		return made;
	};
	const joined = <T extends tf.Tensor>(parts: T[]): T => (parts.length === 1 ? parts[0]! : tf.concat<T>(parts));

	const divergences = tf.customGrad((input, save) => {
		const x = input as tf.Tensor2D;
		const value = joined(
			starts.map((start) =>
				oneByOne(() => {
					const [logp, logq] = [logps(frozen, start, head), logps(x, start, head)];
					return tf.squeeze<tf.Tensor1D>(rowSums(tf.mul(tf.exp(logp), tf.sub(logp, logq))), [1]);
				}),
			),
		);
		(save as (tensors: tf.Tensor[]) => void)([x, frozen, head.stored]);
		const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
			const [rows, base, stored] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
			const weights = { ...head, stored };
			return joined(
				starts.map((start) =>
					oneByOne(() => {
						const apart = tf.sub(tf.exp(logps(rows, start, weights)), tf.exp(logps(base, start, weights)));
						return frozenProductGradient(tf.mul(apart, tf.expandDims(rowsAt(dy, start), 1)), weights);
					}),
				),
			);
		};
		return { value, gradFunc };
	});
	return divergences(hidden);
}

function logSoftmax(scores: tf.Tensor2D): tf.Tensor2D {
	const shifted = tf.sub<tf.Tensor2D>(scores, tf.max(scores, -1, true));
	return tf.sub(shifted, tf.log(rowSums(tf.exp(shifted))));
}

/** Terms that are added up before they join the sum: tfjs-wasm adds one by one, and small terms would be lost beside a large sum. */
const RUN = 64;

/** [N, V] → [N, 1]. */
function rowSums(x: tf.Tensor2D): tf.Tensor2D {
	const [N, V] = x.shape;
	const missing = (RUN - (V % RUN)) % RUN;
	const whole = missing === 0 ? x : tf.pad(x, [[0, 0], [0, missing]]); // prettier-ignore
	return tf.sum(tf.sum(tf.reshape<tf.Rank.R3>(whole, [N, (V + missing) / RUN, RUN]), -1), -1, true);
}
