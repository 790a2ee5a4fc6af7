import * as tf from '@tensorflow/tfjs-core';

import { hiddenStates } from '$lib/model/decoder';
import { tokenLogps } from '$lib/model/kernels/tokenLogps';
import type { Lora } from '$lib/model/lora';
import type { Model } from '$lib/model/weights';

import type { SequenceBatch } from './sequences';

/** Σ_t log π(y_t | x, y_<t) over the tokens of each completion: [B]. Differentiable in `lora`; null is the reference. */
export function completionLogps(model: Model, lora: Lora | null, { packed, rows, labels, owner }: SequenceBatch): tf.Tensor1D {
	const hidden = hiddenStates(model, packed, lora, rows); // [M, D]
	const logps = tokenLogps(hidden, model.weights.lmHead, labels); // [M]
	return tf.reshape(tf.matMul(owner, tf.reshape(logps, [-1, 1])), [owner.shape[0]]); // [B, M] × [M, 1] → [B]
}
