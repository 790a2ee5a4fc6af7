import * as tf from '@tensorflow/tfjs-core';
import type { WebGPUBackend, WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';

/** Each invocation makes a tile of the output: TILE_ROWS × TILE_COLUMNS sums in registers. */
const TILE_ROWS = 4;
const TILE_COLUMNS = 8;
const WORKGROUP = 64;

interface MatMulArguments {
	inputs: { a: tf.TensorInfo; b: tf.TensorInfo };
	backend: WebGPUBackend;
	attrs: { transposeA: boolean; transposeB: boolean };
}

/**
 * Replaces the webgpu backend's BatchMatMul by one without shared memory and barriers, which a CPU pays dearly for: on SwiftShader
 * 0.8 against 0.15 GFLOP/s. For software adapters only, on a real GPU the stock kernel is the better one.
 */
export function installTiledMatMul(): void {
	const config = tf.getKernel('BatchMatMul', 'webgpu');
	tf.unregisterKernel('BatchMatMul', 'webgpu');
	tf.registerKernel({ ...config, kernelFunc: tiledMatMul as unknown as tf.KernelFunc });
}

function tiledMatMul({ inputs: { a, b }, backend, attrs: { transposeA, transposeB } }: MatMulArguments): tf.TensorInfo {
	const [M, K] = (transposeA ? a.shape.slice(-2).reverse() : a.shape.slice(-2)) as [number, number];
	const [bK, N] = (transposeB ? b.shape.slice(-2).reverse() : b.shape.slice(-2)) as [number, number];
	const batchA = tf.util.sizeFromShape(a.shape.slice(0, -2));
	const batchB = tf.util.sizeFromShape(b.shape.slice(0, -2));
	if (K !== bK || (batchA !== batchB && batchA !== 1 && batchB !== 1))
		throw new RangeError(
			`matMul: cannot multiply [${a.shape.join(', ')}] by [${b.shape.join(', ')}] (transposed: ${transposeA}, ${transposeB})`,
		);
	const batch = Math.max(batchA, batchB);
	const tiles = batch * Math.ceil(M / TILE_ROWS) * Math.ceil(N / TILE_COLUMNS);
	const program: WebGPUProgram = {
		outputShape: [batch, M, N],
		variableNames: ['A', 'B'],
		variableComponents: [1, 1],
		outputComponent: 1,
		workgroupSize: [WORKGROUP, 1, 1],
		dispatchLayout: { x: [0] },
		dispatch: [Math.ceil(tiles / WORKGROUP), 1, 1],
		uniforms: 'M : i32, N : i32, K : i32, strideA : i32, strideB : i32, tiles : i32,',
		shaderKey: `lab_tiledMatMul_${transposeA}_${transposeB}`,
		getUserCode: () => tileShader(transposeA, transposeB),
	};
	const uniforms = [M, N, K, batchA === 1 ? 0 : M * K, batchB === 1 ? 0 : K * N, tiles];
	const out = backend.runWebGPUProgram(
		program,
		[a, b],
		'float32',
		uniforms.map((value) => ({ type: 'int32', data: [value] })),
	);
	return { ...out, shape: [...(batchA >= batchB ? a : b).shape.slice(0, -2), M, N] };
}

/** The program's WGSL, unrolled over the tile. Rows and columns past the edge repeat the last one and are not stored. */
function tileShader(transposeA: boolean, transposeB: boolean): string {
	const rows = [...Array(TILE_ROWS).keys()];
	const columns = [...Array(TILE_COLUMNS).keys()];
	const cells = rows.flatMap((r) => columns.map((c) => [r, c] as const));
	const lines = (items: string[]) => items.join('\n');
	return `fn main(index : i32) {
	if (index >= uniforms.tiles) { return; }
	let M = uniforms.M; let N = uniforms.N; let K = uniforms.K;
	let tileColumns = (N + ${TILE_COLUMNS - 1}) / ${TILE_COLUMNS};
	let tileRows = (M + ${TILE_ROWS - 1}) / ${TILE_ROWS};
	let batch = index / (tileRows * tileColumns);
	let tile = index - batch * tileRows * tileColumns;
	let row = tile / tileColumns * ${TILE_ROWS};
	let column = tile % tileColumns * ${TILE_COLUMNS};
	${lines(rows.map((r) => `var a${r} = batch * uniforms.strideA + min(row + ${r}, M - 1)${transposeA ? '' : ' * K'};`))}
	${lines(columns.map((c) => `var b${c} = batch * uniforms.strideB + min(column + ${c}, N - 1)${transposeB ? ' * K' : ''};`))}
	${lines(cells.map(([r, c]) => `var sum${r}_${c} = 0.0;`))}
	for (var k = 0; k < K; k++) {
		${lines(rows.map((r) => `let x${r} = A[a${r}]; a${r} += ${transposeA ? 'M' : '1'};`))}
		${lines(columns.map((c) => `let y${c} = B[b${c}]; b${c} += ${transposeB ? '1' : 'N'};`))}
		${lines(cells.map(([r, c]) => `sum${r}_${c} = fma(x${r}, y${c}, sum${r}_${c});`))}
	}
	let out = (batch * M + row) * N + column;
	${lines(cells.map(([r, c]) => `if (row + ${r} < M && column + ${c} < N) { result[out + ${r} * N + ${c}] = sum${r}_${c}; }`))}
}`;
}
