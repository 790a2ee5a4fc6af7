import * as tf from '@tensorflow/tfjs-core';

import type { Span } from './packing';

/** Added to a score to forbid it. Finite, since −∞ − (−∞) in a softmax would give NaN; e^−1e9 is 0 all the same. */
const FORBIDDEN = -1e9;

/**
 * softmax(Q·Kᵀ + mask)·V for grouped-query attention (arXiv:2305.13245).
 *
 * The G query heads of a group are folded into the row axis, so that K and V are never repeated: q is [B·KV, G·T, headDim],
 * k and v are [B·KV, S, headDim]. The factor 1/√headDim is already in q (rope.ts). `mask` is [B or 1, 1, T, S].
 */
export function attend(q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D, mask: tf.Tensor4D): tf.Tensor3D {
	const [BKV, GT] = q.shape;
	const [maskRows, , T, S] = mask.shape;
	const scores = tf.matMul(q, k, false, true); // [B·KV, G·T, S]
	const byMask = tf.reshape(scores, [maskRows, (BKV * GT) / (maskRows * T), T, S]); // [B, H, T, S], or [1, B·H, T, S] for a common mask
	const weights = tf.softmax(tf.add(byMask, mask));
	return tf.matMul(tf.reshape(weights, [BKV, GT, S]), v);
}

/** [B, 1, 1, slots]: each row sees the slots up to its `last`. */
export function slotMask(last: readonly number[], slots: number): tf.Tensor4D {
	const mask = new Float32Array(last.length * slots);
	last.forEach((slot, row) => mask.fill(FORBIDDEN, row * slots + slot + 1, (row + 1) * slots));
	return tf.tensor4d(mask, [last.length, 1, 1, slots]);
}

/** [S, 1, L, L]: in each span a row sees itself and what came before, but not the hole if it is behind it. */
export function spanMask(spans: readonly Span[], L: number): tf.Tensor4D {
	const mask = new Float32Array(spans.length * L * L);
	spans.forEach(({ holeStart, holeEnd }, s) => {
		for (let t = 0; t < L; t++) {
			const start = (s * L + t) * L;
			mask.fill(FORBIDDEN, start + t + 1, start + L);
			if (t >= holeEnd) mask.fill(FORBIDDEN, start + holeStart, start + holeEnd);
		}
	});
	return tf.tensor4d(mask, [spans.length, 1, L, L]);
}
