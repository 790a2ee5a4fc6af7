import * as tf from '@tensorflow/tfjs-core';

import { PROJECTIONS, projectionShape, type ModelConfig, type Projection } from './config';
import type { Precision } from './halfPrecision';
import { freezeInParts, freezeTurned } from './kernels/freeze';
import type { FrozenMatrix } from './kernels/frozenMatrix';
import type { LoraGroups } from './packedBlock';
import type { StoredTensor, TensorInFile } from './safetensors';
import type { Steering } from './steering';

/** One decoder block. Kernels are [in, out], transposed once on loading, because a plain matMul is every backend's fastest. */
export interface LayerWeights {
	inputLayernorm: tf.Tensor1D; // [D]
	postAttentionLayernorm: tf.Tensor1D; // [D]
	kernels: Record<Projection, FrozenMatrix>; // [in, out]
	biases: Partial<Record<Projection, tf.Tensor1D>>; // [out]
	qNorm: tf.Tensor1D | null; // [headDim]
	kNorm: tf.Tensor1D | null; // [headDim]
}

export interface Weights {
	/** [D, V], as the head is. Of a tied model it is the head. */
	embedTokens: FrozenMatrix;
	layers: LayerWeights[];
	norm: tf.Tensor1D; // [D]
	lmHead: FrozenMatrix; // [D, V]
}

/** A decoder: what it is and what it has learnt. */
export interface Model {
	config: ModelConfig;
	weights: Weights;
	/** For the gradient, blocks are computed again: their inner states are not kept (see recompute.ts). */
	recomputes?: boolean;
	/** A change that is always on, beside kernels which it could not be added to (see mergeLora.ts). */
	adapter?: LoraGroups;
	/** What is added to the residual stream after each block, [D] of each; null after those that are left alone (see steering.ts). */
	steering?: Steering;
}

/** A checkpoint whose tensors are not those that its config.json asks for. */
export class WeightsError extends Error {
	override name = 'WeightsError';
}

const MODULES: Record<Projection, 'self_attn' | 'mlp'> = {
	q_proj: 'self_attn',
	k_proj: 'self_attn',
	v_proj: 'self_attn',
	o_proj: 'self_attn',
	gate_proj: 'mlp',
	up_proj: 'mlp',
	down_proj: 'mlp',
};

/** The name of a projection's module in transformers' checkpoints, e.g. `model.layers.0.self_attn.q_proj`. */
export function projectionPath(layer: number, projection: Projection): string {
	return `model.layers.${layer}.${MODULES[projection]}.${projection}`;
}

/** Every tensor that a checkpoint of this configuration has, with its shape as torch stores it (a Linear is [out, in]). */
export function checkpointShapes(config: ModelConfig): Map<string, number[]> {
	const { vocabSize: V, hiddenSize: D, headDim } = config;
	const shapes = new Map<string, number[]>([
		['model.embed_tokens.weight', [V, D]],
		['model.norm.weight', [D]],
	]);
	if (!config.tieWordEmbeddings) shapes.set('lm_head.weight', [V, D]);
	for (let i = 0; i < config.numHiddenLayers; i++) {
		const layer = `model.layers.${i}`;
		shapes.set(`${layer}.input_layernorm.weight`, [D]).set(`${layer}.post_attention_layernorm.weight`, [D]);
		if (config.qkNorm) shapes.set(`${layer}.self_attn.q_norm.weight`, [headDim]).set(`${layer}.self_attn.k_norm.weight`, [headDim]);
		for (const projection of PROJECTIONS) {
			const [inputs, outputs] = projectionShape(config, projection);
			shapes.set(`${projectionPath(i, projection)}.weight`, [outputs, inputs]);
			if (hasBias(config, projection)) shapes.set(`${projectionPath(i, projection)}.bias`, [outputs]);
		}
	}
	return shapes;
}

/** A tensor on the backend. */
type Placed = FrozenMatrix | tf.Tensor1D;

/**
 * Puts a checkpoint's tensors on the backend, its matrices in the precision that is asked for (vectors are few, and stay float32).
 * @throws WeightsError that names a tensor that is missing or has another shape; MatrixSizeError
 */
export function buildWeights(config: ModelConfig, tensors: ReadonlyMap<string, StoredTensor>, precision: Precision = 'f32'): Weights {
	const placed = new Map<string, Placed>();
	for (const name of checkedNames(config, tensors)) {
		const { shape, data } = tensors.get(name)!;
		placed.set(name, shape.length === 1 ? tf.tensor1d(data) : freezeTurned(data, shape as [number, number], precision));
	}
	return assemble(config, placed);
}

/** `buildWeights` for tensors that are still in their files: one after the other is read, in their order, and put on the backend. @throws as it does */
export async function loadWeights(
	config: ModelConfig,
	tensors: ReadonlyMap<string, TensorInFile>,
	precision: Precision = 'f32',
): Promise<Weights> {
	const asked = new Set(checkedNames(config, tensors));
	const placed = new Map<string, Placed>();
	try {
		for (const [name, { shape, read }] of tensors) {
			if (!asked.has(name)) continue;
			const [columns, rows] = shape as [number, number?];
			placed.set(name, rows === undefined ? tf.tensor1d(await read(0, columns)) : await freezeInParts([columns, rows], read, precision));
		}
	} catch (error) {
		tf.dispose([...placed.values()] as unknown as tf.TensorContainer);
		throw error;
	}
	return assemble(config, placed);
}

function assemble(config: ModelConfig, placed: ReadonlyMap<string, Placed>): Weights {
	const vector = (name: string) => placed.get(name) as tf.Tensor1D;
	const matrix = (name: string) => placed.get(name) as FrozenMatrix;
	const layers = Array.from({ length: config.numHiddenLayers }, (_, i): LayerWeights => {
		const layer = `model.layers.${i}`;
		const path = (projection: Projection) => projectionPath(i, projection);
		const biased = PROJECTIONS.filter((projection) => hasBias(config, projection));
		return {
			inputLayernorm: vector(`${layer}.input_layernorm.weight`),
			postAttentionLayernorm: vector(`${layer}.post_attention_layernorm.weight`),
			kernels: Object.fromEntries(PROJECTIONS.map((p) => [p, matrix(`${path(p)}.weight`)])) as LayerWeights['kernels'],
			biases: Object.fromEntries(biased.map((p) => [p, vector(`${path(p)}.bias`)])),
			qNorm: config.qkNorm ? vector(`${layer}.self_attn.q_norm.weight`) : null,
			kNorm: config.qkNorm ? vector(`${layer}.self_attn.k_norm.weight`) : null,
		};
	});
	const embedTokens = matrix('model.embed_tokens.weight');
	return {
		embedTokens,
		layers,
		norm: vector('model.norm.weight'),
		lmHead: config.tieWordEmbeddings ? embedTokens : matrix('lm_head.weight'),
	};
}

/** Frees the backend's memory of a model that `buildWeights` made. */
export function disposeModel(model: Model): void {
	tf.dispose(model.weights as unknown as tf.TensorContainer);
}

/** Qwen2 has biases on q, k and v only; Llama and Qwen3 with `attention_bias` on o as well. */
function hasBias(config: ModelConfig, projection: Projection): boolean {
	if (!config.attentionBias || MODULES[projection] === 'mlp') return false;
	return projection !== 'o_proj' || config.modelType !== 'qwen2';
}

/** The names of all that the model needs, each of which is there in its shape. @throws WeightsError */
export function checkedNames(config: ModelConfig, tensors: ReadonlyMap<string, { shape: number[] }>): string[] {
	const expected = checkpointShapes(config);
	for (const [name, shape] of expected) check(name, shape, tensors.get(name));
	return [...expected.keys()];
}

function check(name: string, expected: number[], tensor: { shape: number[] } | undefined): void {
	if (!tensor)
		throw new WeightsError(`the checkpoint has no tensor ${name}; its config.json asks for one of shape [${expected.join(', ')}]`);
	if (tensor.shape.join() === expected.join()) return;
	throw new WeightsError(
		`the checkpoint's tensor ${name} has shape [${tensor.shape.join(', ')}]; its config.json asks for [${expected.join(', ')}]`,
	);
}
