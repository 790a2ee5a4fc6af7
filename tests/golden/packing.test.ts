/** Packed batches against one sequence at a time, unpacked and through tfjs's own operations: log-probs and gradients. */
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { completionLogps } from '$lib/dpo/logps';
import { disposeBatch, makeBatch, type PromptCompletions } from '$lib/dpo/sequences';
import { parseModelConfig } from '$lib/model/config';
import { logits } from '$lib/model/decoder';
import { disposeLora, type Lora, type LoraConfig } from '$lib/model/lora';
import { seededRandom } from '$lib/model/random';
import { disposeModel, type Model } from '$lib/model/weights';

import { BACKENDS, useBackend } from './backends';
import { composedHiddenStates } from './composedDecoder';
import golden from './decoder.json';
import { randomLora, randomModel } from './randomCheckpoint';

const TOLERANCE = 1e-5;

const random = seededRandom(3, 'packing');
const tokens = (count: number) => Array.from({ length: count }, () => Math.floor(random() * 64));
/** Tokens of a prompt, and of each of its completions. */
const SHAPES: Record<string, [prompt: number, ...completions: number[]][]> = {
	'rows of one completion': [[5, 3], [1, 1], [17, 9], [2, 30]], // prettier-ignore
	'a single row of one token and its successor': [[1, 1]],
	'pairs whose completions differ in length': [[7, 3, 11], [1, 1, 1], [20, 19, 2], [4, 1, 6], [9, 6, 1]], // prettier-ignore
	'a pair that fills its rows to the last': [[30, 20, 16]],
};

/** Σ log π of one completion after its prompt, [1], by the definition. */
function logpAlone(model: Model, lora: Lora, prompt: readonly number[], completion: readonly number[]): tf.Tensor {
	const ids = [...prompt, ...completion];
	const T = ids.length;
	const hidden = composedHiddenStates(model, ids, lora);
	const { vocabSize } = model.config;
	const labels = new Float32Array(T * vocabSize); // one-hot in the rows before the completion's tokens
	completion.forEach((label, t) => (labels[(prompt.length + t - 1) * vocabSize + label] = 1));
	return tf.sum(tf.mul(tf.logSoftmax(logits(model, hidden)), tf.tensor2d(labels, [T, vocabSize])));
}

describe.each(BACKENDS)('on %s', (backend) => {
	const spec = golden.models.qwen3;
	let model: Model;
	let lora: Lora;
	beforeAll(async () => {
		await useBackend(backend);
		model = randomModel(parseModelConfig(spec.config), spec.seed);
		lora = randomLora(model.config, spec.lora as unknown as LoraConfig, spec.seed + 1000);
	});
	afterAll(() => {
		disposeLora(lora);
		disposeModel(model);
	});

	/** The values of `logps` [B], and the gradient of their sum, each weighted by its place. */
	async function measure(logps: () => tf.Tensor1D, count: number): Promise<[Float32Array, Float32Array]> {
		const weights = Array.from({ length: count }, (_, i) => (i % 2 === 0 ? 1 : -0.5) * (i + 1)); // some against others, as in DPO
		let kept: tf.Tensor1D | undefined;
		const { value, grads } = tf.variableGrads(() => {
			const all = logps();
			kept = tf.keep(tf.clone(all));
			return tf.sum<tf.Scalar>(tf.mul(all, tf.tensor1d(weights)));
		}, [lora.weights]);
		const gradient = grads[lora.weights.name]!;
		const numbers = await Promise.all([kept!.data(), gradient.data()]);
		tf.dispose([kept!, value, gradient]);
		return numbers as [Float32Array, Float32Array];
	}

	it.each(Object.keys(SHAPES))('%s', async (name) => {
		const items = SHAPES[name]!.map(([prompt, ...lengths]): PromptCompletions => ({
			prompt: tokens(prompt),
			completions: lengths.map(tokens),
		}));
		const before = tf.memory().numTensors;
		const { length: perItem } = items[0]!.completions;
		const alone = Array.from({ length: perItem }, (_, c) =>
			items.map(({ prompt, completions }) => [prompt, completions[c]!] as const),
		).flat();
		const wanted = await measure(
			() => tf.stack(alone.map(([prompt, completion]) => logpAlone(model, lora, prompt, completion))) as tf.Tensor1D,
			alone.length,
		);
		const batch = makeBatch(items, model.config.maxPositionEmbeddings);
		const got = await measure(() => completionLogps(model, lora, batch), alone.length);
		expect(relativeError(got[0], wanted[0]), 'log-probs').toBeLessThan(TOLERANCE);
		expect(relativeError(got[1], wanted[1]), 'gradient').toBeLessThan(TOLERANCE);
		disposeBatch(batch);
		expect(tf.memory().numTensors, 'tensors left').toBe(before);
	});
});

/** ‖actual − expected‖ / ‖expected‖. */
function relativeError(actual: Float32Array, expected: Float32Array): number {
	expect(actual.length).toBe(expected.length);
	const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
	return norm(actual.map((value, i) => value - expected[i]!)) / norm(expected);
}
