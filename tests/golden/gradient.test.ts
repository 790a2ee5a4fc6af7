import { padRight } from '$lib/model/batch';
import { parseModelConfig } from '$lib/model/config';
import { hiddenStates, logits } from '$lib/model/decoder';
import { disposeLora, type LoraConfig, loraVariables } from '$lib/model/lora';
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
		const ids = padRight(golden.prompts);
		const loss = () => tf.mean<tf.Scalar>(tf.square(logits(model, hiddenStates(model, ids, lora))));
		const variables = loraVariables(lora);
		const { value, grads } = tf.variableGrads(loss, variables);

		for (const variable of variables) {
			const gradient = Array.from(await grads[variable.name]!.data());
			const steepest = gradient.reduce((best, g, i) => (Math.abs(g) > Math.abs(gradient[best]!) ? i : best), 0);
			const values = Float32Array.from(await variable.data());
			const lossAt = async (shift: number) => {
				const shifted = values.slice();
				shifted[steepest]! += shift;
				const scalar = tf.tidy(() => {
					variable.assign(tf.tensor2d(shifted, variable.shape));
					return loss();
				});
				const [number] = await scalar.data();
				scalar.dispose();
				return number!;
			};
			const difference = ((await lossAt(H)) - (await lossAt(-H))) / (2 * H);
			await lossAt(0); // puts the value back
			expect(Math.abs(difference - gradient[steepest]!), `${variable.name}[${steepest}]: ${difference} by differences`).toBeLessThan(
				1e-4 + 0.01 * Math.abs(gradient[steepest]!),
			);
		}
		tf.dispose([value, grads, ids]);
		disposeLora(lora);
		disposeModel(model);
	});
});
