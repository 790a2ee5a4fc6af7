import * as tf from '@tensorflow/tfjs-core';

import { type KernelArguments, launch } from './launch';
import { COLUMNS, ROWS, tileProgram, tilesAcross, tilesDown } from './tile';

interface Settings {
	transposeA: boolean;
	transposeB: boolean;
}

/**
 * Takes the place of the webgpu backend's BatchMatMul, without its shared memory and barriers, which a CPU pays dearly for.
 * For software adapters only, on a real GPU the stock kernel is the better one.
 */
export function tiledMatMulKernels(): Record<string, tf.KernelFunc> {
	return { BatchMatMul: tiledMatMul as unknown as tf.KernelFunc };
}

function tiledMatMul({
	inputs: { a, b },
	backend,
	attrs: { transposeA, transposeB },
}: KernelArguments<'a' | 'b', Settings>): tf.TensorInfo {
	const [M, K] = (transposeA ? a.shape.slice(-2).reverse() : a.shape.slice(-2)) as [number, number];
	const [bK, N] = (transposeB ? b.shape.slice(-2).reverse() : b.shape.slice(-2)) as [number, number];
	const batchA = tf.util.sizeFromShape(a.shape.slice(0, -2));
	const batchB = tf.util.sizeFromShape(b.shape.slice(0, -2));
	if (K !== bK || (batchA !== batchB && batchA !== 1 && batchB !== 1))
		throw new RangeError(
			`matMul: cannot multiply [${a.shape.join(', ')}] by [${b.shape.join(', ')}] (transposed: ${transposeA}, ${transposeB})`,
		);
	const batch = Math.max(batchA, batchB);
	const tiles = tilesDown(M) * tilesAcross(N);
	const out = launch(backend, {
		key: `tiledMatMul_${transposeA}_${transposeB}`,
		inputs: { A: a, B: b },
		shape: [batch, M, N],
		ints: { M, N, K, strideA: batchA === 1 ? 0 : M * K, strideB: batchB === 1 ? 0 : K * N, tiles, across: tilesAcross(N) },
		invocations: batch * tiles,
		code: () =>
			tileProgram({
				place: `	let M = uniforms.M; let N = uniforms.N; let K = uniforms.K;
	let batch = index / uniforms.tiles;
	let row0 = index % uniforms.tiles / uniforms.across * ${ROWS};
	let column0 = index % uniforms.tiles % uniforms.across * ${COLUMNS};
	let a = batch * uniforms.strideA;
	let b = batch * uniforms.strideB;`,
				terms: [
					{
						end: 'K',
						left: transposeA
							? { from: 'A', lane: (i) => `a + ${i}`, step: (k) => `${k} * M` }
							: { from: 'A', lane: (i) => `a + ${i} * K`, step: (k) => k },
						right: transposeB
							? { from: 'B', lane: (i) => `b + ${i} * K`, step: (k) => k }
							: { from: 'B', lane: (i) => `b + ${i}`, step: (k) => `${k} * N` },
					},
				],
				store: (row, column, sum) => `result[(batch * M + ${row}) * N + ${column}] = ${sum};`,
			}),
	});
	return { ...out, shape: [...(batchA >= batchB ? a : b).shape.slice(0, -2), M, N] };
}
