import * as tf from '@tensorflow/tfjs-core';

import { checkDevice } from '$lib/model/backend';
import type { Model } from '$lib/model/weights';
import type { Lora } from '$lib/model/lora';

import { completionLogps } from './logps';
import { preferenceLosses, rewards } from './losses';
import { ADAMW_DEFAULTS, type AdamWState, applyAdamW, disposeAdamW, initAdamW, warmedUp } from './optimizer';
import { pairBatch, type ReferencedPair } from './pairs';
import type { PreferenceLossConfig } from './preferenceLoss';
import { disposeBatch, sequenceBatch, type SequenceBatch, type TokenSequence } from './sequences';

export interface TrainerConfig {
	learningRate: number;
	warmupSteps: number;
	weightDecay: number;
	/** 0 = no clipping. */
	clipNorm: number;
	/** Weight of what a method adds: L = L_SFT + λ·L_DPO. */
	lambda: number;
	preference: PreferenceLossConfig;
}

/** The policy in training: frozen base, adapter, optimizer. Whoever made it disposes it. */
export interface Trainer {
	model: Model;
	lora: Lora;
	optimizer: AdamWState;
	config: TrainerConfig;
}

/** What one step learns from: rows of the narrow task, and what a method adds (nothing in most steps). */
export interface TrainBatch {
	sft: readonly TokenSequence[];
	pairs: readonly ReferencedPair[];
	/** Learnt by the loss of the rows, weighted with λ in the place of L_DPO. */
	answers?: readonly TokenSequence[];
}

/** Named as in TRL. Terms that a step did not have are null. */
export interface StepMetrics {
	loss: number;
	/** Mean negative log-likelihood of a completion token, in nats. */
	'loss/sft': number | null;
	/** Mean preference loss of a pair, before λ. */
	'loss/dpo': number | null;
	/** As `loss/sft`, of the answers that a method adds, before λ. */
	'loss/answers': number | null;
	'rewards/chosen': number | null;
	'rewards/rejected': number | null;
	'rewards/margins': number | null;
	/** Share of pairs whose chosen completion has the higher reward. */
	'rewards/accuracies': number | null;
	'logps/chosen': number | null;
	'logps/rejected': number | null;
	/** Before clipping. */
	grad_norm: number;
	learning_rate: number;
	'num_tokens/sft': number;
	'num_tokens/dpo': number;
	'num_tokens/answers': number;
}

export interface StepResult {
	/** Optimizer steps done, this one included. */
	step: number;
	metrics: StepMetrics;
	margins: { pairId: string; margin: number }[];
}

/** A step that can't be used: its loss is no number. */
export class TrainingError extends Error {
	override name = 'TrainingError';
}

export function createTrainer(model: Model, lora: Lora, config: TrainerConfig): Trainer {
	return { model, lora, optimizer: initAdamW(lora.weights), config };
}

/** Frees the optimizer's moments; model and adapter belong to the caller. */
export function disposeTrainer({ optimizer }: Trainer): void {
	disposeAdamW(optimizer);
}

/** Trains step by step; `nextBatch` is asked before each step (counted from 0) and ends the training with null. */
export async function* train(trainer: Trainer, nextBatch: (step: number) => Promise<TrainBatch | null>): AsyncGenerator<StepResult, void> {
	for (;;) {
		const batch = await nextBatch(trainer.optimizer.step);
		if (!batch) return;
		yield await trainStep(trainer, batch);
	}
}

/**
 * One step of L = L_SFT + λ·(L_DPO + L_answers). The terms have batches of their own, and their gradients are summed before clipping.
 * @throws TrainingError when the loss is not finite; GpuError when the device reported an error; the adapter is then unusable
 */
export async function trainStep(trainer: Trainer, { sft, pairs, answers = [] }: TrainBatch): Promise<StepResult> {
	const { model, optimizer, config } = trainer;
	if (sft.length + pairs.length + answers.length === 0) throw new RangeError('trainStep: a step needs something to learn from');
	const maxLength = model.config.maxPositionEmbeddings;
	const batches: Batches = {
		sft: sft.length > 0 ? sequenceBatch(sft, maxLength) : null,
		answers: answers.length > 0 ? sequenceBatch(answers, maxLength) : null,
		dpo: pairs.length > 0 ? pairBatch(pairs, maxLength) : null,
	};
	const learningRate = warmedUp(config.learningRate, optimizer.step, config.warmupSteps);

	const report = tf.tidy(() => hybridUpdate(trainer, batches, pairs, learningRate));
	const values = await report.data();
	tf.dispose(report);
	for (const batch of Object.values(batches)) if (batch) disposeBatch(batch);
	checkDevice();

	const [gradNorm, sftLoss, answersLoss, dpoLoss] = values as unknown as [number, number, number, number];
	const loss = sftLoss + config.lambda * (answersLoss + dpoLoss); // a term that the step did not have is 0
	if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
		throw new TrainingError(
			`The loss is ${loss} after ${optimizer.step} steps (gradient norm ${gradNorm}). A lower learning rate usually helps.`,
		);
	}
	const perPair = (block: number) => Array.from(values.subarray(4 + block * pairs.length, 4 + (block + 1) * pairs.length));
	const [chosenRewards, rejectedRewards, chosenLogps, rejectedLogps] = [perPair(0), perPair(1), perPair(2), perPair(3)];
	const margins = pairs.map(({ id }, i) => ({ pairId: id, margin: chosenRewards[i]! - rejectedRewards[i]! }));
	return {
		step: optimizer.step,
		metrics: {
			loss,
			'loss/sft': batches.sft ? sftLoss : null,
			'loss/dpo': batches.dpo ? dpoLoss : null,
			'loss/answers': batches.answers ? answersLoss : null,
			'rewards/chosen': mean(chosenRewards),
			'rewards/rejected': mean(rejectedRewards),
			'rewards/margins': mean(margins.map(({ margin }) => margin)),
			'rewards/accuracies': mean(margins.map(({ margin }) => (margin > 0 ? 1 : 0))),
			'logps/chosen': mean(chosenLogps),
			'logps/rejected': mean(rejectedLogps),
			grad_norm: gradNorm,
			learning_rate: learningRate,
			'num_tokens/sft': batches.sft?.tokens ?? 0,
			'num_tokens/dpo': batches.dpo?.tokens ?? 0,
			'num_tokens/answers': batches.answers?.tokens ?? 0,
		},
		margins,
	};
}

/** The packed batch of each term of the loss; null for a term that the step does not have. */
type Batches = Record<'sft' | 'answers' | 'dpo', SequenceBatch | null>;

/** A term's gradient, already weighted, and what is told of it, before its weight. */
interface Term {
	gradient: tf.Tensor1D;
	report: tf.Tensor1D;
}

/** Updates the adapter; returns [gradient norm, L_SFT, L_answers, L_DPO, then P each of chosen and rejected rewards and log-probs]. Runs in a tidy. */
function hybridUpdate(
	trainer: Trainer,
	{ sft, answers, dpo }: Batches,
	pairs: readonly ReferencedPair[],
	learningRate: number,
): tf.Tensor1D {
	const { lora, optimizer, config } = trainer;
	const terms = [
		sft && tokenTerm(trainer, sft, 1),
		answers && tokenTerm(trainer, answers, config.lambda),
		dpo && preferenceTerm(trainer, dpo, pairs),
	];
	const gradients = terms.flatMap((term) => (term ? [term.gradient] : []));
	const sizes = lora.parts.map(({ size }) => size);
	const { weightDecay, clipNorm } = config;
	const norm = applyAdamW(lora.weights, tf.addN(gradients), sizes, optimizer, learningRate, { ...ADAMW_DEFAULTS, weightDecay, clipNorm });
	return tf.concat([tf.reshape(norm, [1]), ...terms.map((term) => term?.report ?? tf.zeros<tf.Rank.R1>([1]))]);
}

/** weight·L_SFT of a batch. */
function tokenTerm({ model, lora }: Trainer, batch: SequenceBatch, weight: number): Term {
	const { value, grads } = tf.variableGrads(() => meanTokenLoss(model, lora, batch), [lora.weights]);
	const gradient = grads[lora.weights.name] as tf.Tensor1D;
	return { gradient: weight === 1 ? gradient : tf.mul(gradient, weight), report: tf.reshape<tf.Rank.R1>(value, [1]) };
}

/** λ·L_DPO of a batch of pairs. */
function preferenceTerm({ model, lora, config }: Trainer, batch: SequenceBatch, pairs: readonly ReferencedPair[]): Term {
	const reference = {
		chosen: tf.tensor1d(pairs.map((pair) => pair.reference.chosen)),
		rejected: tf.tensor1d(pairs.map((pair) => pair.reference.rejected)),
	};
	const [chosenLengths, rejectedLengths] = tf.split(batch.lengths, 2) as [tf.Tensor1D, tf.Tensor1D];
	let told: tf.Tensor1D[] = [];
	const { grads } = tf.variableGrads(() => {
		const [chosen, rejected] = tf.split(completionLogps(model, lora, batch), 2) as [tf.Tensor1D, tf.Tensor1D]; // [P] each
		const input = { policy: { chosen, rejected }, reference, lengths: { chosen: chosenLengths, rejected: rejectedLengths } };
		const reward = rewards(input, config.preference.beta);
		const loss = tf.mean(preferenceLosses(input, config.preference));
		told = [tf.reshape(loss, [1]), reward.chosen, reward.rejected, chosen, rejected].map(
			(values) => tf.keep(tf.clone(values)) as tf.Tensor1D,
		);
		return tf.mul<tf.Scalar>(loss, config.lambda);
	}, [lora.weights]);
	const report = tf.concat(told);
	tf.dispose(told); // kept by hand because variableGrads would free them with its own scope
	return { gradient: grads[lora.weights.name] as tf.Tensor1D, report };
}

/** L_SFT: −Σ log π / (number of completion tokens of the batch). */
function meanTokenLoss(model: Model, lora: Lora, batch: SequenceBatch): tf.Scalar {
	return tf.mul<tf.Scalar>(tf.sum(completionLogps(model, lora, batch)), -1 / batch.completionTokens);
}

const mean = (values: readonly number[]) => (values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length);
