/** The terms of the loss that compare the policy with the frozen copy on texts that it should go on reading as that does. */
import * as tf from '@tensorflow/tfjs-core';

import { hiddenStates, residualStream } from '$lib/model/decoder';
import { tokenDivergences } from '$lib/model/kernels/tokenDivergences';
import type { Lora } from '$lib/model/lora';
import { checkDirections, type Directions, unsteered } from '$lib/model/steering';
import type { Model } from '$lib/model/weights';

import type { SequenceBatch, TokenSequence } from './sequences';

/** Sequences on which the policy is to give each token the frozen copy's probabilities. */
export interface KlTerm {
	sequences: readonly TokenSequence[];
	/** λ of this term. */
	weight: number;
}

/** Sequences on which the policy's states are to be the frozen copy's, moved. */
export interface LorraTerm {
	sequences: readonly TokenSequence[];
	/** λ of this term. */
	weight: number;
	/** v_l, null for layers that are not compared. */
	directions: Directions;
	/** How often v_l the states are to be moved; below 0 to the other side. */
	alpha: number;
}

/** A term of the loss, made ready: what the frozen copy says is computed once, outside of what is differentiated. */
type Loss = (lora: Lora) => tf.Scalar;

/** L_KL: KL(frozen ‖ policy), the mean over the completion tokens of a batch, in nats. */
export function klLoss(model: Model, batch: SequenceBatch): Loss {
	const { packed, rows } = batch;
	const frozen = hiddenStates(unsteered(model), packed, null, rows); // [M, D]
	return (lora) => meanOverTokens(tokenDivergences(hiddenStates(model, packed, lora, rows), frozen, model.weights.lmHead), batch);
}

/**
 * L_LoRRA (arXiv:2310.01405, algorithm 1; here with directions that were read before, in the place of contrast prompts):
 * ‖h_l(policy, x) − (h_l(frozen, x) + α·v_l)‖₂, the mean over the rows that predict a completion's tokens, and over the layers.
 * @throws RangeError where the directions are not those of the model's layers, or there is none
 */
export function lorraLoss(model: Model, batch: SequenceBatch, { directions, alpha }: Pick<LorraTerm, 'directions' | 'alpha'>): Loss {
	checkDirections(model, directions);
	const layers = directions.flatMap((direction, layer) => (direction ? [layer] : []));
	if (layers.length === 0) throw new RangeError('lorraLoss: no layer is moved; expected a direction for at least one');
	const { packed, rows } = batch;
	const frozen = residualStream(unsteered(model), packed, null, rows, layers); // [M, D] each
	const targets = frozen.map((state, i) => tf.add<tf.Tensor2D>(state, tf.mul(tf.tensor1d(directions[layers[i]!]!), alpha)));
	return (lora) => {
		const states = residualStream(model, packed, lora, rows, layers);
		const distances = states.map((state, i) => meanOverTokens(lengths(tf.sub(state, targets[i]!)), batch));
		return tf.div<tf.Scalar>(tf.addN(distances), layers.length);
	};
}

/** ‖·‖₂ of each row: [N, D] → [N]. What is added keeps the gradient of a row of zeros finite, where torch takes zero too. */
const lengths = (x: tf.Tensor2D): tf.Tensor1D => tf.sqrt(tf.add(tf.sum<tf.Tensor1D>(tf.square(x), -1), TINY));
const TINY = 1e-12;

/** The mean of what belongs to each completion token, [M]: what fills up is left out. */
function meanOverTokens(values: tf.Tensor1D, { owner, completionTokens }: SequenceBatch): tf.Scalar {
	return tf.mul<tf.Scalar>(tf.sum(tf.matMul(owner, tf.reshape(values, [-1, 1]))), 1 / completionTokens);
}
