import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { readRows } from '$lib/evaluation/readRows';
import { startBackend } from '$lib/model/backend';
import { logits } from '$lib/model/decoder';
import { disposeLora, initLora, type Lora } from '$lib/model/lora';
import { seededRandom } from '$lib/model/random';
import { disposeModel, type Model } from '$lib/model/weights';

import { composedHiddenStates } from '../golden/composedDecoder';
import { tinyModel } from './tinyModel';

const rows = Array.from({ length: 11 }, (_, i) => ({ prompt: [3 + i, 4, 5], completion: [6, 7 + i, ...(i % 2 ? [9, 2] : [2])] }));

let model: Model;
let lora: Lora;
beforeAll(async () => {
	await startBackend('cpu');
	model = tinyModel();
	const config = { rank: 2, alpha: 4, rslora: false, targetModules: ['q_proj' as const, 'down_proj' as const] };
	lora = initLora(model.config, config, seededRandom(7, 'lora'));
	lora.weights.assign(tf.randomNormal([lora.weights.size], 0, 0.3, 'float32', 5));
});
afterAll(() => (disposeLora(lora), disposeModel(model)));

/** One row at a time, through the decoder by its definition. */
async function expected({ prompt, completion }: (typeof rows)[number], adapter: Lora | null) {
	const scores = tf.tidy(() => tf.logSoftmax(logits(model, composedHiddenStates(model, [...prompt, ...completion], adapter))));
	const table = await scores.array();
	scores.dispose();
	const places = completion.map((token, t) => ({ token, logps: table[prompt.length + t - 1]! }));
	return {
		tokens: completion.length,
		loss: -places.reduce((sum, { token, logps }) => sum + logps[token]!, 0) / completion.length,
		accuracy: places.filter(({ token, logps }) => logps.indexOf(Math.max(...logps)) === token).length / completion.length,
	};
}

test.each([['the base'], ['the policy']])('%s foretells rows as the decoder by its definition does, and leaves no tensor', async (who) => {
	const adapter = who === 'the base' ? null : lora;
	const before = tf.memory().numTensors;
	const read = await readRows(model, adapter, rows);
	expect(tf.memory().numTensors).toBe(before);
	for (const [i, row] of rows.entries()) {
		const { tokens, loss, accuracy } = await expected(row, adapter);
		expect(read[i]!.tokens).toBe(tokens);
		expect(read[i]!.loss).toBeCloseTo(loss, 4); // float32 sums in another order
		expect(read[i]!.accuracy).toBeCloseTo(accuracy, 12);
	}
});

test('what is the likeliest everywhere is foretold throughout', async () => {
	const greedy = async (prompt: number[], count: number): Promise<number[]> => {
		const completion: number[] = [];
		for (let t = 0; t < count; t++) {
			const scores = tf.tidy(() => logits(model, composedHiddenStates(model, [...prompt, ...completion], null)));
			const last = (await scores.array()).at(-1)!;
			scores.dispose();
			completion.push(last.indexOf(Math.max(...last)));
		}
		return completion;
	};
	const [row] = await readRows(model, null, [{ prompt: [3, 4, 5], completion: await greedy([3, 4, 5], 4) }]);
	expect(row!.accuracy).toBe(1);
});

test('nothing is read once it was called off', async () => {
	await expect(readRows(model, null, rows, AbortSignal.abort())).rejects.toThrow('abort');
});
