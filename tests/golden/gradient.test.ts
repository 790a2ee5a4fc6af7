import { parseModelConfig } from '$lib/model/config';
import { hiddenStates, logits } from '$lib/model/decoder';
import { disposeLora, type LoraConfig } from '$lib/model/lora';
import { packTokens } from '$lib/model/packing';
import { disposeModel } from '$lib/model/weights';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';

import { useBackend } from './backends';
import golden from './decoder.json';
import { randomLora, randomModel } from './randomCheckpoint';

/** Half of the step over which the loss is differenced: rounding gains below it, curvature above. */
const H = 3e-3;

describe.each(Object.entries(golden.models))('%s', (_family, spec) => {
	beforeAll(() => useBackend('cpu'));

	it('has the gradients that finite differences find', async () => {
		const model = randomModel(parseModelConfig(spec.config), spec.seed);
		const lora = randomLora(model.config, spec.lora as unknown as LoraConfig, spec.seed + 1000);
		const packed = packTokens(golden.prompts.map((stem) => ({ stem, branches: [] })));
		const loss = () => tf.mean<tf.Scalar>(tf.square(logits(model, hiddenStates(model, packed, lora))));
		const { value, grads } = tf.variableGrads(loss, [lora.weights]);
		const gradient = await grads[lora.weights.name]!.data();
		const values = Float32Array.from(await lora.weights.data());
		const lossWith = async (place: number, shift: number) => {
			const shifted = values.slice();
			shifted[place]! += shift;
			const scalar = tf.tidy(() => {
				lora.weights.assign(tf.tensor1d(shifted));
				return loss();
			});
			const [number] = await scalar.data();
			scalar.dispose();
			return number!;
		};

		for (const { layer, projection, half, offset, size } of lora.parts) {
			const places = Array.from({ length: size }, (_, i) => offset + i);
			const steepest = places.reduce((best, place) => (Math.abs(gradient[place]!) > Math.abs(gradient[best]!) ? place : best));
			const difference = ((await lossWith(steepest, H)) - (await lossWith(steepest, -H))) / (2 * H);
			expect(
				Math.abs(difference - gradient[steepest]!),
				`${half} of ${projection} in layer ${layer}: ${difference} by differences`,
			).toBeLessThan(1e-4 + 0.01 * Math.abs(gradient[steepest]!));
		}
		tf.dispose([value, grads]);
		disposeLora(lora);
		disposeModel(model);
	});
});
