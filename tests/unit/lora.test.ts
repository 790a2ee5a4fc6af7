import { hiddenStates } from '$lib/model/decoder';
import { disposeLora, initLora, type LoraConfig, loraPairs, loraScale, PROJECTIONS, restoreLora, saveLora } from '$lib/model/lora';
import { packTokens } from '$lib/model/packing';
import { seededRandom } from '$lib/model/random';
import { disposeModel, type Model } from '$lib/model/weights';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { useBackend } from '../golden/backends';
import { tinyModel } from './tinyModel';

const config: LoraConfig = { rank: 4, alpha: 8, rslora: false, targetModules: ['down_proj', 'q_proj'] };

describe('LoRA', () => {
	let model: Model;
	beforeAll(async () => {
		await useBackend('cpu');
		model = tinyModel();
	});
	afterAll(() => disposeModel(model));

	it('starts with A uniform in ±1/√in and B zero, so that it changes nothing', async () => {
		const lora = initLora(model.config, { ...config, targetModules: [...PROJECTIONS] }, seededRandom(3));
		const pairs = loraPairs(lora);
		const { loraA: a, loraB: b } = pairs[0]!.down_proj!;
		expect(a.shape).toEqual([4, 24]); // [R, in]
		expect(b.shape).toEqual([16, 4]); // [out, R]
		const values = await a.data();
		const bound = 1 / Math.sqrt(24);
		expect(Math.max(...values)).toBeLessThanOrEqual(bound);
		expect(Math.min(...values)).toBeGreaterThanOrEqual(-bound);
		expect(Math.max(...values) - Math.min(...values)).toBeGreaterThan(1.8 * bound);
		const packed = packTokens([{ stem: [1, 2, 3], branches: [] }]);
		const [off, on] = [hiddenStates(model, packed, null), hiddenStates(model, packed, lora)];
		expect(await on.data()).toEqual(await off.data());
		tf.dispose([off, on]);
		tf.dispose(pairs.flatMap((layer) => Object.values(layer).map(({ loraA, loraB }) => [loraA, loraB])));
		disposeLora(lora);
	});

	it('lists its parts by layer, in the order of PROJECTIONS, A before B', () => {
		const lora = initLora(model.config, config, seededRandom(1));
		const names = lora.parts.map(({ layer, projection, half }) => `${layer} ${projection} ${half}`);
		const layer = (i: number) => ['q_proj A', 'q_proj B', 'down_proj A', 'down_proj B'].map((name) => `${i} ${name}`);
		expect(names).toEqual([...layer(0), ...layer(1)]);
		const ends = lora.parts.map(({ offset, size }) => offset + size);
		expect(lora.parts.map(({ offset }) => offset)).toEqual([0, ...ends.slice(0, -1)]);
		expect(lora.weights.shape).toEqual(ends.slice(-1));
		disposeLora(lora);
	});

	it('lets two adapters live side by side, and leaves nothing behind', () => {
		const before = tf.memory().numTensors;
		const [first, second] = [initLora(model.config, config, seededRandom(1)), initLora(model.config, config, seededRandom(1))];
		disposeLora(first);
		disposeLora(second);
		const third = initLora(model.config, config, seededRandom(1));
		disposeLora(third);
		expect(tf.memory().numTensors).toBe(before);
	});

	it('restores what was saved', async () => {
		const lora = initLora(model.config, config, seededRandom(1));
		const saved = await saveLora(lora);
		const tensors = tf.memory().numTensors;
		restoreLora(
			lora,
			saved.map((values) => values.map((value) => value + 1)),
		);
		expect((await saveLora(lora))[0]![0]).toBeCloseTo(saved[0]![0]! + 1, 6);
		restoreLora(lora, saved);
		expect(await saveLora(lora)).toEqual(saved);
		expect(tf.memory().numTensors).toBe(tensors);
		expect(() => restoreLora(lora, saved.slice(1))).toThrow('the state has 7 tensors; this adapter has 8');
		expect(() => restoreLora(lora, [saved[0]!.slice(1), ...saved.slice(1)])).toThrow('A of q_proj in layer 0 has 63 numbers; expected 64');
		expect(await saveLora(lora)).toEqual(saved);
		disposeLora(lora);
	});

	it('scales by alpha/rank, or by alpha/√rank when rank-stabilised', () => {
		expect(loraScale(config, 0, 'q_proj')).toBe(2);
		expect(loraScale({ ...config, rslora: true }, 0, 'q_proj')).toBe(4);
	});

	it('has ranks and scales by module, the first pattern that matches', () => {
		const byModule = { ...config, rankPattern: { 'layers.1.mlp.down_proj': 2, down_proj: 16 }, alphaPattern: { q_proj: 3 } };
		const lora = initLora(model.config, byModule, seededRandom(1));
		const ranks = lora.parts.filter(({ half }) => half === 'A').map(({ layer, projection, shape }) => `${layer} ${projection} ${shape[0]}`);
		expect(ranks).toEqual(['0 q_proj 4', '0 down_proj 16', '1 q_proj 4', '1 down_proj 2']);
		expect(loraScale(byModule, 0, 'q_proj')).toBe(3 / 4);
		expect(loraScale({ ...byModule, rslora: true }, 0, 'down_proj')).toBe(2);
		expect(() => initLora(model.config, { ...config, rankPattern: { q_proj: 0 } }, Math.random)).toThrow('rank is 0');
		disposeLora(lora);
	});

	it('refuses an empty adapter', () => {
		expect(() => initLora(model.config, { ...config, rank: 0 }, Math.random)).toThrow('rank is 0');
		expect(() => initLora(model.config, { ...config, targetModules: [] }, Math.random)).toThrow('targetModules is empty');
	});
});
