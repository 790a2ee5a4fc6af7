/** What is noted of an answer's draws while it is written, against the definition over a whole forward pass of question and answer. */
import { GPU_KERNELS, useGpuKernels } from '$lib/model/kernels/gpuKernels';
import { noteDraws, startNotes } from '$lib/model/kernels/noteDraws';
import { startProgress } from '$lib/model/kernels/progress';
import { type ModelConfig, parseModelConfig } from '$lib/model/config';
import { hiddenStates, logits } from '$lib/model/decoder';
import { type DrawMeans, generate, type GenerateOptions, type Generation } from '$lib/model/generate';
import { packTokens } from '$lib/model/packing';
import { normal, seededRandom } from '$lib/model/random';
import { disposeModel, type Model } from '$lib/model/weights';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { BACKENDS, useBackend } from './backends';
import golden from './decoder.json';
import { randomModel } from './randomCheckpoint';

const prompts = [[5, 17, 42, 3, 60], [9, 1], [33, 21, 8, 54, 2, 47, 13, 13, 30], [61], [7, 7, 7], [8, 50]];
const seeds = [11, 22, 33, 44, 55, 66];
const sampling = { temperature: 0.8, topP: 1, maxNewTokens: 12 };

describe.each(BACKENDS)('%s', (backend) => {
	let model: Model;
	let config: ModelConfig;
	let options: GenerateOptions;
	beforeAll(async () => {
		await useBackend(backend);
		config = parseModelConfig(golden.models.qwen3.config);
		model = randomModel(config, golden.models.qwen3.seed);
		const random = seededRandom(4, 'line');
		const direction = Float32Array.from({ length: config.hiddenSize }, () => normal(random));
		options = { sampling, stopTokens: [], seeds, noteOn: { direction, offset: 0.25 } };
	});
	afterAll(() => disposeModel(model));

	/** The means over the draws of one answer, from the states of question and answer read in one piece. */
	async function expected(prompt: number[], { ids, finish }: Generation, stopToken: number): Promise<DrawMeans> {
		const drawn = finish === 'stop' ? [...ids, stopToken] : ids;
		const { direction, offset } = options.noteOn!;
		const [h, scores] = tf.tidy(() => {
			const hidden = hiddenStates(model, packTokens([{ stem: [...prompt, ...ids], branches: [] }]), null);
			const read = tf.slice(hidden, [prompt.length - 1, 0], [drawn.length, -1]);
			return [read, logits(model, read)];
		});
		const [states, all] = [await h.array(), await scores.array()];
		tf.dispose([h, scores]);
		const each = drawn.map((token, i) => {
			const row = all[i]!;
			const top = Math.max(...row);
			const whole = top + Math.log(row.reduce((sum, score) => sum + Math.exp(score - top), 0));
			const logps = row.map((score) => score - whole);
			return {
				logp: logps[token]!,
				entropy: -logps.reduce((sum, logp) => sum + Math.exp(logp) * logp, 0),
				position: states[i]!.reduce((sum, value, d) => sum + value * direction[d]!, offset),
			};
		});
		const mean = (of: keyof DrawMeans) => each.reduce((sum, one) => sum + one[of], 0) / each.length;
		return { logp: mean('logp'), entropy: mean('entropy'), position: mean('position') };
	}

	it.each(backend === 'webgpu' ? [1, 64] : [1])('with %d lanes a row: of rows that end early and rows that are cut', async (lanes) => {
		if (backend === 'webgpu') useGpuKernels(GPU_KERNELS, lanes === 1);
		const free = await generate(model, null, prompts, { ...options, stopTokens: [] });
		const stopToken = free[1]!.ids[3]!; // row 1 ends there at the latest
		const tensors = tf.memory().numTensors;
		const found = await generate(model, null, prompts, { ...options, stopTokens: [stopToken] });
		expect(tf.memory().numTensors).toBe(tensors);
		expect(new Set(found.map(({ finish }) => finish)).size).toBe(2);
		for (const [i, generation] of found.entries()) {
			const wanted = await expected(prompts[i]!, generation, stopToken);
			for (const of of ['logp', 'entropy', 'position'] as const)
				expect(Math.abs(generation.draws![of] - wanted[of]), `${of} of row ${i}`).toBeLessThan(1e-5 * Math.max(1, Math.abs(wanted[of]))); // prettier-ignore
		}
	});

	it('changes no token, and is not there where it was not asked for', async () => {
		const { noteOn, ...plain } = options;
		const without = await generate(model, null, prompts, plain);
		const noted = await generate(model, null, prompts, options);
		expect(noteOn).toBeDefined();
		expect(noted.map(({ ids, finish }) => ({ ids, finish }))).toEqual(without.map(({ ids, finish }) => ({ ids, finish })));
		expect(without.every((generation) => !('draws' in generation))).toBe(true);
	});

	it('refuses tables that do not fit', () => {
		const made = [startNotes(1, 3), startProgress([4], 3), tf.zeros([1, 5]), tf.zeros([1, 4]), tf.zeros([7])];
		const [notes, progress, scores, hidden, direction] = made as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor1D];
		expect(() => noteDraws(notes, progress, scores, hidden, direction)).toThrow('states [1, 4] and a direction of 7 do not fit');
		tf.dispose(made);
	});
});
