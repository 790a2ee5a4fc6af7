import * as tf from '@tensorflow/tfjs-core';

import { hiddenStates } from '$lib/model/decoder';
import { tokenLogps } from '$lib/model/kernels/tokenLogps';
import type { Lora } from '$lib/model/lora';
import type { Model } from '$lib/model/weights';

import type { SequenceBatch } from './sequences';

/**
 * Σ_t log π(y_t | x, y_<t) over the completion tokens of each sequence: [B]. Differentiable in `lora`; null is the reference.
 */
export function completionLogps(model: Model, lora: Lora | null, { ids, rows, labels, owner }: SequenceBatch): tf.Tensor1D {
	const hidden = hiddenStates(model, ids, lora); // [B·T, D]
	const logps = tokenLogps(selectRows(hidden, rows), model.weights.lmHead, labels); // [N]
	return tf.reshape(tf.matMul(owner, tf.reshape(logps, [-1, 1])), [owner.shape[0]]); // [B, N] × [N, 1] → [B]
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
