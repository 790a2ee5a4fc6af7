import { parseModelConfig } from '$lib/model/config';
import type { StoredTensor } from '$lib/model/safetensors';
import { buildWeights, checkpointShapes, disposeModel, WeightsError } from '$lib/model/weights';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';

import { useBackend } from '../golden/backends';
import golden from '../golden/decoder.json';

const config = parseModelConfig(golden.models.qwen2.config);
const tensors = new Map(
	[...checkpointShapes(config)].map(([name, shape]): [string, StoredTensor] => {
		const size = shape.reduce((a, b) => a * b);
		return [name, { shape, data: Float32Array.from({ length: size }, (_, i) => i) }];
	}),
);

describe('buildWeights', () => {
	beforeAll(() => useBackend('cpu'));

	it('keeps kernels as [in, out], and one matrix for both ends of a tied model', async () => {
		const before = tf.memory().numTensors;
		const weights = buildWeights(config, tensors);
		const { k_proj } = weights.layers[1]!.kernels; // stored as [12, 24]
		expect(k_proj.shape).toEqual([24, 12]);
		expect([...(await k_proj.stored.data()).slice(0, 3)]).toEqual([0, 24, 48]);
		expect(weights.lmHead.shape).toEqual([24, 64]);
		expect(weights.embedTokens).toBe(weights.lmHead);
		expect([...(await weights.lmHead.stored.data()).slice(0, 3)]).toEqual([0, 24, 48]);
		expect(Object.keys(weights.layers[0]!.biases)).toEqual(['q_proj', 'k_proj', 'v_proj']);
		disposeModel({ config, weights });
		expect(tf.memory().numTensors).toBe(before);
	});

	it('names a tensor that is missing or has another shape, and leaves nothing behind', () => {
		const before = tf.memory().numTensors;
		const name = 'model.layers.1.mlp.down_proj.weight';
		const without = new Map(tensors);
		without.delete(name);
		expect(() => buildWeights(config, without)).toThrow(WeightsError);
		expect(() => buildWeights(config, without)).toThrow(`no tensor ${name}; its config.json asks for one of shape [24, 40]`);
		const turned = new Map(tensors).set(name, { shape: [40, 24], data: new Float32Array(960) });
		expect(() => buildWeights(config, turned)).toThrow(`${name} has shape [40, 24]; its config.json asks for [24, 40]`);
		expect(tf.memory().numTensors).toBe(before);
	});
});
