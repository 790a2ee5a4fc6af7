/** What a backend draws, against the definition: the tokens laid end to end by their weights, and the one in which the point falls. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';

import { checkDevice } from '$lib/model/backend';
import { drawTokens } from '$lib/model/kernels/drawTokens';
import { GPU_KERNELS, useGpuKernels } from '$lib/model/kernels/gpuKernels';
import { readProgress, startProgress, WRITTEN } from '$lib/model/kernels/progress';
import { seededRandom } from '$lib/model/random';
import { DIVERGED, sampleToken } from '$lib/model/sampling';

import { BACKENDS, useBackend } from './backends';

/** A point this near to a token's end, in shares of all, may be rounded into its neighbour. */
const NEAR = 2e-6;

/** Draws a token for each row of scores, with a point for each. */
async function draw(
	rows: readonly Float32Array[],
	points: readonly number[],
	settings: { temperature: number; topP: number },
): Promise<number[]> {
	const progress = startProgress(rows.map(() => 4), 3); // prettier-ignore
	const scores = tf.stack(rows.map((row) => tf.tensor1d(row))) as tf.Tensor2D;
	const table = tf.tensor2d(points.flatMap((point) => [point, 0, 0]), [rows.length, 3]); // prettier-ignore
	try {
		drawTokens(progress, scores, table, settings);
		const numbers = await readProgress(progress);
		checkDevice();
		const width = WRITTEN + 3;
		rows.forEach((_, i) => expect([...numbers.slice(i * width, i * width + WRITTEN)]).toEqual([4, 1]));
		return rows.map((_, i) => numbers[i * width + WRITTEN]!);
	} finally {
		tf.dispose([progress, scores, table]);
	}
}

/** How far `point` lies outside the token's part of what may be drawn, in shares of it; 0 inside. */
function distance(row: Float32Array, token: number, point: number, temperature: number, topP: number): number {
	const top = Math.max(...row);
	const weights = Array.from(row, (score) => Math.exp((score - top) / temperature));
	const order = [...weights.keys()];
	if (topP < 1) order.sort((a, b) => weights[b]! - weights[a]! || a - b);
	const total = weights.reduce((a, b) => a + b);
	let mass = 0;
	const kept = order.filter((one) => {
		const isIn = topP >= 1 || mass < topP * total;
		if (isIn) mass += weights[one]!;
		return isIn;
	});
	let start = 0;
	for (const one of kept) {
		const end = start + weights[one]!;
		if (one === token) return Math.max(0, start / mass - point, point - end / mass);
		start = end;
	}
	return Infinity;
}

const random = seededRandom(3, 'draw');
const scoresOf = (V: number, spread: number) => Float32Array.from({ length: V }, () => spread * (random() + random() + random() - 1.5));

describe.each(BACKENDS)('%s', (backend) => {
	beforeAll(() => useBackend(backend));

	describe.each(backend === 'webgpu' ? [1, 64] : [1])('with %d lanes a row', (lanes) => {
		beforeAll(() => {
			if (backend === 'webgpu') useGpuKernels(GPU_KERNELS, lanes === 1);
		});

		it.each([
			[1, 1, 1],
			[7, 1, 1],
			[1536, 1, 1],
			[1000, 0.3, 1],
			[1, 1, 0.5],
			[9, 2, 0.01],
			[130, 1, 0.9],
			[1536, 0.8, 0.95],
			[2500, 1.5, 0.5],
		])('of %d tokens at temperature %d and topP %d draws the one in which the point falls', async (V, temperature, topP) => {
			const rows = Array.from({ length: 33 }, (_, i) => scoresOf(V, [1, 8, 40][i % 3]!));
			const points = rows.map((_, i) => (i === 0 ? 0 : Math.fround(random() * (1 - 2 ** -20))));
			const drawn = await draw(rows, points, { temperature, topP });
			drawn.forEach((token, i) => {
				if (token === sampleToken(rows[i]!, { temperature, topP }, points[i]!)) return;
				expect(distance(rows[i]!, token, points[i]!, temperature, topP), `token ${token} of row ${i}`).toBeLessThan(NEAR);
			});
		});

		it('counts equal scores from the first token on', async () => {
			const row = Float32Array.of(1, 3, 1, 3, 3, -2);
			const points = [0.1, 0.4, 0.5, 0.9];
			expect(await draw(points.map(() => row), points, { temperature: 1, topP: 0.6 })).toEqual([1, 1, 3, 3]); // prettier-ignore
			expect(await draw([row, Float32Array.of(-0, 0, -1, -1, -1, -1)], [0.9, 0.9], { temperature: 0, topP: 1 })).toEqual([1, 0]);
		});

		it('never draws what can not be', async () => {
			const row = Float32Array.of(-Infinity, 0, -Infinity, 0, -Infinity);
			for (const topP of [1, 0.99]) {
				const [first, last] = await draw([row, row], [0, 1 - 2 ** -24], { temperature: 1, topP });
				expect([first, last]).toEqual([1, 3]);
			}
		});

		it.each([
			[0, 1],
			[1, 1],
			[1, 0.9],
		])('draws nothing from scores that are not numbers (temperature %d, topP %d)', async (temperature, topP) => {
			const bad = [0, 69, 1535].map((at) => scoresOf(1536, 1).fill(NaN, at, at + 1));
			expect(await draw(bad, [0.2, 0.5, 0.8], { temperature, topP })).toEqual([DIVERGED, DIVERGED, DIVERGED]);
		});
	});
});
