import * as tf from '@tensorflow/tfjs-core';

import { checkDevice } from '$lib/model/backend';

import type { Trainer } from './trainer';

/** All that training changes, outside the backend: each list holds the numbers of every variable, in the order of `Lora.parts`. */
export interface TrainerState {
	/** Optimizer steps done. */
	step: number;
	adapter: Float32Array;
	firstMoments: Float32Array;
	secondMoments: Float32Array;
}

/** The numbers belong to an adapter of another shape, or are not all there. */
export class TrainerStateError extends Error {
	override name = 'TrainerStateError';
}

/** Reads adapter and moments out of the backend, as they are when it is called. */
export async function saveTrainer(trainer: Trainer): Promise<TrainerState> {
	const { step } = trainer.optimizer;
	// One buffer and one read: a GPU answers a hundred small reads much later than one large one.
	const joined = tf.tidy(() => tf.concat(variablesOf(trainer))); // [3n]
	const values = (await joined.data()) as Float32Array;
	joined.dispose();
	checkDevice();
	const n = values.length / 3;
	return { step, adapter: values.slice(0, n), firstMoments: values.slice(n, 2 * n), secondMoments: values.slice(2 * n) };
}

/** Puts back what `saveTrainer` read. @throws TrainerStateError; the trainer is then as it was */
export function restoreTrainer(trainer: Trainer, { step, adapter, firstMoments, secondMoments }: TrainerState): void {
	const n = trainer.lora.weights.size;
	for (const [name, { length }] of Object.entries({ adapter, firstMoments, secondMoments })) {
		if (length !== n) throw new TrainerStateError(`${name} holds ${length} numbers, and this adapter has ${n}`);
	}
	const lists = [adapter, firstMoments, secondMoments];
	tf.tidy(() => variablesOf(trainer).forEach((variable, i) => variable.assign(tf.tensor1d(lists[i]!.slice()))));
	trainer.optimizer.step = step;
}

const variablesOf = ({ lora, optimizer }: Trainer): tf.Variable<tf.Rank.R1>[] => [
	lora.weights,
	optimizer.firstMoments,
	optimizer.secondMoments,
];
