import * as tf from '@tensorflow/tfjs-core';

import { checkDevice } from '$lib/model/backend';
import type { Lora } from '$lib/model/lora';
import { type Directions, steered } from '$lib/model/steering';
import type { Model } from '$lib/model/weights';

import { klLoss, type KlTerm, lorraLoss, type LorraTerm } from './frozenTerms';
import { type GradientAngle, gradientAngle, gradientProducts } from './gradientAngle';
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
	/** On these the policy is held to the frozen copy's probabilities, and the weight is the term's own. */
	kl?: KlTerm | null;
	/** On these the policy's states are held to the frozen copy's, moved; the weight is the term's own. */
	lorra?: LorraTerm | null;
	/** c·v_l, added to the residual stream while the rows of the narrow task are learnt, and at no other time; c is the strength. */
	steering?: { directions: Directions; strength: number } | null;
}

/** Named as in TRL. Terms that a step did not have are null. */
export interface StepMetrics extends GradientAngle {
	loss: number;
	/** Mean negative log-likelihood of a completion token, in nats. */
	'loss/sft': number | null;
	/** Mean preference loss of a pair, before λ. */
	'loss/dpo': number | null;
	/** As `loss/sft`, of the answers that a method adds, before λ. */
	'loss/answers': number | null;
	/** Mean KL(frozen ‖ policy) of a completion token, in nats, before its weight. */
	'loss/kl': number | null;
	/** Mean distance of a state from where it is to be, before its weight. */
	'loss/lorra': number | null;
	'rewards/chosen': number | null;
	'rewards/rejected': number | null;
	'rewards/margins': number | null;
	/** Share of pairs whose chosen completion has the higher reward. */
	'rewards/accuracies': number | null;
	'logps/chosen': number | null;
	'logps/rejected': number | null;
	/** Mean of log π − log π_ref of the pairs' completions, in nats: how much likelier each has become than it was before training. */
	'logratios/chosen': number | null;
	'logratios/rejected': number | null;
	/** Before clipping. */
	grad_norm: number;
	learning_rate: number;
	'num_tokens/sft': number;
	'num_tokens/dpo': number;
	'num_tokens/answers': number;
	/** Those that the frozen copy reads for the term among them; so with the next. */
	'num_tokens/kl': number;
	'num_tokens/lorra': number;
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
 * One step of L = L_SFT + λ·(L_DPO + L_answers) + λ_KL·L_KL + λ_LoRRA·L_LoRRA. The terms have batches of their own, and their gradients are summed before clipping.
 * @throws TrainingError when the loss is not finite; GpuError when the device reported an error; the adapter is then unusable
 */
export async function trainStep(trainer: Trainer, batch: TrainBatch): Promise<StepResult> {
	const { optimizer, config } = trainer;
	const { pairs, kl, lorra } = batch;
	const batches = batchesOf(trainer, batch);
	const learningRate = warmedUp(config.learningRate, optimizer.step, config.warmupSteps);

	const report = tf.tidy(() => hybridUpdate(trainer, batches, batch, learningRate));
	const values = await report.data();
	tf.dispose(report);
	for (const batch of Object.values(batches)) if (batch) disposeBatch(batch);
	checkDevice();

	const [gradNorm, product, taskSquare, addedSquare, sftLoss, answersLoss, klDivergence, lorraDistance, dpoLoss] = values as unknown as NumbersOfStep; // prettier-ignore
	const held = (kl?.weight ?? 0) * klDivergence + (lorra?.weight ?? 0) * lorraDistance;
	const loss = sftLoss + config.lambda * (answersLoss + dpoLoss) + held; // a term that the step did not have is 0
	if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
		throw new TrainingError(
			`The loss is ${loss} after ${optimizer.step} steps (gradient norm ${gradNorm}). A lower learning rate usually helps.`,
		);
	}
	const perPair = (block: number) => Array.from(values.subarray(9 + block * pairs.length, 9 + (block + 1) * pairs.length));
	const [chosenRewards, rejectedRewards, chosenLogps, rejectedLogps] = [perPair(0), perPair(1), perPair(2), perPair(3)];
	const meanRatio = (logps: readonly number[], side: 'chosen' | 'rejected') =>
		mean(logps.map((logp, i) => logp - pairs[i]!.reference[side]));
	const margins = pairs.map(({ id }, i) => ({ pairId: id, margin: chosenRewards[i]! - rejectedRewards[i]! }));
	return {
		step: optimizer.step,
		metrics: {
			loss,
			'loss/sft': batches.sft ? sftLoss : null,
			'loss/dpo': batches.dpo ? dpoLoss : null,
			'loss/answers': batches.answers ? answersLoss : null,
			'loss/kl': batches.kl ? klDivergence : null,
			'loss/lorra': batches.lorra ? lorraDistance : null,
			'rewards/chosen': mean(chosenRewards),
			'rewards/rejected': mean(rejectedRewards),
			'rewards/margins': mean(margins.map(({ margin }) => margin)),
			'rewards/accuracies': mean(margins.map(({ margin }) => (margin > 0 ? 1 : 0))),
			'logps/chosen': mean(chosenLogps),
			'logps/rejected': mean(rejectedLogps),
			'logratios/chosen': meanRatio(chosenLogps, 'chosen'),
			'logratios/rejected': meanRatio(rejectedLogps, 'rejected'),
			...gradientAngle(product, taskSquare, addedSquare),
			grad_norm: gradNorm,
			learning_rate: learningRate,
			'num_tokens/sft': batches.sft?.tokens ?? 0,
			'num_tokens/dpo': batches.dpo?.tokens ?? 0,
			'num_tokens/answers': batches.answers?.tokens ?? 0,
			'num_tokens/kl': 2 * (batches.kl?.tokens ?? 0),
			'num_tokens/lorra': 2 * (batches.lorra?.tokens ?? 0),
		},
		margins,
	};
}

/** The packed batch of each term of the loss; null for a term that the step does not have. */
type Batches = Record<'sft' | 'answers' | 'kl' | 'lorra' | 'dpo', SequenceBatch | null>;

/** @throws RangeError for a step without any term */
function batchesOf({ model }: Trainer, { sft, pairs, answers = [], kl, lorra }: TrainBatch): Batches {
	const maxLength = model.config.maxPositionEmbeddings;
	const packed = (sequences: readonly TokenSequence[] = []) => (sequences.length > 0 ? sequenceBatch(sequences, maxLength) : null);
	const batches = {
		sft: packed(sft),
		answers: packed(answers),
		kl: packed(kl?.sequences),
		lorra: packed(lorra?.sequences),
		dpo: pairs.length > 0 ? pairBatch(pairs, maxLength) : null,
	};
	if (Object.values(batches).every((batch) => !batch)) throw new RangeError('trainStep: a step needs something to learn from');
	return batches;
}

/** What a step tells beside its pairs: the gradient's norm, three products of gradients, and L_SFT, L_answers, L_KL, L_LoRRA and L_DPO. */
type NumbersOfStep = [number, number, number, number, number, number, number, number, number];

/** A term's gradient, already weighted, and what is told of it, before its weight. */
interface Term {
	gradient: tf.Tensor1D;
	report: tf.Tensor1D;
}

/** Updates the adapter; returns NumbersOfStep, then P each of chosen and rejected rewards and log-probs. Runs in a tidy. */
function hybridUpdate(trainer: Trainer, batches: Batches, { pairs, kl, lorra, steering }: TrainBatch, learningRate: number): tf.Tensor1D {
	const { model, lora, optimizer, config } = trainer;
	const { sft, answers, dpo } = batches;
	const learner = steering ? steered(model, steering.directions, steering.strength) : model;
	const task = sft && lossTerm(lora, 1, () => meanTokenLoss(learner, lora, sft));
	const added = [
		answers && lossTerm(lora, config.lambda, () => meanTokenLoss(model, lora, answers)),
		batches.kl && lossTerm(lora, kl!.weight, klLoss(model, batches.kl)),
		batches.lorra && lossTerm(lora, lorra!.weight, lorraLoss(model, batches.lorra, lorra!)),
		dpo && preferenceTerm(trainer, dpo, pairs),
	];
	const gradientsOf = (terms: readonly (Term | null)[]) => terms.flatMap((term) => (term ? [term.gradient] : []));
	const terms = [task, ...added];
	const [gradients, addedGradients] = [gradientsOf(terms), gradientsOf(added)];
	const products = task && addedGradients.length > 0 ? gradientProducts(task.gradient, tf.addN(addedGradients)) : tf.zeros<tf.Rank.R1>([3]);
	const sizes = lora.parts.map(({ size }) => size);
	const { weightDecay, clipNorm } = config;
	const norm = applyAdamW(lora.weights, tf.addN(gradients), sizes, optimizer, learningRate, { ...ADAMW_DEFAULTS, weightDecay, clipNorm });
	return tf.concat([tf.reshape(norm, [1]), products, ...terms.map((term) => term?.report ?? tf.zeros<tf.Rank.R1>([1]))]);
}

/** weight·loss. */
function lossTerm(lora: Lora, weight: number, loss: (lora: Lora) => tf.Scalar): Term {
	const { value, grads } = tf.variableGrads(() => loss(lora), [lora.weights]);
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
