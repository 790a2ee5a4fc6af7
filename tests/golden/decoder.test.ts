import * as tf from '@tensorflow/tfjs-core';
import { parseModelConfig } from '$lib/model/config';
import { hiddenStates, logits } from '$lib/model/decoder';
import { packTokens } from '$lib/model/packing';
import { generate, type GenerateOptions } from '$lib/model/generate';
import { disposeLora, type Lora, type LoraConfig } from '$lib/model/lora';
import { disposeMerged, mergeLora } from '$lib/model/mergeLora';
import { nextTokenProbabilities } from '$lib/model/nextTokenProbabilities';
import { disposeModel, type Model } from '$lib/model/weights';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { BACKENDS, expectClose, useBackend } from './backends';
import golden from './decoder.json';
import { loraNames, randomLora, randomModel } from './randomCheckpoint';

const { prompts, newTokens } = golden;
const packed = packTokens(prompts.map((stem) => ({ stem, branches: [] })));
const LOGITS = 5e-5; // the numbers go up to 4
const GRADIENTS = 5e-4; // the numbers go up to 20

const greedy: GenerateOptions = {
	sampling: { temperature: 0, topP: 1, maxNewTokens: newTokens },
	stopTokens: [],
	seeds: prompts.map((_, i) => i),
};

/** Scores [tokens of the row, V] that the model gives after each real token of each prompt. */
async function scoresByRow(model: Model, lora: Lora | null): Promise<Float32Array[]> {
	const V = model.config.vocabSize;
	const scores = tf.tidy(() => logits(model, hiddenStates(model, packed, lora)));
	const values = (await scores.data()) as Float32Array;
	scores.dispose();
	return prompts.map((prompt, row) => values.slice(packed.spans[row]!.first * V, (packed.spans[row]!.first + prompt.length) * V));
}

/** Sum of −log p over all tokens but each prompt's first. */
function nll(model: Model, lora: Lora): tf.Scalar {
	const V = model.config.vocabSize;
	const rows = packed.ids.length;
	const labels = new Float32Array(rows * V); // one-hot where a next token is known, else zero
	prompts.forEach((prompt, row) => prompt.slice(1).forEach((label, t) => (labels[(packed.spans[row]!.first + t) * V + label] = 1)));
	return tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits(model, hiddenStates(model, packed, lora))), tf.tensor2d(labels, [rows, V]))));
}

describe.each(BACKENDS)('%s', (backend) => {
	beforeAll(() => useBackend(backend));

	describe.each(Object.entries(golden.models))('%s', (_family, spec) => {
		let model: Model;
		let lora: Lora;
		let before: number;
		beforeAll(() => {
			before = tf.memory().numTensors;
			model = randomModel(parseModelConfig(spec.config), spec.seed);
			lora = randomLora(model.config, spec.lora as unknown as LoraConfig, spec.seed + 1000);
		});
		afterAll(() => {
			disposeLora(lora);
			disposeModel(model);
			expect(tf.memory().numTensors, 'tensors left').toBe(before);
		});

		it("gives transformers' logits", async () => {
			const rows = await scoresByRow(model, null);
			rows.forEach((row, i) => expectClose(row, spec.base.logits[i]!.flat(), LOGITS));
		});

		it("gives PEFT's logits with the adapter on, as a sum and merged", async () => {
			const merged = mergeLora(model, lora);
			for (const rows of [await scoresByRow(model, lora), await scoresByRow(merged, null)])
				rows.forEach((row, i) => expectClose(row, spec.lora.logits[i]!.flat(), LOGITS));
			disposeMerged(merged, model);
			const base = await scoresByRow(model, null);
			base.forEach((row, i) => expectClose(row, spec.base.logits[i]!.flat(), LOGITS)); // merging left the base as it was
		});

		it("gives PEFT's gradients of A and B", async () => {
			const { value, grads } = tf.variableGrads(() => nll(model, lora), [lora.weights]);
			expectClose(await value.data(), [spec.lora.loss], GRADIENTS);
			const gradients = spec.lora.gradients as Record<string, number[]>;
			const names = loraNames(lora);
			expect(names.toSorted()).toEqual(Object.keys(gradients).toSorted());
			const gradient = await grads[lora.weights.name]!.data();
			for (const [i, { offset, size }] of lora.parts.entries())
				expectClose(gradient.slice(offset, offset + size), gradients[names[i]!]!, GRADIENTS);
			tf.dispose([value, grads]);
		});

		it("generates transformers' greedy tokens for prompts of different lengths in one batch", async () => {
			const base = await generate(model, null, prompts, greedy);
			expect(base.map((row) => row.ids)).toEqual(spec.base.greedy);
			const adapted = await generate(model, lora, prompts, greedy);
			expect(adapted.map((row) => row.ids)).toEqual(spec.lora.greedy);
		});

		it('shares the probability of the next token among candidates', async () => {
			const candidates = [3, 60, 17];
			const expected = spec.lora.logits.map((row) => {
				const weights = candidates.map((token) => Math.exp(row.at(-1)![token]!));
				return weights.map((weight) => weight / weights.reduce((a, b) => a + b));
			});
			const actual = await nextTokenProbabilities(model, lora, prompts, candidates);
			actual.forEach((row, i) => expectClose(row, expected[i]!, 1e-5));
		});

		it.each([1, 37])('reads once the %d tokens that all prompts begin with, and finds the same', async (length) => {
			const beginning = Array.from({ length }, (_, i) => (i * 11 + 5) % 64);
			const questions = prompts.map((prompt) => [...beginning, ...prompt]);
			const together = await nextTokenProbabilities(model, lora, questions, [3, 60, 17]);
			for (const [i, question] of questions.entries()) {
				const [alone] = await nextTokenProbabilities(model, lora, [question], [3, 60, 17]);
				expectClose(together[i]!, alone!, 1e-5);
			}
		});

		it('leaves no tensors behind', async () => {
			const tensors = tf.memory().numTensors;
			await generate(model, lora, prompts, greedy);
			await nextTokenProbabilities(
				model,
				lora,
				[...prompts, ...prompts].map((prompt) => [...prompts[2]!, ...prompts[2]!, ...prompt]),
				[1, 2],
			);
			hiddenStates(model, packed, lora).dispose();
			expect(tf.memory().numTensors).toBe(tensors);
		});
	});
});
