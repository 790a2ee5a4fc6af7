import * as tf from '@tensorflow/tfjs-core';

import { checkDevice } from '$lib/model/backend';
import type { Lora } from '$lib/model/lora';
import type { Directions } from '$lib/model/steering';
import type { Model } from '$lib/model/weights';

import type { KlTerm, LorraTerm } from './frozenTerms';
import { type GradientAngle, gradientAngle } from './gradientAngle';
import { type AdamWState, disposeAdamW, initAdamW, warmedUp } from './optimizer';
import type { ReferencedPair } from './pairs';
import type { PreferenceLossConfig } from './preferenceLoss';
import type { TokenSequence } from './sequences';
import { disposeTerms, hybridUpdate, inOrder, type NumbersOfStep, packTerms, tokensOf } from './terms';

export interface TrainerConfig {
	learningRate: number;
	warmupSteps: number;
	weightDecay: number;
	/** 0 = no clipping. */
	clipNorm: number;
	/** Weight of what a method adds: L = L_SFT + λ·L_DPO. */
	lambda: number;
	preference: PreferenceLossConfig;
	/** A term's gradient is summed up from so many parts, one after the other, so that fewer tokens are in memory at a time; 1 where left out. */
	accumulation?: number;
	/** Blocks are computed again for the gradient, and their inner states not kept: gradient checkpointing. */
	checkpointing?: boolean;
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
	const learner = config.checkpointing ? { ...model, recomputes: true } : model;
	return { model: learner, lora, optimizer: initAdamW(lora.weights), config };
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
	const terms = packTerms(trainer, batch);
	const learningRate = warmedUp(config.learningRate, optimizer.step, config.warmupSteps);

	const report = tf.tidy(() => hybridUpdate(trainer, terms, batch, learningRate));
	const values = await report.data();
	tf.dispose(report);
	disposeTerms(terms);
	checkDevice();

	const [gradNorm, product, taskSquare, addedSquare, sftLoss, answersLoss, klDivergence, lorraDistance, dpoLoss] = values as unknown as NumbersOfStep; // prettier-ignore
	const held = (kl?.weight ?? 0) * klDivergence + (lorra?.weight ?? 0) * lorraDistance;
	const loss = sftLoss + config.lambda * (answersLoss + dpoLoss) + held; // a term that the step did not have is 0
	if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
		throw new TrainingError(
			`The loss is ${loss} after ${optimizer.step} steps (gradient norm ${gradNorm}). A lower learning rate usually helps.`,
		);
	}
	const perPair = (block: number) => inOrder(terms.dpo, values.subarray(9 + block * pairs.length, 9 + (block + 1) * pairs.length));
	const [chosenRewards, rejectedRewards, chosenLogps, rejectedLogps] = [perPair(0), perPair(1), perPair(2), perPair(3)];
	const meanRatio = (logps: readonly number[], side: 'chosen' | 'rejected') =>
		mean(logps.map((logp, i) => logp - pairs[i]!.reference[side]));
	const margins = pairs.map(({ id }, i) => ({ pairId: id, margin: chosenRewards[i]! - rejectedRewards[i]! }));
	return {
		step: optimizer.step,
		metrics: {
			loss,
			'loss/sft': terms.sft.length > 0 ? sftLoss : null,
			'loss/dpo': terms.dpo.length > 0 ? dpoLoss : null,
			'loss/answers': terms.answers.length > 0 ? answersLoss : null,
			'loss/kl': terms.kl.length > 0 ? klDivergence : null,
			'loss/lorra': terms.lorra.length > 0 ? lorraDistance : null,
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
			'num_tokens/sft': tokensOf(terms.sft),
			'num_tokens/dpo': tokensOf(terms.dpo),
			'num_tokens/answers': tokensOf(terms.answers),
			'num_tokens/kl': 2 * tokensOf(terms.kl),
			'num_tokens/lorra': 2 * tokensOf(terms.lorra),
		},
		margins,
	};
}

const mean = (values: readonly number[]) => (values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length);
