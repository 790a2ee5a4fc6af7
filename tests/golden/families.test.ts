/** The heads, the RoPE and the norms of real models, on random weights, against transformers and PEFT; the numbers are from families.py. */
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { parseModelConfig } from '$lib/model/config';
import { hiddenStates, logits } from '$lib/model/decoder';
import { generate } from '$lib/model/generate';
import { disposeLora, type Lora, type LoraConfig } from '$lib/model/lora';
import { packTokens } from '$lib/model/packing';
import { disposeModel, type Model } from '$lib/model/weights';

import { BACKENDS, expectClose, useBackend } from './backends';
import golden from './families.json';
import { loraNames, numbers, randomLora, randomModel } from './randomCheckpoint';

const { prompts, newTokens, probe } = golden;
const packed = packTokens(prompts.map((stem) => ({ stem, branches: [] })));
const LOGITS = 1e-4; // the numbers go up to 5, and the angles of the last token's RoPE to 69
/** Of a gradient's norm, and of its product with the random vector in shares of that norm. */
const GRADIENTS = 1e-4;

/** After each prompt's last token: [prompts][V]. */
async function lastLogits(model: Model, lora: Lora | null): Promise<Float32Array[]> {
	const V = model.config.vocabSize;
	const scores = tf.tidy(() => logits(model, hiddenStates(model, packed, lora)));
	const values = (await scores.data()) as Float32Array;
	scores.dispose();
	return prompts.map((prompt, i) => {
		const last = packed.spans[i]!.first + prompt.length - 1;
		return values.slice(last * V, (last + 1) * V);
	});
}

/** Sum of −log p over all tokens but each prompt's first. */
function nll(model: Model, lora: Lora): tf.Scalar {
	const V = model.config.vocabSize;
	const labels = new Float32Array(packed.ids.length * V); // one-hot where a next token is known, else zero
	prompts.forEach((prompt, i) => prompt.slice(1).forEach((label, t) => (labels[(packed.spans[i]!.first + t) * V + label] = 1)));
	const logps = tf.logSoftmax(logits(model, hiddenStates(model, packed, lora)));
	return tf.neg(tf.sum(tf.mul(logps, tf.tensor2d(labels, [packed.ids.length, V]))));
}

/** Not plain JavaScript, which computes what decoder.test.ts asks of it and would take a minute here. */
const QUICK = BACKENDS.filter((backend) => backend !== 'cpu');

describe.each(QUICK)('%s', (backend) => {
	beforeAll(() => useBackend(backend));

	describe.each(Object.entries(golden.models))('%s, narrowed', (_name, spec) => {
		let model: Model;
		let lora: Lora;
		beforeAll(() => {
			model = randomModel(parseModelConfig(spec.config), spec.seed);
			lora = randomLora(model.config, golden.lora as unknown as LoraConfig, spec.seed + 1000);
		});
		afterAll(() => {
			disposeLora(lora);
			disposeModel(model);
		});

		it('gives the logits of transformers, and those of PEFT with the adapter on', async () => {
			(await lastLogits(model, null)).forEach((row, i) => expectClose(row, spec.logits[i]!, LOGITS));
			(await lastLogits(model, lora)).forEach((row, i) => expectClose(row, spec.adapted[i]!, LOGITS));
		});

		it("gives PEFT's loss and gradients of A and B", async () => {
			const { value, grads } = tf.variableGrads(() => nll(model, lora), [lora.weights]);
			const [loss, gradient] = [(await value.data())[0]!, await grads[lora.weights.name]!.data()];
			tf.dispose([value, grads]);
			expect(Math.abs(loss / spec.loss - 1)).toBeLessThan(1e-5);
			const expected = spec.gradients as unknown as Record<string, [norm: number, product: number]>;
			const names = loraNames(lora);
			expect(names.toSorted()).toEqual(Object.keys(expected).toSorted());
			for (const [i, { offset, size }] of lora.parts.entries()) {
				const [norm, product] = expected[names[i]!]!;
				const vector = numbers(probe, size);
				const part = Array.from(gradient.slice(offset, offset + size));
				const found = [Math.hypot(...part), part.reduce((sum, number, j) => sum + number * vector[j]!, 0)];
				expectClose(found.map((number) => number / norm), [1, product / norm], GRADIENTS * Math.max(1, Math.sqrt(size) / 10)); // prettier-ignore
			}
		});

		it('writes the greedy tokens of transformers', async () => {
			const sampling = { temperature: 0, topP: 1, maxNewTokens: newTokens };
			const written = await generate(model, null, prompts, { sampling, stopTokens: [], seeds: prompts.map((_, i) => i) });
			expect(written.map(({ ids }) => ids)).toEqual(spec.greedy);
		});
	});
});
