import * as tf from '@tensorflow/tfjs-core';

import { PROJECTIONS, projectionShape, type ModelConfig, type Projection } from './config';
import { type ModulePattern, patternValue } from './modulePatterns';
import type { Random } from './random';
import { projectionPath } from './weights';

export { PROJECTIONS, type Projection };

/** Low-rank adaptation, W' = W + s·B·A (arXiv:2106.09685), in PEFT's words. */
export interface LoraConfig {
	rank: number;
	alpha: number;
	/** Scale by alpha/√rank instead of alpha/rank (arXiv:2312.03732). */
	rslora: boolean;
	targetModules: Projection[];
	/** Other ranks than `rank`, by module. */
	rankPattern?: ModulePattern;
	/** Other alphas than `alpha`, by module. */
	alphaPattern?: ModulePattern;
}

/** One half of an adapted projection's change, and where its numbers are among the adapter's. */
export interface LoraPart {
	layer: number;
	projection: Projection;
	half: 'A' | 'B';
	/** A is [R, in], B is [out, R], as in PEFT. */
	shape: [number, number];
	offset: number;
	size: number;
}

/**
 * A trainable adapter; the base model stays as it is. All its numbers are one variable, so that an optimizer's step is one
 * operation and not one for each of a hundred matrices.
 */
export interface Lora {
	config: LoraConfig;
	/** Of the model, also those that the adapter leaves alone. */
	layers: number;
	weights: tf.Variable<tf.Rank.R1>;
	/** Layer by layer, in the order of PROJECTIONS, A before B: what is where in `weights`. */
	parts: LoraPart[];
}

/** One adapted projection, cut out of the adapter's weights. */
export interface LoraPair {
	loraA: tf.Tensor2D; // [R, in]
	loraB: tf.Tensor2D; // [out, R]
	/** s in W' = W + s·B·A. */
	scale: number;
}

/** An adapter as the layers of a model use it: the pairs of each layer, none where it leaves a projection alone. */
export type LoraPairs = Partial<Record<Projection, LoraPair>>[];

/** An adapter's numbers outside the backend, one array for each of its parts. */
export type LoraState = Float32Array[];

/** The parts of an adapter that changes the projections that `adapts` says. */
export function loraParts(model: ModelConfig, config: LoraConfig, adapts: (layer: number, projection: Projection) => boolean): LoraPart[] {
	let offset = 0;
	return Array.from({ length: model.numHiddenLayers }, (_, layer) =>
		PROJECTIONS.filter((projection) => adapts(layer, projection)).flatMap((projection): LoraPart[] => {
			const [inputs, outputs] = projectionShape(model, projection);
			const rank = moduleRank(config, layer, projection);
			const part = (half: 'A' | 'B', shape: [number, number]): LoraPart => {
				const size = shape[0] * shape[1];
				offset += size;
				return { layer, projection, half, shape, offset: offset - size, size };
			};
			return [part('A', [rank, inputs]), part('B', [outputs, rank])];
		}),
	).flat();
}

/** An adapter of these parts for a model of so many layers; `fill` writes the numbers of each part. */
export function makeLora(
	config: LoraConfig,
	layers: number,
	parts: LoraPart[],
	fill: (numbers: Float32Array, part: LoraPart) => void,
): Lora {
	const { offset, size } = parts.at(-1)!;
	const numbers = new Float32Array(offset + size);
	for (const part of parts) fill(numbers.subarray(part.offset, part.offset + part.size), part);
	return { config, layers, parts, weights: tf.tidy(() => tf.variable(tf.tensor1d(numbers))) };
}

/** A new adapter that changes nothing yet: A uniform in ±1/√in (torch's kaiming_uniform with a = √5, as in PEFT), B zero. */
export function initLora(model: ModelConfig, config: LoraConfig, random: Random): Lora {
	const { rank, rankPattern = {}, targetModules } = config;
	for (const R of [rank, ...Object.values(rankPattern)])
		if (!Number.isInteger(R) || R < 1) throw new RangeError(`LoRA: rank is ${R}; expected a whole number from 1 up`);
	if (targetModules.length === 0) throw new RangeError(`LoRA: targetModules is empty; name some of ${PROJECTIONS.join(', ')}`);
	const parts = loraParts(model, config, (_, projection) => targetModules.includes(projection));
	return makeLora(config, model.numHiddenLayers, parts, (numbers, { half, shape: [, inputs] }) => {
		if (half === 'B') return;
		const bound = 1 / Math.sqrt(inputs);
		for (let i = 0; i < numbers.length; i++) numbers[i] = bound * (2 * random() - 1);
	});
}

/** R of one module's change. */
export function moduleRank({ rank, rankPattern }: LoraConfig, layer: number, projection: Projection): number {
	return patternValue(rankPattern, projectionPath(layer, projection), rank);
}

/** s in W' = W + s·B·A of one module: α/R, or α/√R. */
export function loraScale(config: LoraConfig, layer: number, projection: Projection): number {
	const alpha = patternValue(config.alphaPattern, projectionPath(layer, projection), config.alpha);
	const rank = moduleRank(config, layer, projection);
	return alpha / (config.rslora ? Math.sqrt(rank) : rank);
}

export function disposeLora({ weights }: Lora): void {
	weights.dispose();
}

/** The adapter cut into its matrices; differentiable. */
export function loraPairs({ config, layers, weights, parts }: Lora): LoraPairs {
	const cut = tf.split(
		weights,
		parts.map(({ size }) => size),
	);
	const pairs: LoraPairs = Array.from({ length: layers }, () => ({}));
	for (let i = 0; i < parts.length; i += 2) {
		const [a, b] = [parts[i]!, parts[i + 1]!];
		pairs[a.layer]![a.projection] = {
			loraA: tf.reshape(cut[i]!, a.shape),
			loraB: tf.reshape(cut[i + 1]!, b.shape),
			scale: loraScale(config, a.layer, a.projection),
		};
	}
	return pairs;
}

/** Reads an adapter's numbers out of the backend. */
export async function saveLora({ weights, parts }: Lora): Promise<LoraState> {
	const numbers = (await weights.data()) as Float32Array;
	return parts.map(({ offset, size }) => numbers.slice(offset, offset + size));
}

/** Puts numbers that `saveLora` read back into an adapter of the same shape. */
export function restoreLora({ weights, parts }: Lora, state: LoraState): void {
	if (state.length !== parts.length)
		throw new RangeError(`restoreLora: the state has ${state.length} tensors; this adapter has ${parts.length}`);
	const numbers = new Float32Array(weights.size);
	parts.forEach(({ offset, size, layer, projection, half }, i) => {
		if (state[i]!.length !== size)
			throw new RangeError(`restoreLora: ${half} of ${projection} in layer ${layer} has ${state[i]!.length} numbers; expected ${size}`);
		numbers.set(state[i]!, offset);
	});
	tf.tidy(() => weights.assign(tf.tensor1d(numbers)));
}
