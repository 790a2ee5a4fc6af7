import * as tf from '@tensorflow/tfjs-core';

import { hiddenStates, logits } from '$lib/model/decoder';
import type { Lora } from '$lib/model/lora';
import type { Model } from '$lib/model/weights';

import type { SequenceBatch } from './sequences';

/**
 * Σ_t log π(y_t | x, y_<t) over the completion tokens of each sequence: [B]. Differentiable in `lora`; null is the reference.
 */
export function completionLogps(model: Model, lora: Lora | null, { ids, rows, labels, owner }: SequenceBatch): tf.Tensor1D {
	const hidden = hiddenStates(model, ids, lora); // [B·T, D]
	const tokenLogps = pickedLogSoftmax(logits(model, selectRows(hidden, rows)), labels); // [N]
	return tf.reshape(tf.matMul(owner, tf.reshape(tokenLogps, [-1, 1])), [owner.shape[0]]); // [B, N] × [N, 1] → [B]
}

/**
 * Rows of `hidden` [R, D] at `rows` [N] → [N, D].
 *
 * tf.gather's own gradient needs UnsortedSegmentSum, which tfjs-wasm lacks; scattering back is the same, as no row occurs twice.
 */
function selectRows(hidden: tf.Tensor2D, rows: tf.Tensor1D): tf.Tensor2D {
	const select = tf.customGrad((x) => ({
		value: tf.gather(x as tf.Tensor2D, rows),
		gradFunc: (dy) => tf.scatterND(tf.expandDims(rows, 1), dy, hidden.shape),
	}));
	return select(hidden) as tf.Tensor2D;
}

/** log softmax(x)[n, labels[n]]: [N, V] → [N]. */
function pickedLogSoftmax(x: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor1D {
	// Cast apart: tfjs-wasm writes int32 bits whatever dtype oneHot is asked for.
	const oneHot = tf.cast(tf.oneHot(labels, x.shape[1]), 'float32'); // [N, V]
	return tf.sum(tf.mul(tf.logSoftmax(x), oneHot), -1);
}
