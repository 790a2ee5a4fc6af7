/** The residual stream, steering, reading vectors and the terms that hold the policy to the frozen copy; the numbers are from representation.py. */
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { klLoss, lorraLoss } from '$lib/dpo/frozenTerms';
import { completionLogps } from '$lib/dpo/logps';
import { disposeBatch, type SequenceBatch, sequenceBatch } from '$lib/dpo/sequences';
import { importAdapter } from '$lib/model/adapter';
import { parseModelConfig } from '$lib/model/config';
import { hiddenStates, logits, residualStream } from '$lib/model/decoder';
import { generate } from '$lib/model/generate';
import { disposeLora, type Lora } from '$lib/model/lora';
import { disposeMerged, mergeLora } from '$lib/model/mergeLora';
import { packTokens } from '$lib/model/packing';
import { contrastStates, meanDifference, principalDifference } from '$lib/model/readingVectors';
import { readSafetensors } from '$lib/model/safetensors';
import { type Directions, disposeSteering, steered, unsteered } from '$lib/model/steering';
import { buildWeights, disposeModel, type Model } from '$lib/model/weights';

import { BACKENDS, expectClose, useBackend } from './backends';
import golden from './representation.json';
import { loraNames } from './randomCheckpoint';

const STATES = 5e-5; // the numbers go up to 10
const GRADIENTS = 2e-4; // in F32 against float64; the numbers go up to 3

const bytes = (base64: string) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
const texts = golden.rows.map(({ prompt, completion }) => [...prompt, ...completion]);
const packed = packTokens(texts.map((stem) => ({ stem, branches: [] })));
const directions: Directions = golden.vectors.map(({ difference }) => Float32Array.from(difference));
const lastOnly: Directions = directions.map((direction, layer) => (layer === directions.length - 1 ? direction : null));
const D = golden.config.hidden_size;
const V = golden.config.vocab_size;

/** The rows of each text within [rows of the batch, width]. */
const byText = (values: Float32Array, width: number) =>
	texts.map((ids, i) => values.slice(packed.spans[i]!.first * width, (packed.spans[i]!.first + ids.length) * width));

async function read(compute: () => tf.Tensor): Promise<Float32Array> {
	const tensor = tf.tidy(compute);
	const values = (await tensor.data()) as Float32Array;
	tensor.dispose();
	return values;
}

describe.each(BACKENDS)('on %s', (backend) => {
	let model: Model;
	let lora: Lora;
	let before: number;
	beforeAll(async () => {
		await useBackend(backend);
		before = tf.memory().numTensors;
		const config = parseModelConfig(golden.config);
		model = { config, weights: buildWeights(config, readSafetensors(bytes(golden.model)).tensors) };
		lora = importAdapter(config, { config: golden.adapterConfig, safetensors: bytes(golden.adapter) });
	});
	afterAll(() => {
		disposeLora(lora);
		disposeModel(model);
		expect(tf.memory().numTensors, 'tensors left').toBe(before);
	});

	it("gives PyTorch's states behind each block, adapter off and on", async () => {
		const rows = Int32Array.from(packed.ids, (_, row) => row);
		for (const [adapter, expected] of [[null, golden.states.base] as const, [lora, golden.states.adapted] as const]) {
			const stream = tf.tidy(() => residualStream(model, packed, adapter, tf.tensor1d(rows, 'int32'), [0, 1]));
			for (const [layer, states] of stream.entries()) {
				const values = byText((await states.data()) as Float32Array, D);
				values.forEach((states, i) => expectClose(states, expected[i]![layer]!.flat(), STATES));
			}
			tf.dispose(stream);
		}
		const [second] = tf.tidy(() => residualStream(model, packed, lora, tf.tensor1d([2, 2], 'int32'), [1]));
		const twice = await second!.data();
		expectClose(twice.slice(0, D), golden.states.adapted[0]![1]![2]!, STATES);
		expectClose(twice.slice(D), golden.states.adapted[0]![1]![2]!, STATES);
		second!.dispose();
	});

	it("reads NumPy's vectors out of pairs of answers", async () => {
		const states = await contrastStates(model, golden.contrasts, [0, 1]);
		for (const [layer, { difference, component }] of golden.vectors.entries()) {
			expectClose(meanDifference(states[layer]!), difference, STATES);
			expectClose(principalDifference(states[layer]!), component, STATES);
		}
	});

	it("gives PyTorch's logits while it is steered, with the adapter as a sum and merged, and leaves the base as it was", async () => {
		for (const [way, expected] of [[lastOnly, golden.steeredLogits.last] as const, [directions, golden.steeredLogits.both] as const]) {
			const model1 = steered(model, way, golden.strength);
			const merged = mergeLora(model1, lora);
			const asSum = await read(() => logits(model1, hiddenStates(model1, packed, lora)));
			const asOne = await read(() => logits(merged, hiddenStates(merged, packed, null)));
			for (const values of [asSum, asOne]) byText(values, V).forEach((scores, i) => expectClose(scores, expected[i]!.flat(), 2 * STATES));
			disposeMerged(merged, model1);
			const [plain, off] = [
				await read(() => hiddenStates(model, packed, lora)),
				await read(() => hiddenStates(unsteered(model1), packed, lora)),
			];
			expect(off).toEqual(plain);
			disposeSteering(model1);
		}
	});

	it('writes what the steered model would say without a cache, with and without the adapter', async () => {
		const prompts = golden.rows.map(({ prompt }) => prompt);
		const options = {
			sampling: { temperature: 0, topP: 1, maxNewTokens: golden.text.plain[0]!.length },
			stopTokens: [],
			seeds: prompts.map((_, i) => i),
		};
		const ids = async (asked: Model, adapter: Lora | null) => (await generate(asked, adapter, prompts, options)).map((row) => row.ids);
		const [last, both] = [steered(model, lastOnly, golden.strength), steered(model, directions, golden.strength)];
		expect(await ids(model, lora)).toEqual(golden.text.plain);
		expect(await ids(last, lora)).toEqual(golden.text.last);
		expect(await ids(both, lora)).toEqual(golden.text.both);
		expect(await ids(both, null)).toEqual(golden.text.base);
		expect(await ids(model, lora)).toEqual(golden.text.plain);
		disposeSteering(last);
		disposeSteering(both);
	});

	describe('the loss and its gradient', () => {
		let batch: SequenceBatch;
		beforeAll(() => (batch = sequenceBatch(golden.rows, model.config.maxPositionEmbeddings)));
		afterAll(() => disposeBatch(batch));

		async function expectLoss(loss: () => tf.Scalar, expected: { loss: number; gradient: string }) {
			const { value, grads } = tf.tidy(() => tf.variableGrads(loss, [lora.weights]));
			expectClose(await value.data(), [expected.loss], STATES);
			const gradient = await grads[lora.weights.name]!.data();
			const wanted = readSafetensors(bytes(expected.gradient)).tensors;
			const names = loraNames(lora);
			expect(wanted.size).toBe(names.length);
			lora.parts.forEach(({ offset, size }, i) => {
				expectClose(gradient.slice(offset, offset + size), wanted.get(`base_model.model.${names[i]}.weight`)!.data, GRADIENTS);
			});
			tf.dispose([value, grads]);
		}

		it('of the rows while the model is steered', async () => {
			const learner = steered(model, directions, golden.strength);
			const loss = () => tf.mul<tf.Scalar>(tf.sum(completionLogps(learner, lora, batch)), -1 / batch.completionTokens);
			await expectLoss(loss, golden.sft);
			disposeSteering(learner);
		});

		it('of KL(frozen ‖ policy)', () => expectLoss(() => klLoss(model, batch)(lora), golden.kl));

		it('of LoRRA', () => expectLoss(() => lorraLoss(model, batch, { directions, alpha: golden.alpha })(lora), golden.lorra));
	});
});
