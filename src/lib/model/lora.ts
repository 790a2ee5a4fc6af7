import * as tf from '@tensorflow/tfjs-core';

import { PROJECTIONS, projectionShape, type ModelConfig, type Projection } from './config';
import type { Random } from './random';
import type { LayerWeights, Model } from './weights';

export { PROJECTIONS, type Projection };

/** Low-rank adaptation, W' = W + s·B·A (arXiv:2106.09685), in PEFT's words. */
export interface LoraConfig {
	rank: number;
	alpha: number;
	/** Scale by alpha/√rank instead of alpha/rank (arXiv:2312.03732). */
	rslora: boolean;
	targetModules: Projection[];
}

/** One adapted projection. */
export interface LoraPair {
	loraA: tf.Variable<tf.Rank.R2>; // [R, in]
	loraB: tf.Variable<tf.Rank.R2>; // [out, R]
}

/** A trainable adapter: for each layer the projections that it changes. The base model stays as it is. */
export interface Lora {
	config: LoraConfig;
	layers: Partial<Record<Projection, LoraPair>>[];
}

/** An adapter's numbers outside the backend, in the order of `loraVariables`. */
export type LoraState = Float32Array[];

/** tfjs registers variables by name for the whole page, and two adapters live side by side: each takes its own number. */
let adapters = 0;

/** A new adapter that changes nothing yet: A uniform in ±1/√in (torch's kaiming_uniform with a = √5, as in PEFT), B zero. */
export function initLora(model: ModelConfig, config: LoraConfig, random: Random): Lora {
	const { rank: R, targetModules } = config;
	if (!Number.isInteger(R) || R < 1) throw new RangeError(`LoRA: rank is ${R}; expected a whole number from 1 up`);
	if (targetModules.length === 0) throw new RangeError(`LoRA: targetModules is empty; name some of ${PROJECTIONS.join(', ')}`);
	const adapter = adapters++;
	const layers = Array.from({ length: model.numHiddenLayers }, (_, layer) => {
		const pairs: Lora['layers'][number] = {};
		for (const projection of PROJECTIONS.filter((name) => targetModules.includes(name))) {
			const [inputs, outputs] = projectionShape(model, projection);
			const bound = 1 / Math.sqrt(inputs);
			const uniform = Float32Array.from({ length: R * inputs }, () => bound * (2 * random() - 1));
			const name = `lora${adapter}/layers.${layer}.${projection}`;
			pairs[projection] = {
				loraA: variable(uniform, [R, inputs], `${name}.lora_A`),
				loraB: variable(new Float32Array(outputs * R), [outputs, R], `${name}.lora_B`),
			};
		}
		return pairs;
	});
	return { config, layers };
}

/** s in W' = W + s·B·A. */
export function loraScale({ alpha, rank, rslora }: LoraConfig): number {
	return alpha / (rslora ? Math.sqrt(rank) : rank);
}

/** Every variable, layer by layer, in the order of PROJECTIONS, A before B. */
export function loraVariables(lora: Lora): tf.Variable<tf.Rank.R2>[] {
	return lora.layers.flatMap((pairs) => PROJECTIONS.flatMap((name) => (pairs[name] ? [pairs[name].loraA, pairs[name].loraB] : [])));
}

export function disposeLora(lora: Lora): void {
	for (const variable of loraVariables(lora)) variable.dispose();
}

/** y = x·W (+ b) (+ s·(x·Aᵀ)·Bᵀ) for `x` [N, in]; the adapter is off where `pair` is undefined. */
export function project(
	x: tf.Tensor2D,
	layer: LayerWeights,
	projection: Projection,
	pair: LoraPair | undefined,
	scale: number,
): tf.Tensor2D {
	let y: tf.Tensor2D = tf.matMul(x, layer.kernels[projection]); // [N, out]
	const bias = layer.biases[projection];
	if (bias) y = tf.add(y, bias);
	if (!pair) return y;
	const low: tf.Tensor2D = tf.mul(tf.matMul(x, pair.loraA, false, true), scale); // [N, R]
	return tf.add(y, tf.matMul(low, pair.loraB, false, true));
}

/** The model with the adapter's change added to its kernels: as fast as the base. It shares all else with it; free it with `disposeMerged`. */
export function mergeLora(model: Model, lora: Lora): Model {
	const scale = loraScale(lora.config);
	const layers = model.weights.layers.map((layer, i) => {
		const kernels = { ...layer.kernels };
		for (const projection of PROJECTIONS) {
			const pair = lora.layers[i]?.[projection];
			if (pair)
				kernels[projection] = tf.tidy(() =>
					tf.add(layer.kernels[projection], tf.mul(tf.matMul(pair.loraA, pair.loraB, true, true), scale)),
				);
		}
		return { ...layer, kernels };
	});
	return { config: model.config, weights: { ...model.weights, layers } };
}

/** Frees the kernels that `mergeLora` made, and leaves those that belong to the base. */
export function disposeMerged(merged: Model, base: Model): void {
	merged.weights.layers.forEach(({ kernels }, i) => {
		for (const projection of PROJECTIONS)
			if (kernels[projection] !== base.weights.layers[i]!.kernels[projection]) kernels[projection].dispose();
	});
}

/** Reads an adapter's numbers out of the backend. */
export async function saveLora(lora: Lora): Promise<LoraState> {
	return Promise.all(loraVariables(lora).map(async (variable) => Float32Array.from(await variable.data())));
}

/** Puts numbers that `saveLora` read back into an adapter of the same shape. */
export function restoreLora(lora: Lora, state: LoraState): void {
	const variables = loraVariables(lora);
	if (state.length !== variables.length)
		throw new RangeError(`restoreLora: the state has ${state.length} tensors; this adapter has ${variables.length}`);
	tf.tidy(() => variables.forEach((variable, i) => variable.assign(tf.tensor2d(state[i]!, variable.shape))));
}

function variable(values: Float32Array, shape: [number, number], name: string): tf.Variable<tf.Rank.R2> {
	return tf.tidy(() => tf.variable(tf.tensor2d(values, shape), true, name));
}
