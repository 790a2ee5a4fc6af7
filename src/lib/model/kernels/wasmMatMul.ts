import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

import { compute, type WasmModule } from './wasmModule';
import { isWorthSharing, multiply } from './wasmProduct';

/**
 * tfjs-wasm multiplies with XNNPACK (9 GMAC/s on one thread) only where both operands are one untransposed matrix; all else goes
 * through a loop of 0.8 GMAC/s. So here a transposed matrix is transposed first, and a batch is cut into its matrices, which
 * brings attention's [64, 64]·[64, 32] to 4.3 GMAC/s. A slice costs some 15 µs beside its arithmetic; smaller ones stay in the loop.
 */
const MIN_SLICE_MACS = 16_384;

/** XNNPACK keeps the right side packed; our product packs it anew, which with fewer rows than this takes as long as the product. */
const MIN_SHARED_ROWS = 32;

/** Ids under which the wasm module knows the slices being multiplied; tfjs counts its own tensors up from 1. */
const SLICE_A = 0x7ffffff0;
const SLICE_B = SLICE_A + 1;
const SLICE_OUT = SLICE_A + 2;

interface MatMulArguments {
	inputs: { a: tf.TensorInfo; b: tf.TensorInfo };
	backend: BackendWasm;
	attrs: { transposeA: boolean; transposeB: boolean };
}
/** Emscripten's part of the wasm module, which tfjs's types leave out. With numbers only, cwrap gives the bare export. */
interface EmscriptenModule {
	cwrap(name: string, returns: null, takes: 'number'[]): (...numbers: number[]) => void;
}
type MatMulKernel = (args: MatMulArguments) => tf.TensorInfo;

/**
 * Replaces the wasm backend's BatchMatMul, of which the gradients are made too. Call it once, when the backend has started. A product that is
 * worth sharing goes to the threads of `lab`; that it gets the same bits there as from XNNPACK is tested.
 */
export function installWasmMatMul(lab: WasmModule | null): void {
	const config = tf.getKernel('BatchMatMul', 'wasm');
	const stock = config.kernelFunc as unknown as MatMulKernel;
	const transpose = tf.getKernel('Transpose', 'wasm').kernelFunc;

	const swapped = (x: tf.TensorInfo, backend: BackendWasm): tf.TensorInfo => {
		const rank = x.shape.length;
		const perm = [...Array(rank - 2).keys(), rank - 1, rank - 2];
		return transpose({ inputs: { x }, backend, attrs: { perm } }) as tf.TensorInfo;
	};
	const matMul: MatMulKernel = ({ inputs, backend, attrs }) => {
		if (!isWorthCutting(inputs, attrs)) return stock({ inputs, backend, attrs });
		const a = attrs.transposeA ? swapped(inputs.a, backend) : inputs.a;
		if (
			lab &&
			batchSize(a) === 1 &&
			lastTwo(a)[0] >= MIN_SHARED_ROWS &&
			isWorthSharing(lab, lastTwo(a), lastTwo(inputs.b, attrs.transposeB))
		) {
			const product = multiplyShared(lab, a, inputs.b, attrs.transposeB, backend);
			if (a !== inputs.a) backend.disposeData(a.dataId);
			return product;
		}
		const b = attrs.transposeB ? swapped(inputs.b, backend) : inputs.b;
		const product =
			batchSize(a) === 1
				? stock({ inputs: { a, b }, backend, attrs: { transposeA: false, transposeB: false } })
				: multiplySlices(a, b, backend);
		if (a !== inputs.a) backend.disposeData(a.dataId);
		if (b !== inputs.b) backend.disposeData(b.dataId);
		return product;
	};
	tf.unregisterKernel('BatchMatMul', 'wasm');
	tf.registerKernel({ ...config, kernelFunc: matMul as unknown as tf.KernelFunc });
}

/** Whether XNNPACK gains more than cutting and transposing cost. A batch against one matrix is left to tfjs, as are all complaints. */
function isWorthCutting({ a, b }: MatMulArguments['inputs'], { transposeA, transposeB }: MatMulArguments['attrs']): boolean {
	const [M, K] = lastTwo(a, transposeA);
	const [inner, N] = lastTwo(b, transposeB);
	if (batchSize(a) !== batchSize(b) || K !== inner || a.dtype !== 'float32' || b.dtype !== 'float32') return false;
	return batchSize(a) === 1 || M * K * N >= MIN_SLICE_MACS;
}

/** One product, cut for the threads of `lab`. */
function multiplyShared(lab: WasmModule, a: tf.TensorInfo, b: tf.TensorInfo, transposed: boolean, backend: BackendWasm): tf.TensorInfo {
	const [M, K] = lastTwo(a);
	const [, N] = lastTwo(b, transposed);
	return compute(backend, [...a.shape.slice(0, -2), M, N], (at, of) =>
		multiply(lab, backend, [
			{
				...{ at, step: N, shape: [M, N] },
				terms: [{ length: K, left: { at: of(a), step: K }, right: { at: of(b), step: transposed ? K : N, transposed } }],
			},
		]),
	);
}

/** [n, M, K]·[n, K, N], one matrix at a time on views into the operands' own memory: nothing is copied. */
function multiplySlices(a: tf.TensorInfo, b: tf.TensorInfo, backend: BackendWasm): tf.TensorInfo {
	const [M, K] = lastTwo(a);
	const [, N] = lastTwo(b);
	const out = backend.makeOutput([...a.shape.slice(0, -1), N], 'float32');
	const shapes = backend.makeOutput([6], 'int32', undefined, Int32Array.of(1, M, K, 1, K, N));
	const [aAt, bAt, outAt, shapesAt] = [a, b, out, shapes].map(({ dataId }) => backend.getMemoryOffset(dataId)) as [
		number,
		number,
		number,
		number,
	];
	const native = (backend.wasm as unknown as EmscriptenModule).cwrap('BatchMatMul', null, Array<'number'>(9).fill('number'));
	const { tfjs } = backend.wasm;
	for (let i = 0; i < batchSize(a); i++) {
		tfjs.registerTensor(SLICE_A, M * K, aAt + 4 * i * M * K);
		tfjs.registerTensor(SLICE_B, K * N, bAt + 4 * i * K * N);
		tfjs.registerTensor(SLICE_OUT, M * N, outAt + 4 * i * M * N);
		native(SLICE_A, shapesAt, 3, SLICE_B, shapesAt + 12, 3, 0, 0, SLICE_OUT);
		for (const slice of [SLICE_A, SLICE_B, SLICE_OUT]) tfjs.disposeData(slice); // with B's packed form, which XNNPACK keeps by id
	}
	backend.disposeData(shapes.dataId);
	return out;
}

function batchSize({ shape }: tf.TensorInfo): number {
	return tf.util.sizeFromShape(shape.slice(0, -2));
}

/** Rows and columns of each matrix, as they are multiplied. */
function lastTwo({ shape }: tf.TensorInfo, transposed = false): [number, number] {
	const [rows, columns] = shape.slice(-2) as [number, number];
	return transposed ? [columns, rows] : [rows, columns];
}
