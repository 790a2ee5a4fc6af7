/** Ten steps of the hybrid loss against PyTorch and PEFT; the numbers are from training.py. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';

import { withReference } from '$lib/dpo/pairs';
import { createTrainer, disposeTrainer, type Trainer, trainStep, type TrainerConfig } from '$lib/dpo/trainer';
import { restoreTrainer, saveTrainer } from '$lib/dpo/trainerState';
import { exportAdapter, importAdapter } from '$lib/model/adapter';
import { parseModelConfig } from '$lib/model/config';
import { changeNorms } from '$lib/model/changeNorms';
import { disposeLora } from '$lib/model/lora';
import { readSafetensors } from '$lib/model/safetensors';
import { buildWeights, disposeModel } from '$lib/model/weights';

import { BACKENDS, expectClose, useBackend } from './backends';
import golden from './training.json';

/** Of a loss and of an adapter's number, after ten steps in F32 against float64. */
const TOLERANCE = 1e-4;

const bytes = (base64: string) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
const { learningRate, warmupSteps, weightDecay, clipNorm, lambda, beta } = golden.trainer;
const config: TrainerConfig = {
	learningRate,
	warmupSteps,
	weightDecay,
	clipNorm,
	lambda,
	preference: { type: 'sigmoid', beta, labelSmoothing: 0 },
};

describe.each(BACKENDS)('on %s', (backend) => {
	beforeAll(() => useBackend(backend));

	it.each<[string, Partial<TrainerConfig>]>([
		['', {}],
		[', with blocks computed again for the gradient', { checkpointing: true }],
		[', in two parts each', { accumulation: 2 }],
		[', in parts and with blocks computed again', { accumulation: 3, checkpointing: true }],
	])('ten steps of L_SFT + λ·L_DPO%s end in the same adapter, and leave no tensors behind', async (_, thrift) => {
		const tensorsBefore = tf.memory().numTensors;
		const modelConfig = parseModelConfig(golden.config);
		const model = { config: modelConfig, weights: buildWeights(modelConfig, readSafetensors(bytes(golden.model)).tensors) };
		const lora = importAdapter(modelConfig, { config: golden.adapterConfig, safetensors: bytes(golden.adapterBefore) });
		const trainer = createTrainer(model, lora, { ...config, ...thrift });

		for (const expected of golden.steps) {
			const pairs = await withReference(model, expected.pairs);
			expectClose(pairs.flatMap(({ reference }) => [reference.chosen, reference.rejected]), expected.referenceLogps.flat(), TOLERANCE); // prettier-ignore
			const { metrics, margins } = await trainStep(trainer, { sft: expected.sft, pairs });
			expectClose([metrics.loss], [expected.loss], TOLERANCE);
			for (const [term, value] of [['loss/sft', expected.sftLoss] as const, ['loss/dpo', expected.dpoLoss] as const]) {
				if (value === null) expect(metrics[term]).toBeNull();
				else expectClose([metrics[term]!], [value], TOLERANCE);
			}
			expectClose(
				margins.map(({ margin }) => margin),
				expected.margins,
				TOLERANCE,
			);
			expectClose([metrics.grad_norm], [expected.gradNorm], TOLERANCE);
			const { cosine = null, share = null } = expected.angles ?? {};
			const [chosen = null, rejected = null] = expected.logRatios ?? [];
			for (const [metric, value] of [
				['gradients/cosine', cosine],
				['gradients/share', share],
				['logratios/chosen', chosen],
				['logratios/rejected', rejected],
			] as const) {
				if (value === null) expect(metrics[metric]).toBeNull();
				else expectClose([metrics[metric]!], [value], TOLERANCE);
			}
			expect(await changeNorms(lora)).toEqual(
				expected.changeNorms.map((wanted) => ({ ...wanted, norm: expect.closeTo(wanted.norm, 4) as number })),
			);
			expect(metrics.learning_rate).toBeCloseTo(expected.learningRate, 10);
		}

		const after = await exportAdapter(lora, { baseModel: 'golden' });
		const trained = readSafetensors(after['adapter_model.safetensors']).tensors;
		const wanted = readSafetensors(bytes(golden.adapterAfter)).tensors;
		expect([...trained.keys()].toSorted()).toEqual([...wanted.keys()].toSorted());
		for (const [name, { data }] of wanted) expectClose(trained.get(name)!.data, data, TOLERANCE);

		disposeTrainer(trainer);
		disposeLora(lora);
		disposeModel(model);
		expect(tf.memory().numTensors).toBe(tensorsBefore);
	});

	it('adapter and moments leave the backend and come back as they were, and leave no tensors behind', async () => {
		const tensorsBefore = tf.memory().numTensors;
		const modelConfig = parseModelConfig(golden.config);
		const model = { config: modelConfig, weights: buildWeights(modelConfig, readSafetensors(bytes(golden.model)).tensors) };
		const [first, second] = [0, 1].map(() => {
			const lora = importAdapter(modelConfig, { config: golden.adapterConfig, safetensors: bytes(golden.adapterBefore) });
			return createTrainer(model, lora, config);
		}) as [Trainer, Trainer];
		const [{ sft }] = golden.steps as [(typeof golden.steps)[number]];
		await trainStep(first, { sft, pairs: [] });

		const saved = await saveTrainer(first);
		expect(saved.step).toBe(1);
		expect(await saveTrainer(second)).not.toEqual(saved);
		restoreTrainer(second, saved);
		expect(await saveTrainer(second)).toEqual(saved);
		expect(await exportAdapter(second.lora, { baseModel: 'golden' })).toEqual(await exportAdapter(first.lora, { baseModel: 'golden' }));

		for (const trainer of [first, second]) {
			disposeTrainer(trainer);
			disposeLora(trainer.lora);
		}
		disposeModel(model);
		expect(tf.memory().numTensors).toBe(tensorsBefore);
	});

	it.each<[steps: number, Partial<TrainerConfig>]>([
		[50, {}],
		[20, { accumulation: 2, checkpointing: true }],
	])('%i steps of mixed lengths hold no more tensors and bytes than the first ten, with %j', async (steps, thrift) => {
		const modelConfig = parseModelConfig(golden.config);
		const model = { config: modelConfig, weights: buildWeights(modelConfig, readSafetensors(bytes(golden.model)).tensors) };
		const lora = importAdapter(modelConfig, { config: golden.adapterConfig, safetensors: bytes(golden.adapterBefore) });
		const trainer = createTrainer(model, lora, { ...config, ...thrift });
		const held: { tensors: number; bytes: number }[] = [];
		for (let step = 0; step < steps; step++) {
			const completion = Array.from({ length: 14 }, (_, i) => 1 + (i % 7));
			const sft = Array.from({ length: 1 + 4 * (step % 3) }, () => ({ prompt: [1, 2], completion })); // three numbers of rows in turn
			const pair = { id: `${step}`, prompt: [3], chosen: completion, rejected: [4], reference: { chosen: -1, rejected: -1 } };
			await trainStep(trainer, { sft, pairs: step % 2 === 0 ? [pair] : [] });
			held.push({ tensors: tf.memory().numTensors, bytes: bytesHeld() });
		}
		expect(held.at(-1)).toEqual(held[9]);
		disposeTrainer(trainer);
		disposeLora(lora);
		disposeModel(model);
	});
});

/** Bytes of all tensors; on a GPU of all buffers, those that the backend keeps for later among them. */
function bytesHeld(): number {
	const { bufferManager } = tf.backend() as unknown as { bufferManager?: { numBytesAllocated: number } };
	return bufferManager?.numBytesAllocated ?? tf.memory().numBytes;
}
