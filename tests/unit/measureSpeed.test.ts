import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';

import { measureSpeed } from '$lib/experiment/measureSpeed';
import { SPEED_PARTS } from '$lib/experiment/speed';
import { startBackend } from '$lib/model/backend';

import { loadFolder } from '../../cli/checkpoints';

/** A clock that goes on by a tenth of a second whenever it is read, so that there is time for little more than the smallest sizes. */
function slowClock() {
	let ms = 0;
	return () => (ms += 100);
}

test('the organism’s work is timed part by part while the time lasts, and nothing of it stays in memory', async () => {
	const backend = await startBackend('wasm');
	const checkpoint = await loadFolder('organism');
	const { numTensors } = tf.memory();
	const told: string[] = [];

	const speed = await measureSpeed(checkpoint, backend, {
		seconds: 6,
		now: slowClock(),
		onPart: (part, { parts }) => told.push(`${part} after ${parts.length}`),
	});

	expect(tf.memory().numTensors).toBe(numTensors);
	expect(told).toEqual(SPEED_PARTS.map((part, i) => `${part} after ${i}`));
	expect(speed).toMatchObject({ backend: 'wasm', adapter: null, software: false, parameters: checkpoint.parameterCount });
	expect(speed.parts.map(({ part }) => part)).toEqual(SPEED_PARTS.slice(0, -1)); // for the last no time was left
	for (const { amount, seconds, least, most, repetitions } of speed.parts) {
		expect(amount).toBeGreaterThan(0);
		expect(repetitions).toBeGreaterThan(0);
		expect(least).toBeLessThanOrEqual(seconds);
		expect(most).toBeGreaterThanOrEqual(seconds);
	}
	expect(speed.tokens.row).toBeGreaterThan(10);
	expect(speed.tokens.pair).toBeGreaterThan(20);

	expect((await measureSpeed(checkpoint, backend, { seconds: 0 })).parts).toEqual([]);
	const stopped = AbortSignal.abort(new Error('enough'));
	await expect(measureSpeed(checkpoint, backend, { seconds: 20, signal: stopped })).rejects.toThrow('enough');
	expect(tf.memory().numTensors).toBe(numTensors);
});
