import * as tf from '@tensorflow/tfjs-core';

import type { PreferenceLossConfig } from './preferenceLoss';

/** Log-probabilities of the chosen and the rejected completions, summed over their tokens: [B] each. */
export interface PairLogps {
	chosen: tf.Tensor1D;
	rejected: tf.Tensor1D;
}

export interface PreferenceLossInput {
	policy: PairLogps;
	/** Constants: no gradient goes into the reference. */
	reference: PairLogps;
	/** Completion lengths in tokens: [B] each. Only `ipo` reads them. */
	lengths: PairLogps;
}

/** The loss of each pair: [B]. */
export function preferenceLosses(
	{ policy, reference, lengths }: PreferenceLossInput,
	{ type, beta, labelSmoothing }: PreferenceLossConfig,
): tf.Tensor1D {
	const chosenLogratios = tf.sub(policy.chosen, reference.chosen); // [B]
	const rejectedLogratios = tf.sub(policy.rejected, reference.rejected); // [B]
	const z: tf.Tensor1D = tf.mul(tf.sub(chosenLogratios, rejectedLogratios), beta); // βΔ: [B]
	switch (type) {
		case 'sigmoid':
			return tf.add(tf.mul(negLogSigmoid(z), 1 - labelSmoothing), tf.mul(negLogSigmoid(tf.neg<tf.Tensor1D>(z)), labelSmoothing));
		case 'robust': {
			const flipped = tf.mul(negLogSigmoid(tf.neg<tf.Tensor1D>(z)), labelSmoothing);
			return tf.div(tf.sub(tf.mul(negLogSigmoid(z), 1 - labelSmoothing), flipped), 1 - 2 * labelSmoothing);
		}
		case 'ipo': {
			const meanDelta = tf.sub(tf.div(chosenLogratios, lengths.chosen), tf.div(rejectedLogratios, lengths.rejected));
			return tf.square(tf.sub(meanDelta, 1 / (2 * beta)));
		}
		case 'hinge':
			return tf.relu(tf.sub(1, z));
	}
}

/** The implicit rewards β·(log π − log π_ref) of chosen and rejected: [B] each. */
export function rewards({ policy, reference }: Pick<PreferenceLossInput, 'policy' | 'reference'>, beta: number): PairLogps {
	return {
		chosen: tf.mul(tf.sub(policy.chosen, reference.chosen), beta),
		rejected: tf.mul(tf.sub(policy.rejected, reference.rejected), beta),
	};
}

// tf.logSigmoid doesn't save its input, so its gradient throws on any intermediate tensor; softplus(−x) is the same function.
function negLogSigmoid(x: tf.Tensor1D): tf.Tensor1D {
	return tf.softplus(tf.neg(x));
}
