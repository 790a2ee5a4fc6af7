import { type ModelConfig, parseModelConfig } from '$lib/model/config';
import { hiddenStates, logits } from '$lib/model/decoder';
import { generate, type GenerateOptions, type Generation } from '$lib/model/generate';
import { packTokens } from '$lib/model/packing';
import { disposeModel, type Model } from '$lib/model/weights';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { BACKENDS, useBackend } from './backends';
import golden from './decoder.json';
import { randomModel } from './randomCheckpoint';

const prompts = [[5, 17, 42, 3, 60], [9, 1], [33, 21, 8, 54, 2, 47, 13, 13, 30, 4, 4, 9, 51, 22, 10, 3, 44, 29], [61], [7, 7, 7]];
const seeds = [11, 22, 33, 44, 55];
const sampling = { temperature: 1, topP: 0.9, maxNewTokens: 12 };
const options: GenerateOptions = { sampling, stopTokens: [], seeds };

/** One token at a time, each from a whole forward pass without a cache. */
async function greedyWithoutCache(model: Model, prompt: number[], count: number): Promise<number[]> {
	const ids = [...prompt];
	for (let i = 0; i < count; i++) {
		const best = tf.tidy(() => {
			const scores = logits(model, hiddenStates(model, packTokens([{ stem: ids, branches: [] }]), null));
			return tf.argMax(tf.slice(scores, [ids.length - 1, 0], [1, -1]), -1);
		});
		ids.push((await best.data())[0]!);
		best.dispose();
	}
	return ids.slice(prompt.length);
}

describe.each(BACKENDS)('%s', (backend) => {
	let model: Model;
	let config: ModelConfig;
	beforeAll(async () => {
		await useBackend(backend);
		config = parseModelConfig(golden.models.qwen3.config); // one key-value head
		model = randomModel(config, golden.models.qwen3.seed);
	});
	afterAll(() => disposeModel(model));

	it('gives a row the same text alone, among others, and in another order', async () => {
		const batch = await generate(model, null, prompts, options);
		expect(await generate(model, null, prompts, options)).toEqual(batch);
		for (const [i, prompt] of prompts.entries())
			expect(await generate(model, null, [prompt], { ...options, seeds: [seeds[i]!] })).toEqual([batch[i]]);
		expect(await generate(model, null, prompts.toReversed(), { ...options, seeds: seeds.toReversed() })).toEqual(batch.toReversed());
	});

	it('gives other text for another seed', async () => {
		const [a, b] = await generate(model, null, [prompts[0]!, prompts[0]!], { ...options, seeds: [1, 2] });
		expect(a!.ids).not.toEqual(b!.ids);
	});

	it('ends rows at a stop token, and goes on with the others in a smaller batch', async () => {
		const free = await generate(model, null, prompts, options);
		const stopTokens = [...new Set(free.slice(0, 4).map((row) => row.ids[3]!))]; // most rows end early, at different tokens
		const expected = free.map((row): Generation => {
			const end = row.ids.findIndex((token) => stopTokens.includes(token));
			return end < 0 ? row : { ...row, ids: row.ids.slice(0, end), finish: 'stop' };
		});
		expect(await generate(model, null, prompts, { ...options, stopTokens })).toEqual(expected);
		expect(expected.filter((row) => row.finish === 'stop').length).toBeGreaterThanOrEqual(4);
		expect(free.every((row) => row.finish === 'length' && row.ids.length === sampling.maxNewTokens)).toBe(true);
	});

	it('equals decoding without a cache, past the end of a bucket', async () => {
		const greedy = { temperature: 0, topP: 1, maxNewTokens: 20 };
		const [row] = await generate(model, null, [prompts[0]!], { sampling: greedy, stopTokens: [], seeds: [1] });
		expect(row!.ids).toEqual(await greedyWithoutCache(model, prompts[0]!, 20));
	});

	it('stops within a token when it is aborted, and leaves no tensors', async () => {
		const before = tf.memory().numTensors;
		const controller = new AbortController();
		const seen: number[] = [];
		const onToken = (done: number, total: number) => {
			seen.push(done);
			expect(total).toBe(sampling.maxNewTokens);
			if (done === 3) controller.abort(new Error('enough'));
		};
		const running = generate(model, null, prompts, { ...options, signal: controller.signal, onToken });
		await expect(running).rejects.toThrow('enough');
		expect(seen).toEqual([1, 2, 3]);
		await expect(generate(model, null, prompts, { ...options, signal: controller.signal })).rejects.toThrow('enough');
		expect(tf.memory().numTensors).toBe(before);
	});

	it('refuses a model that has diverged, and leaves no tensors', async () => {
		const before = tf.memory().numTensors;
		const norm = tf.mul<tf.Tensor1D>(model.weights.norm, NaN);
		for (const temperature of [0, 1]) {
			const diverged = { config, weights: { ...model.weights, norm } };
			const running = generate(diverged, null, prompts, { ...options, sampling: { ...sampling, temperature } });
			await expect(running).rejects.toThrow('lower the learning rate');
		}
		norm.dispose();
		expect(tf.memory().numTensors).toBe(before);
	});

	it('takes no more memory for a second time, with rows that end early', async () => {
		const free = await generate(model, null, prompts, options);
		const stopTokens = free.slice(0, 3).map((row) => row.ids[5]!);
		const bytes = () => (tf.memory() as tf.MemoryInfo & { numBytesAllocatedInGPU?: number }).numBytesAllocatedInGPU ?? tf.memory().numBytes;
		await generate(model, null, prompts, { ...options, stopTokens });
		const before = bytes();
		await generate(model, null, prompts, { ...options, stopTokens });
		expect(bytes()).toBe(before);
	});

	it('says what is wrong with what it is given', async () => {
		expect(await generate(model, null, [], { ...options, seeds: [] })).toEqual([]);
		await expect(generate(model, null, prompts, { ...options, seeds: [1] })).rejects.toThrow('5 prompts came with 1 seeds');
		await expect(generate(model, null, [[]], { ...options, seeds: [1] })).rejects.toThrow('prompt 0 is empty');
		const long = { ...sampling, maxNewTokens: 127 };
		await expect(generate(model, null, [[1, 2]], { ...options, seeds: [1], sampling: long })).rejects.toThrow(
			'the model has 128 positions',
		);
		for (const bad of [{ temperature: -1 }, { topP: 0 }, { topP: 1.1 }, { maxNewTokens: 0 }]) {
			const [name] = Object.keys(bad);
			await expect(generate(model, null, [[1]], { ...options, seeds: [1], sampling: { ...sampling, ...bad } })).rejects.toThrow(name);
		}
	});
});
