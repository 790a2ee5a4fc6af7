import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startBackend } from '$lib/model/backend';
import { disposeLora, initLora, type Lora } from '$lib/model/lora';
import { normal, seededRandom } from '$lib/model/random';
import type { Contrast } from '$lib/model/readingVectors';
import { axisBetween, readAxes, tokenPositions } from '$lib/model/tokenPositions';
import { disposeModel, type Model } from '$lib/model/weights';

import { tinyModel } from './tinyModel';

const random = seededRandom(3, 'positions');
const tokens = (count: number) => Array.from({ length: count }, () => 1 + Math.floor(62 * random()));
const contrasts: Contrast[] = Array.from({ length: 40 }, (_, i) => ({ prompt: tokens(3), towards: tokens(2 + (i % 3)), away: tokens(4) }));
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value / values.length, 0);

describe('the axis between two sides', () => {
	const side = (...rows: number[][]) => rows.map((row) => Float32Array.from(row));

	it('has −1 and +1 at their means, and 0 in the middle', () => {
		const { direction, offset } = axisBetween({ towards: side([3, 2], [5, 2]), away: side([0, 0], [0, 4]) }, 0);
		const at = (state: number[]) => state.reduce((sum, value, d) => sum + value * direction[d]!, offset);
		expect([at([4, 2]), at([0, 2]), at([2, 2]), at([4, 99])]).toEqual([1, -1, 0, 1]); // what lies across it counts for nothing
	});

	it('is none where both lie in the same place', () => {
		expect(() => axisBetween({ towards: side([1, 2]), away: side([1, 2]) }, 4)).toThrow('layer 4 both sides lie in the same place');
	});
});

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
	let model: Model;
	let lora: Lora;
	beforeAll(async () => {
		await startBackend(backend);
		model = tinyModel();
		lora = initLora(model.config, { rank: 2, alpha: 4, rslora: false, targetModules: ['q_proj', 'down_proj'] }, seededRandom(1, 'lora'));
	});
	afterAll(() => {
		disposeLora(lora);
		disposeModel(model);
	});

	it('the answers that it was read from lie at its ends on average, in every layer; nothing is left behind', async () => {
		const tensors = tf.memory().numTensors;
		const axes = await readAxes(model, contrasts, [0, 1]);
		const positions = async (of: 'towards' | 'away') => {
			const answers = contrasts.map((contrast) => ({ prompt: contrast.prompt, answer: contrast[of] }));
			const found = await tokenPositions(model, null, answers, axes);
			expect(found.map(([first]) => first!.length)).toEqual(answers.map(({ answer }) => answer.length));
			return [0, 1].map((layer) => mean(found.map((answer) => mean(answer[layer]!))));
		};
		for (const [layer, position] of (await positions('towards')).entries()) expect(position, `layer ${layer}`).toBeCloseTo(1, 4);
		for (const [layer, position] of (await positions('away')).entries()) expect(position, `layer ${layer}`).toBeCloseTo(-1, 4);
		expect(tf.memory().numTensors).toBe(tensors);
	});

	it('an adapter that changes nothing yet moves no token, and one that does moves some', async () => {
		const axes = await readAxes(model, contrasts, [0, 1]);
		const answers = [{ prompt: tokens(3), answer: tokens(5) }, { prompt: tokens(2), answer: tokens(1) }]; // prettier-ignore
		const base = await tokenPositions(model, null, answers, axes);
		const flat = (found: number[][][]) => found.flat(2);
		flat(await tokenPositions(model, lora, answers, axes)).forEach((value, i) => expect(value).toBeCloseTo(flat(base)[i]!, 5));
		tf.tidy(() => lora.weights.assign(tf.tensor1d(Float32Array.from({ length: lora.weights.size }, () => normal(random)))));
		const moved = flat(await tokenPositions(model, lora, answers, axes));
		expect(Math.max(...moved.map((value, i) => Math.abs(value - flat(base)[i]!)))).toBeGreaterThan(0.1);
		expect(await tokenPositions(model, lora, answers.slice(1), axes).then(flat)).toEqual(moved.slice(10).map((value) => expect.closeTo(value, 4) as number)); // prettier-ignore
	});
});
