import * as tf from '@tensorflow/tfjs-core';

import { float16ToFloat32, float32ToFloat16, type Precision } from '../halfPrecision';
import { hasKernel, type KernelArguments, launch, runKernel } from './launch';

const UNPACK = 'ConscienceLabUnpackHalves';

/** A matrix that is never trained, as the backend holds it: what reads it chooses its code by `storage`. */
export interface FrozenMatrix {
	shape: [rows: number, columns: number];
	/**
	 * `f32`: `stored` is [rows, columns] float32.
	 * `f16`: it is [rows, ⌈columns / 2⌉] int32, two neighbours of a row as 16-bit floats in each, the left one in the lower half; an odd
	 * row's last number is there twice. Every GPU reads that, by WGSL's unpack2x16float; sums are float32 all the same.
	 */
	storage: Precision;
	stored: tf.Tensor2D;
}

/**
 * Puts a matrix on the backend, rounded to 16-bit floats where `precision` asks for it. A backend that can't read those keeps the rounded
 * numbers as float32, so that one setting has one meaning everywhere. A matrix with a number beyond ±65504, the largest that
 * F16 has, stays as it is.
 */
export function freeze(values: Float32Array, shape: [rows: number, columns: number], precision: Precision): FrozenMatrix {
	const halves = precision === 'f16' ? float32ToFloat16(values) : null;
	if (!halves?.every(isFinite16)) return frozenFloats(tf.tensor2d(values, shape));
	if (!hasKernel(UNPACK)) return frozenFloats(tf.tensor2d(float16ToFloat32(halves), shape));
	const [rows, columns] = shape;
	return { shape, storage: 'f16', stored: tf.tensor2d(packed(halves, shape), [rows, Math.ceil(columns / 2)], 'int32') };
}

/** A float32 tensor as a frozen matrix, which owns it from now on. */
export function frozenFloats(stored: tf.Tensor2D): FrozenMatrix {
	return { shape: stored.shape, storage: 'f32', stored };
}

/** The matrix as float32 [rows, columns]: the stored tensor itself where it is that, so leave its disposal to its owner or a tidy. */
export function thaw(matrix: FrozenMatrix): tf.Tensor2D {
	return matrix.storage === 'f32' ? matrix.stored : unpack(matrix);
}

/** Rows of the matrix, [N, columns] float32, at `rows` [N] int32. */
export function frozenRows(matrix: FrozenMatrix, rows: tf.Tensor1D): tf.Tensor2D {
	return matrix.storage === 'f32' ? tf.gather(matrix.stored, rows) : unpack(matrix, { rows });
}

/** Columns of the matrix, [rows, N] float32, at `columns` [N] int32. */
export function frozenColumns(matrix: FrozenMatrix, columns: tf.Tensor1D): tf.Tensor2D {
	return matrix.storage === 'f32' ? tf.gather(matrix.stored, columns, 1) : unpack(matrix, { columns });
}

/** Neither infinite nor NaN. */
const isFinite16 = (half: number): boolean => (half & 0x7c00) !== 0x7c00;

function packed(halves: Uint16Array, [rows, columns]: [number, number]): Int32Array {
	if (columns % 2 === 0) return new Int32Array(halves.buffer);
	const pairs = new Uint16Array(rows * (columns + 1));
	for (let row = 0; row < rows; row++) {
		pairs.set(halves.subarray(row * columns, (row + 1) * columns), row * (columns + 1));
		pairs[(row + 1) * (columns + 1) - 1] = halves[(row + 1) * columns - 1]!;
	}
	return new Int32Array(pairs.buffer);
}

interface UnpackSettings {
	/** Of the matrix. */
	shape: [rows: number, columns: number];
}

/** Numbers of the matrix as float32: of all rows and columns, or of those asked for. (tfjs's gather would read the pairs as float32, and lose bits.) */
function unpack({ shape, stored: halves }: FrozenMatrix, places: { rows?: tf.Tensor1D; columns?: tf.Tensor1D } = {}): tf.Tensor2D {
	return runKernel(UNPACK, { halves, ...places }, { shape } satisfies UnpackSettings) as tf.Tensor2D;
}

export function frozenMatrixKernels(): Record<string, tf.KernelFunc> {
	const kernel = ({ inputs, backend, attrs: { shape } }: KernelArguments<string, UnpackSettings>) => {
		const { rows, columns } = inputs;
		const [height, width] = [rows?.shape[0] ?? shape[0], columns?.shape[0] ?? shape[1]];
		const place = (list: string, at: string) => (inputs[list] ? `${list}[${at}]` : at);
		return launch(backend, {
			key: `unpackHalves_${Object.keys(inputs).join('_')}`,
			inputs,
			shape: [height, width],
			ints: { width, pairs: Math.ceil(shape[1] / 2) },
			invocations: height * width,
			code: () => `fn main(index : i32) {
	if (index >= uniforms.count) { return; }
	let row = ${place('rows', 'index / uniforms.width')};
	let column = ${place('columns', 'index % uniforms.width')};
	result[index] = unpack2x16float(bitcast<u32>(halves[row * uniforms.pairs + column / 2]))[column % 2];
}`,
		});
	};
	return { [UNPACK]: kernel as unknown as tf.KernelFunc };
}
