/** The vectors by which a memory finds what is alike; the numbers are from pooledStates.py. */
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { parseModelConfig } from '$lib/model/config';
import { pooledStates } from '$lib/model/pooledStates';
import { readSafetensors } from '$lib/model/safetensors';
import { disposeSteering, steered } from '$lib/model/steering';
import { buildWeights, disposeModel, type Model } from '$lib/model/weights';

import { BACKENDS, expectClose, useBackend } from './backends';
import golden from './pooledStates.json';

const TOLERANCE = 2e-5; // in F32 against float64; the numbers go up to 3

describe.each(BACKENDS)('on %s', (backend) => {
	let model: Model;
	let before: number;
	beforeAll(async () => {
		await useBackend(backend);
		before = tf.memory().numTensors;
		const config = parseModelConfig(golden.config);
		const bytes = Uint8Array.from(atob(golden.model), (character) => character.charCodeAt(0));
		model = { config, weights: buildWeights(config, readSafetensors(bytes).tensors) };
	});
	afterAll(() => {
		disposeModel(model);
		expect(tf.memory().numTensors, 'tensors left').toBe(before);
	});

	it("gives PyTorch's means, of a text alone and among others, however many there are", async () => {
		const all = await pooledStates(model, golden.texts);
		all.forEach((state, i) => expectClose(state, golden.means[i]!, TOLERANCE));
		expectClose((await pooledStates(model, [golden.texts[2]!]))[0]!, golden.means[2]!, TOLERANCE);
		const many = await pooledStates(
			model,
			Array.from({ length: 40 }, (_, i) => golden.texts[i % 4]!),
		);
		expect(many).toHaveLength(40);
		many.forEach((state, i) => expectClose(state, golden.means[i % 4]!, TOLERANCE));
	});

	it('reads the base, whatever is added to the model', async () => {
		const bent = steered(model, Array.from({ length: golden.config.num_hidden_layers }, () => new Float32Array(golden.config.hidden_size).fill(1)), 3); // prettier-ignore
		const [state] = await pooledStates(bent, [golden.texts[1]!]);
		disposeSteering(bent);
		expectClose(state!, golden.means[1]!, TOLERANCE);
	});

	it('refuses a text without tokens', async () => {
		await expect(pooledStates(model, [[1], []])).rejects.toThrow('text 1 has no tokens');
		expect(await pooledStates(model, [])).toEqual([]);
	});
});
