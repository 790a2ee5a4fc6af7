import fc from 'fast-check';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startBackend } from '$lib/model/backend';
import { seededRandom } from '$lib/model/random';
import { type ContrastStates, directionOf, meanDifference, principalDifference, readDirections } from '$lib/model/readingVectors';
import { disposeSteering, steered } from '$lib/model/steering';
import { disposeModel, type Model } from '$lib/model/weights';

import { tinyModel } from './tinyModel';

const D = 5;
const row = fc
	.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: D, maxLength: D })
	.map((values) => Float32Array.from(values));
/** Pairs whose sides differ mostly by `direction`, more in some than in others. */
const states = fc
	.tuple(fc.array(fc.tuple(row, fc.double({ min: 1, max: 3, noNaN: true }), row), { minLength: 4, maxLength: 12 }), row)
	.filter(([, direction]) => Math.hypot(...direction) > 1)
	.map(([pairs, direction]): ContrastStates => ({
		away: pairs.map(([base]) => base),
		towards: pairs.map(([base, much, noise]) => base.map((value, d) => value + much * direction[d]! + 0.001 * noise[d]!)),
	}));
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, d) => sum + value * b[d]!, 0);
const cosine = (a: Float32Array, b: Float32Array) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
const swapped = ({ towards, away }: ContrastStates): ContrastStates => ({ towards: away, away: towards });

describe('a layer’s vector', () => {
	it('is found by both ways where the pairs differ in one direction, and turns round with the labels', () => {
		fc.assert(
			fc.property(states, (pairs) => {
				const [difference, component] = [meanDifference(pairs), principalDifference(pairs)];
				expect(cosine(difference, component)).toBeGreaterThan(0.99);
				expect(dot(component, component)).toBeCloseTo(1, 5);
				expect(cosine(component, principalDifference(swapped(pairs)))).toBeLessThan(-0.99);
			}),
		);
	});

	it('is as long as the difference of means by every reading, and random numbers are those of their stream', () => {
		fc.assert(
			fc.property(states, (pairs) => {
				const length = Math.hypot(...meanDifference(pairs));
				for (const reading of ['mean-difference', 'lat', 'random'] as const) {
					const direction = directionOf(reading, pairs, seededRandom(1, 'direction'));
					expect(Math.abs(Math.hypot(...direction) - length)).toBeLessThan(1e-5 * length);
					expect(directionOf(reading, pairs, seededRandom(1, 'direction'))).toEqual(direction);
				}
				expect(directionOf('random', pairs, seededRandom(2, 'direction'))).not.toEqual(
					directionOf('random', pairs, seededRandom(1, 'direction')),
				);
			}),
		);
	});

	it('cannot be read where nothing varies', () => {
		const same = { towards: [Float32Array.of(1, 2)], away: [Float32Array.of(0, 0)] };
		expect(() => principalDifference(same)).toThrow('all differences are the same');
	});
});

describe('the directions of a model', () => {
	let model: Model;
	beforeAll(async () => {
		await startBackend('cpu');
		model = tinyModel();
	});
	afterAll(() => disposeModel(model));

	// More contrasts than are read at once.
	const contrasts = Array.from({ length: 40 }, (_, i) => ({
		prompt: [1 + (i % 7), 8],
		towards: [10 + (i % 9), 11],
		away: [40 + (i % 11), 41, 42],
	}));
	const read = (layers: number[], from = model) =>
		readDirections(from, contrasts, { reading: 'lat', layers, random: seededRandom(1, 'direction') });

	it('are those of the layers that were asked for, leave no tensors, and do not depend on what the model is steered by', async () => {
		const before = tf.memory().numTensors;
		const [first, second] = await read([1, 0, 1]);
		expect([first!.length, second!.length]).toEqual([16, 16]);
		const [none, alone] = await read([1]);
		expect(none).toBeNull();
		expect(alone).toEqual(second);
		const moved = steered(model, [Float32Array.from({ length: 16 }, () => 1), null], 2);
		expect(await read([0, 1], moved)).toEqual([first, second]);
		disposeSteering(moved);
		expect(tf.memory().numTensors).toBe(before);
	});

	it('say what is wrong with what they are asked', async () => {
		await expect(read([2])).rejects.toThrow('there is no layer 2; the model has 0 to 1');
		await expect(readDirections(model, [], { reading: 'lat', layers: [0], random: Math.random })).rejects.toThrow('no contrasts');
		const empty = [{ prompt: [1], towards: [2], away: [] }];
		await expect(readDirections(model, empty, { reading: 'lat', layers: [0], random: Math.random })).rejects.toThrow(
			'answer 1 of contrast 0 is empty',
		);
		expect(() => steered(model, [null], 1)).toThrow('directions for 1 layers');
		expect(() => steered(model, [null, Float32Array.of(1)], 1)).toThrow('layer 1 has 1 numbers; expected 16');
	});
});
