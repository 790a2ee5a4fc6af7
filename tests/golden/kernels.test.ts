import { checkDevice, GpuError } from '$lib/model/backend';
import { NOWHERE, writeCache } from '$lib/model/kernels/cacheWrite';
import { seededRandom } from '$lib/model/random';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';

import { BACKENDS, expectClose, useBackend } from './backends';

const random = seededRandom(7, 'kernels');
const numbers = (count: number) => Float32Array.from({ length: count }, () => 2 * random() - 1);

/** The product by its definition, in double precision. */
function product(a: Float32Array, b: Float32Array, [n, M, K, N]: number[], transposeA: boolean, transposeB: boolean): number[] {
	const out: number[] = [];
	for (let i = 0; i < n!; i++) {
		for (let r = 0; r < M!; r++) {
			for (let c = 0; c < N!; c++) {
				let sum = 0;
				for (let k = 0; k < K!; k++) {
					const left = a[i * M! * K! + (transposeA ? k * M! + r : r * K! + k)]!;
					sum += left * b[i * K! * N! + (transposeB ? c * K! + k : k * N! + c)]!;
				}
				out.push(sum);
			}
		}
	}
	return out;
}

describe.each(BACKENDS)('%s', (backend) => {
	beforeAll(() => useBackend(backend));

	/** [n, M, K, N]: one matrix, small and large batches (the wasm override cuts the large ones only), edges that no tile divides. */
	const shapes = [
		[1, 5, 7, 3],
		[3, 1, 8, 17],
		[2, 33, 31, 29],
		[1, 1, 40, 1],
	];
	describe.each(shapes)('matMul of %d × [%d, %d]·[…, %d]', (n, M, K, N) => {
		it.each([
			[false, false],
			[false, true],
			[true, false],
			[true, true],
		])('equals the definition (transposed: %s, %s)', async (transposeA, transposeB) => {
			const [a, b] = [numbers(n * M * K), numbers(n * K * N)];
			const before = tf.memory().numTensors;
			const out = tf.tidy(() =>
				tf.matMul(
					tf.tensor3d(a, transposeA ? [n, K, M] : [n, M, K]),
					tf.tensor3d(b, transposeB ? [n, N, K] : [n, K, N]),
					transposeA,
					transposeB,
				),
			);
			expect(out.shape).toEqual([n, M, N]);
			expectClose(await out.data(), product(a, b, [n, M, K, N], transposeA, transposeB), 1e-5);
			out.dispose();
			expect(tf.memory().numTensors).toBe(before);
		});
	});

	it('refuses to multiply what does not fit', () => {
		const [a, b] = [tf.zeros<tf.Rank.R3>([2, 33, 31]), tf.zeros<tf.Rank.R3>([2, 33, 31])];
		expect(() => tf.matMul(a, b)).toThrow();
		tf.dispose([a, b]);
	});

	it('gathers rows in any order and number', async () => {
		const table = numbers(6 * 4);
		const rows = [5, 0, 0, 3, 5];
		const out = tf.tidy(() => tf.gather(tf.tensor3d(table, [6, 2, 2]), tf.tensor1d(rows, 'int32')));
		expect(out.shape).toEqual([5, 2, 2]);
		expectClose(
			await out.data(),
			rows.flatMap((row) => [...table.slice(4 * row, 4 * row + 4)]),
			0,
		);
		out.dispose();
	});

	it('writes rows into a cache in place, also after the tensor was multiplied by, and leaves out those that go nowhere', async () => {
		const before = tf.memory().numTensors;
		for (const [B, S, C, W] of [
			[1, 4, 2, 2],
			[3, 5, 6, 11],
		] as const) {
			const values = new Float32Array(B * S * C);
			const cache = tf.tensor3d(values.slice(), [B, S, C]);
			const ones = tf.ones<tf.Rank.R3>([B, 1, S]);
			for (const places of [[2], [0, NOWHERE, B * S - 1], [3, 1, 2, NOWHERE]]) {
				const rows = numbers(places.length * W);
				places.forEach((place, n) => place >= 0 && values.set(rows.subarray((n + 1) * W - C, (n + 1) * W), place * C));
				tf.tidy(() => writeCache(cache, tf.tensor2d(rows, [places.length, W]), tf.tensor1d(places, 'int32')));
				const sums = tf.matMul(ones, cache); // XNNPACK packs the right side and keeps it: it must not keep a stale one
				expectClose(await sums.data(), product(new Float32Array(B * S).fill(1), values, [B, 1, S, C], false, false), 1e-6);
				sums.dispose();
			}
			expectClose(await cache.data(), values, 0);
			tf.dispose([cache, ones]);
		}
		expect(tf.memory().numTensors).toBe(before);
	});

	it('refuses rows that do not fit the cache, and places outside it', () => {
		tf.tidy(() => {
			const [cache, rows] = [tf.zeros<tf.Rank.R3>([1, 4, 2]), tf.zeros<tf.Rank.R2>([1, 2])];
			expect(() => writeCache(cache, rows, tf.tensor1d([0, 1], 'int32'))).toThrow('[1, 2] at 2 places does not fit a cache of [1, 4, 2]');
			expect(() => writeCache(cache, tf.zeros([1, 1]), tf.tensor1d([0], 'int32'))).toThrow('does not fit');
			if (backend === 'webgpu') return; // its places are known on the device only: those outside are left out
			expect(() => writeCache(cache, rows, tf.tensor1d([4], 'int32'))).toThrow('there is no slot 4 in a cache of 1 × 4');
		});
	});

	it('reports a computation that the device refused, which left zeros and threw nothing', async () => {
		expect(() => checkDevice()).not.toThrow();
		if (backend !== 'webgpu') return; // only a GPU computes out of sight
		const x = tf.tensor1d([1, 2, 3, 4]);
		const program = {
			outputShape: [4],
			variableNames: ['x'],
			workgroupSize: [64, 1, 1] as [number, number, number],
			dispatchLayout: { x: [0] },
			dispatch: [1, 1, 1] as [number, number, number],
			shaderKey: 'no WGSL',
			getUserCode: () => 'fn main(index : i32) { this is no WGSL }',
		};
		const y = tf.engine().makeTensorFromTensorInfo((tf.backend() as WebGPUBackend).runWebGPUProgram(program, [x], 'float32'));
		expect([...(await y.data())]).toEqual([0, 0, 0, 0]);
		expect(() => checkDevice()).toThrow(GpuError);
		tf.dispose([x, y]);
	});
});
