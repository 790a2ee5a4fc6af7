import * as tf from '@tensorflow/tfjs-core';

import type { Projection } from './config';
import { adaptedLinear, type LinearGroup } from './kernels/adaptedLinear';
import { rmsNorm } from './kernels/rmsNorm';
import type { HeadLayout } from './kernels/rotateHeads';
import { selectRows } from './kernels/selectRows';
import { swiglu } from './kernels/swiglu';
import { loraScale, type Lora, type LoraPart } from './lora';
import type { LayerWeights, Model } from './weights';

/** The layers of a block that read the same input. */
const GROUPS = { qkv: ['q_proj', 'k_proj', 'v_proj'], o: ['o_proj'], gateUp: ['gate_proj', 'up_proj'], down: ['down_proj'] } as const;
type Group = keyof typeof GROUPS;

/** An adapter as packed blocks use it: what it adds to each group of each layer, and to which projections at which rank and scale. */
export type LoraGroups = Partial<Record<Group, { weights: tf.Tensor1D; changes: Map<Projection, { rank: number; scale: number }> }>>[];

/** The adapter cut into groups, whose parts lie side by side in it; differentiable. */
export function cutByGroup({ config, layers, weights, parts }: Lora): LoraGroups {
	const groups: { layer: number; group: Group; parts: LoraPart[] }[] = [];
	for (const part of parts) {
		const group = (Object.keys(GROUPS) as Group[]).find((name) => (GROUPS[name] as readonly Projection[]).includes(part.projection))!;
		const last = groups.at(-1);
		if (last?.layer === part.layer && last.group === group) last.parts.push(part);
		else groups.push({ layer: part.layer, group, parts: [part] });
	}
	const cut = tf.split<tf.Tensor1D>(
		weights,
		groups.map((group) => group.parts.reduce((sum, { size }) => sum + size, 0)),
	);
	const byLayer: LoraGroups = Array.from({ length: layers }, () => ({}));
	groups.forEach(({ layer, group, parts }, i) => {
		const change = ({ projection, shape }: LoraPart) =>
			[projection, { rank: shape[0], scale: loraScale(config, layer, projection) }] as const;
		byLayer[layer]![group] = { weights: cut[i]!, changes: new Map(parts.filter(({ half }) => half === 'A').map(change)) };
	});
	return byLayer;
}

/** What a layer's queries take from keys and values, all of which it turns by the angles of their places: [N, (H + 2·KV)·headDim] → [N, H·headDim]. */
export type Attention = (layer: number, qkv: tf.Tensor2D, layout: HeadLayout) => tf.Tensor2D;

/** What the rows that a block works on see, and which of them it has to give. */
export interface BlockRows {
	attention: Attention;
	/** [M] int32, the rows that are read after the last block: what follows its attention runs for those only. Null: all. */
	wanted: tf.Tensor1D | null;
}

/**
 * One pre-norm block over packed tokens: x + attention(norm(x)), then + SwiGLU(norm(…)) (arXiv:2002.05202) and what the model is steered by;
 * x [N, D] → [N, D], or [M, D].
 * Layers that read the same input are one product: a small model's step is bound by the number of operations, on a GPU above all.
 */
export function packedBlock(
	{ config, weights, steering }: Model,
	index: number,
	x: tf.Tensor2D,
	lora: LoraGroups | null,
	{ attention, wanted }: BlockRows,
): tf.Tensor2D {
	const { numAttentionHeads: heads, numKeyValueHeads: keyValueHeads, headDim, rmsNormEps: eps } = config;
	const layer = weights.layers[index]!;
	const layout: HeadLayout = { heads, keyValueHeads, headDim };
	const group = (name: Group) => linearGroup(layer, name, lora, index);
	const take = (rows: tf.Tensor2D) => (wanted ? selectRows(rows, wanted) : rows);

	const qkv = adaptedLinear(rmsNorm(x, layer.inputLayernorm, eps), group('qkv'));
	const attended = attention(index, normHeads(qkv, layer, layout, eps), layout);
	const residual = adaptedLinear(take(attended), group('o'), take(x));
	const gateUp = adaptedLinear(rmsNorm(residual, layer.postAttentionLayernorm, eps), group('gateUp'));
	// No family has a bias there, and one added to the block's last product is added to the residual stream.
	return adaptedLinear(swiglu(gateUp), { ...group('down'), bias: steering?.[index] ?? null }, residual);
}

function linearGroup({ kernels, biases }: LayerWeights, group: Group, lora: LoraGroups | null, index: number): LinearGroup {
	const names: readonly Projection[] = GROUPS[group];
	const added = lora?.[index]?.[group];
	const zeros = (name: Projection) => tf.zeros<tf.Rank.R1>([kernels[name].shape[1]]);
	return {
		kernels: names.map((name) => kernels[name]),
		bias: names.some((name) => biases[name]) ? tf.concat(names.map((name) => biases[name] ?? zeros(name))) : null,
		adapter: added?.weights ?? null,
		ranks: names.map((name) => added?.changes.get(name)?.rank ?? 0),
		scales: names.map((name) => added?.changes.get(name)?.scale ?? 0),
	};
}

/** Qwen3's RMSNorm of each head of queries and keys within qkv; other families have none. */
function normHeads(
	qkv: tf.Tensor2D,
	{ qNorm, kNorm }: LayerWeights,
	{ heads, keyValueHeads, headDim }: HeadLayout,
	eps: number,
): tf.Tensor2D {
	if (!qNorm || !kNorm) return qkv;
	const [q, k, v] = tf.split<tf.Tensor2D>(qkv, [heads * headDim, keyValueHeads * headDim, keyValueHeads * headDim], 1);
	const normed = (x: tf.Tensor2D, weight: tf.Tensor1D) =>
		tf.reshape<tf.Rank.R2>(rmsNorm(tf.reshape(x, [-1, headDim]), weight, eps), x.shape);
	return tf.concat([normed(q!, qNorm), normed(k!, kNorm), v!], 1);
}
