import * as tf from '@tensorflow/tfjs-core';

import { frozenFloats } from './kernels/frozenMatrix';
import { loraPairs, PROJECTIONS, type Lora } from './lora';
import { cutByGroup, type LoraGroups } from './packedBlock';
import type { LayerWeights, Model } from './weights';

/**
 * The model with an adapter in it for good, which it shares all else with the base for; free it with `disposeMerged`. The change is added to
 * the kernels, and it is as fast as the base. Kernels in fewer bits are left as they are, and the change stands beside them: rounded with
 * them, a young adapter's would be lost, and in float32 they would take the memory twice over that they were rounded to save.
 */
export function mergeLora(model: Model, lora: Lora): Model {
	if (model.weights.layers.some(({ kernels }) => PROJECTIONS.some((projection) => kernels[projection].storage !== 'f32')))
		return { ...model, adapter: kept(cutByGroup(lora)) };
	const layers: LayerWeights[] = [];
	tf.tidy(() => {
		const pairs = loraPairs(lora);
		model.weights.layers.forEach((layer, i) => {
			const kernels = { ...layer.kernels };
			for (const projection of PROJECTIONS) {
				const pair = pairs[i]![projection];
				if (!pair) continue;
				const change = tf.mul(tf.matMul(pair.loraA, pair.loraB, true, true), pair.scale);
				kernels[projection] = frozenFloats(tf.keep(tf.add(layer.kernels[projection].stored, change)));
			}
			layers.push({ ...layer, kernels });
		});
	});
	return { ...model, weights: { ...model.weights, layers } };
}

/** Frees what `mergeLora` made, and leaves what belongs to the base. */
export function disposeMerged(merged: Model, base: Model): void {
	if (merged.adapter) for (const groups of merged.adapter) tf.dispose(Object.values(groups).map(({ weights }) => weights));
	merged.weights.layers.forEach(({ kernels }, i) => {
		for (const projection of PROJECTIONS)
			if (kernels[projection] !== base.weights.layers[i]!.kernels[projection]) kernels[projection].stored.dispose();
	});
}

function kept(groups: LoraGroups): LoraGroups {
	for (const layer of groups) for (const { weights } of Object.values(layer)) tf.keep(weights);
	return groups;
}
