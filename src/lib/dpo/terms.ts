/** The terms of a step's loss: packed in as many parts as there is memory for, their gradients, and the update that follows from them. */
import * as tf from '@tensorflow/tfjs-core';

import type { Lora } from '$lib/model/lora';
import { steered } from '$lib/model/steering';
import type { Model } from '$lib/model/weights';

import { klLoss, lorraLoss } from './frozenTerms';
import { gradientProducts } from './gradientAngle';
import { completionLogps } from './logps';
import { preferenceLosses, rewards } from './losses';
import { ADAMW_DEFAULTS, applyAdamW } from './optimizer';
import { pairBatch, type ReferencedPair } from './pairs';
import { disposeBatch, sequenceBatch, type SequenceBatch, type TokenSequence } from './sequences';
import type { TrainBatch, Trainer } from './trainer';

/** A share of what a term learns from, packed. `completionTokens` are those of all its parts: a term is a mean over all of them. */
interface Part {
	batch: SequenceBatch;
	/** Which of the term's rows or pairs these are. */
	places: number[];
}

/** The parts of each term; none for a term that the step does not have. */
export type Terms = Record<'sft' | 'answers' | 'kl' | 'lorra' | 'dpo', Part[]>;

/** @throws RangeError for a step without any term */
export function packTerms({ model, config }: Trainer, { sft, pairs, answers = [], kl, lorra }: TrainBatch): Terms {
	const maxLength = model.config.maxPositionEmbeddings;
	const packed = (sequences: readonly TokenSequence[] = []) =>
		packParts(sequences, config.accumulation ?? 1, ({ prompt, completion }) => prompt.length + completion.length, (part) => sequenceBatch(part, maxLength)); // prettier-ignore
	const terms = {
		sft: packed(sft),
		answers: packed(answers),
		kl: packed(kl?.sequences),
		lorra: packed(lorra?.sequences),
		dpo: packParts(
			pairs,
			config.accumulation ?? 1,
			({ prompt, chosen, rejected }) => prompt.length + chosen.length + rejected.length,
			(part) => pairBatch(part, maxLength),
		),
	};
	if (Object.values(terms).every((parts) => parts.length === 0)) throw new RangeError('trainStep: a step needs something to learn from');
	return terms;
}

function packParts<Item>(
	items: readonly Item[],
	count: number,
	sizeOf: (item: Item) => number,
	pack: (part: Item[]) => SequenceBatch,
): Part[] {
	const parts = evenParts(items.map(sizeOf), count).map((places) => ({ places, batch: pack(places.map((place) => items[place]!)) }));
	const completionTokens = parts.reduce((sum, { batch }) => sum + batch.completionTokens, 0);
	return parts.map(({ places, batch }) => ({ places, batch: { ...batch, completionTokens } }));
}

/** The places of things of these sizes in at most so many parts of nearly the same size: the largest first, each to the smallest part. One part keeps their order. */
export function evenParts(sizes: readonly number[], count: number): number[][] {
	if (count === 1 || sizes.length < 2) return sizes.length === 0 ? [] : [[...sizes.keys()]];
	const parts = Array.from({ length: Math.min(count, sizes.length) }, () => ({ size: 0, places: [] as number[] }));
	for (const place of [...sizes.keys()].toSorted((a, b) => sizes[b]! - sizes[a]!)) {
		const smallest = parts.reduce((least, part) => (part.size < least.size ? part : least));
		smallest.size += sizes[place]!;
		smallest.places.push(place);
	}
	return parts.map(({ places }) => places);
}

export function disposeTerms(terms: Terms): void {
	for (const { batch } of Object.values(terms).flat()) disposeBatch(batch);
}

/** Prompt and completion tokens of a term, a prompt once. */
export const tokensOf = (parts: readonly Part[]): number => parts.reduce((sum, { batch }) => sum + batch.tokens, 0);

/** Values of a term's rows or pairs, one part's after the other's, in the order of these. */
export function inOrder(parts: readonly Part[], values: ArrayLike<number>): number[] {
	const ordered = new Array<number>(values.length);
	parts.flatMap(({ places }) => places).forEach((place, i) => (ordered[place] = values[i]!));
	return ordered;
}

/** What a step tells beside its pairs: the gradient's norm, three products of gradients, and L_SFT, L_answers, L_KL, L_LoRRA and L_DPO. */
export type NumbersOfStep = [number, number, number, number, number, number, number, number, number];

/** A term's gradient, already weighted, and what is told of it, before its weight. */
interface Term extends tf.TensorContainerObject {
	gradient: tf.Tensor1D;
	report: tf.Tensor1D;
}

/** Updates the adapter; returns NumbersOfStep, then P each of chosen and rejected rewards and log-probs, part by part. Runs in a tidy. */
export function hybridUpdate(
	trainer: Trainer,
	terms: Terms,
	{ pairs, kl, lorra, steering }: TrainBatch,
	learningRate: number,
): tf.Tensor1D {
	const { model, lora, optimizer, config } = trainer;
	const learner = steering ? steered(model, steering.directions, steering.strength) : model;
	const lossOf = (parts: Part[], weight: number, loss: (batch: SequenceBatch) => (lora: Lora) => tf.Scalar) =>
		summed(
			parts.map(
				({ batch }) =>
					() =>
						lossTerm(lora, weight, loss(batch)),
			),
		);
	const task = lossOf(terms.sft, 1, (batch) => (lora) => meanTokenLoss(learner, lora, batch));
	const added = [
		lossOf(terms.answers, config.lambda, (batch) => (lora) => meanTokenLoss(model, lora, batch)),
		lossOf(terms.kl, kl?.weight ?? 0, (batch) => klLoss(model, batch)),
		lossOf(terms.lorra, lorra?.weight ?? 0, (batch) => lorraLoss(model, batch, lorra!)),
		preferenceTerm(trainer, terms.dpo, pairs),
	];
	const gradientsOf = (terms: readonly (Term | null)[]) => terms.flatMap((term) => (term ? [term.gradient] : []));
	const [gradients, addedGradients] = [gradientsOf([task, ...added]), gradientsOf(added)];
	const products = task && addedGradients.length > 0 ? gradientProducts(task.gradient, tf.addN(addedGradients)) : tf.zeros<tf.Rank.R1>([3]);
	const sizes = lora.parts.map(({ size }) => size);
	const { weightDecay, clipNorm } = config;
	const norm = applyAdamW(lora.weights, tf.addN(gradients), sizes, optimizer, learningRate, { ...ADAMW_DEFAULTS, weightDecay, clipNorm });
	return tf.concat([tf.reshape(norm, [1]), products, ...[task, ...added].map((term) => term?.report ?? tf.zeros<tf.Rank.R1>([1]))]);
}

/** A term of its parts, one after the other: gradients and reports add up as they come. Null where it has none. */
function summed(parts: readonly (() => Term)[]): Term | null {
	let sum: Term | null = null;
	for (const part of parts) {
		const next = tf.tidy(part);
		sum = sum ? addedTo(sum, next) : next;
	}
	return sum;
}

/** The sum of both, which are freed. */
function addedTo(before: Term, next: Term): Term {
	const sum = { gradient: tf.add<tf.Tensor1D>(before.gradient, next.gradient), report: tf.add<tf.Tensor1D>(before.report, next.report) };
	tf.dispose([before, next]);
	return sum;
}

/** weight·loss. */
function lossTerm(lora: Lora, weight: number, loss: (lora: Lora) => tf.Scalar): Term {
	const { value, grads } = tf.variableGrads(() => loss(lora), [lora.weights]);
	const gradient = grads[lora.weights.name] as tf.Tensor1D;
	return { gradient: weight === 1 ? gradient : tf.mul(gradient, weight), report: tf.reshape<tf.Rank.R1>(value, [1]) };
}

/** λ·L_DPO, the mean over all pairs; its report is the loss, and then P each of rewards and log-probs. */
function preferenceTerm(trainer: Trainer, parts: readonly Part[], pairs: readonly ReferencedPair[]): Term | null {
	const told: tf.Tensor2D[] = [];
	const term = summed(
		parts.map(({ batch, places }) => () => {
			const part = partOfPreferences(trainer, batch, places.map((place) => pairs[place]!), places.length / pairs.length); // prettier-ignore
			told.push(tf.keep(part.told)); // for longer than the part
			return { gradient: part.gradient, report: part.loss };
		}),
	);
	const report = term && tf.concat([term.report, tf.reshape<tf.Rank.R1>(tf.concat(told, 1), [-1])]);
	tf.dispose(told);
	return term && { ...term, report: report! };
}

/** What `share` of the pairs adds to λ·L_DPO, and of each of them rewards and log-probs, [4, P]. */
function partOfPreferences(
	{ model, lora, config }: Trainer,
	batch: SequenceBatch,
	pairs: readonly ReferencedPair[],
	share: number,
): { gradient: tf.Tensor1D; loss: tf.Tensor1D; told: tf.Tensor2D } {
	const reference = {
		chosen: tf.tensor1d(pairs.map((pair) => pair.reference.chosen)),
		rejected: tf.tensor1d(pairs.map((pair) => pair.reference.rejected)),
	};
	const [chosenLengths, rejectedLengths] = tf.split(batch.lengths, 2) as [tf.Tensor1D, tf.Tensor1D];
	let told: tf.Tensor[] = [];
	const { grads } = tf.variableGrads(() => {
		const [chosen, rejected] = tf.split(completionLogps(model, lora, batch), 2) as [tf.Tensor1D, tf.Tensor1D]; // [P] each
		const input = { policy: { chosen, rejected }, reference, lengths: { chosen: chosenLengths, rejected: rejectedLengths } };
		const reward = rewards(input, config.preference.beta);
		const mean = tf.mean<tf.Scalar>(preferenceLosses(input, config.preference));
		const loss = share === 1 ? mean : tf.mul<tf.Scalar>(mean, share);
		told = [tf.reshape(loss, [1]), tf.stack([reward.chosen, reward.rejected, chosen, rejected])].map((values) => tf.keep(tf.clone(values)));
		return tf.mul<tf.Scalar>(loss, config.lambda);
	}, [lora.weights]);
	const [loss, values] = told.map((kept) => tf.clone(kept)) as [tf.Tensor1D, tf.Tensor2D];
	tf.dispose(told); // kept by hand because variableGrads would free them with its own scope
	return { gradient: grads[lora.weights.name] as tf.Tensor1D, loss, told: values };
}

/** L_SFT, or a part of it: −Σ log π / (number of completion tokens of all parts). */
function meanTokenLoss(model: Model, lora: Lora, batch: SequenceBatch): tf.Scalar {
	return tf.mul<tf.Scalar>(tf.sum(completionLogps(model, lora, batch)), -1 / batch.completionTokens);
}
