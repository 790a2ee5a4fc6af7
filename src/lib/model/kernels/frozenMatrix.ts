import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

import type { Precision } from '../halfPrecision';
import { hasKernel, type KernelArguments, launch, runKernel } from './launch';
import { compute, type WasmArguments } from './wasmModule';

/** A matrix that is never trained, as the backend holds it: what reads it chooses its code by `storage`. */
export interface FrozenMatrix {
	shape: [rows: number, columns: number];
	/**
	 * `f32`: `stored` is [rows, columns] float32.
	 * `f16`: it is [rows, ⌈columns / 2⌉] int32, two neighbours of a row as 16-bit floats in each, the left one in the lower half; an odd
	 * row's last number is there twice. Every GPU reads that, by WGSL's unpack2x16float; sums are float32 all the same.
	 * `int8`: it is int32, four neighbours of a row as 8-bit integers in each, the left one in the lowest byte, [rows, ⌈columns / 4⌉], and behind them
	 * the largest absolute value of each column, a float32's bits: a number is its byte / 127 times that.
	 */
	storage: Precision;
	stored: tf.Tensor2D;
}

/** The kernel that reads a matrix of this storage. */
const READ: Record<Precision, string> = { f32: 'ConscienceLabReadFloats', f16: 'ConscienceLabReadHalves', int8: 'ConscienceLabReadBytes' };

/** Whether the backend reads matrices that are stored so; float32 every one does. */
export function canHold(storage: Precision): boolean {
	return storage === 'f32' || hasKernel(READ[storage]);
}

/** A float32 tensor as a frozen matrix, which owns it from now on. */
export function frozenFloats(stored: tf.Tensor2D): FrozenMatrix {
	return { shape: stored.shape, storage: 'f32', stored };
}

/** The matrix as float32 [rows, columns]: the stored tensor itself where it is that, so leave its disposal to its owner or a tidy. */
export function thaw(matrix: FrozenMatrix): tf.Tensor2D {
	return matrix.storage === 'f32' ? matrix.stored : read(matrix, null);
}

/** Columns of the matrix at `columns` [N] int32, as float32: [N, rows], each in a row. */
export function frozenColumns(matrix: FrozenMatrix, columns: tf.Tensor1D): tf.Tensor2D {
	if (hasKernel(READ[matrix.storage])) return read(matrix, columns);
	return tf.transpose(tf.gather(matrix.stored, columns, 1));
}

interface ReadSettings {
	/** Of the matrix. */
	shape: [rows: number, columns: number];
}
/** Without `columns` all are read. */
type Inputs = 'stored' | 'columns';

/** (tfjs's gather would read packed numbers as float32, and lose bits.) */
function read({ shape, storage, stored }: FrozenMatrix, columns: tf.Tensor1D | null): tf.Tensor2D {
	return runKernel(READ[storage], { stored, ...(columns ? { columns } : {}) }, { shape } satisfies ReadSettings) as tf.Tensor2D;
}

/** WGSL for the number at (`row`, `column`). */
const NUMBER: Record<Precision, string> = {
	f32: 'stored[row * uniforms.step + column]',
	f16: 'unpack2x16float(bitcast<u32>(stored[row * uniforms.step + column / 2]))[column % 2]',
	int8: 'unpack4x8snorm(bitcast<u32>(stored[row * uniforms.step + column / 4]))[column % 4] * bitcast<f32>(stored[uniforms.rows * uniforms.step + column])',
};
/** Columns in each number of `stored`. */
export const PACKED: Record<Precision, number> = { f32: 1, f16: 2, int8: 4 };

export function frozenMatrixKernels(): Record<string, tf.KernelFunc> {
	const kernelOf =
		(storage: Precision) =>
		({ inputs: { stored, columns }, backend, attrs: { shape } }: KernelArguments<Inputs, ReadSettings>) => {
			const count = columns ? columns.shape[0]! : shape[1];
			return launch(backend, {
				key: `readFrozen_${storage}_${columns ? 'columns' : 'all'}`,
				inputs: columns ? { stored, columns } : { stored },
				shape: columns ? [count, shape[0]] : [...shape],
				ints: { rows: shape[0], width: shape[1], step: Math.ceil(shape[1] / PACKED[storage]) },
				invocations: shape[0] * count,
				code: () => `fn main(index : i32) {
	if (index >= uniforms.count) { return; }
	let row = index ${columns ? '% uniforms.rows' : '/ uniforms.width'};
	let column = ${columns ? 'columns[index / uniforms.rows]' : 'index % uniforms.width'};
	result[index] = ${NUMBER[storage]};
}`,
			});
		};
	const storages = Object.keys(READ) as Precision[];
	return Object.fromEntries(storages.map((storage) => [READ[storage], kernelOf(storage) as unknown as tf.KernelFunc]));
}

/** Reads on the calling thread: most often it is a copy of some rows. */
export function frozenMatrixWasmKernels(): Record<string, tf.KernelFunc> {
	const kernelOf =
		(storage: Precision) =>
		({ inputs: { stored, columns }, backend, attrs: { shape } }: WasmArguments<Inputs, ReadSettings>) => {
			const [rows, width] = shape;
			return compute(backend, columns ? [columns.shape[0]!, rows] : [...shape], (out) => {
				const number = numberOf[storage]!(backend, stored, shape); // not before: the heap moves where it grows
				const { buffer } = backend.typedArrayFromHeap(stored);
				const results = new Float32Array(buffer, out, (columns ? columns.shape[0]! : width) * rows);
				if (!columns) return results.forEach((_, at) => (results[at] = number(Math.floor(at / width), at % width)));
				backend.typedArrayFromHeap(columns).forEach((column, i) => {
					if (column < 0 || column >= width)
						throw new RangeError(`frozenColumns: column ${column} of a matrix of ${width}; expected 0 to ${width - 1}`);
					for (let row = 0; row < rows; row++) results[i * rows + row] = number(row, column);
				});
			});
		};
	const storages = Object.keys(numberOf) as Precision[];
	return Object.fromEntries(storages.map((storage) => [READ[storage], kernelOf(storage) as unknown as tf.KernelFunc]));
}

/** The number at (row, column) of a matrix on the heap, for each storage that the wasm backend has. */
const numberOf: Partial<
	Record<Precision, (backend: BackendWasm, stored: tf.TensorInfo, shape: [number, number]) => (row: number, column: number) => number>
> = {
	f32(backend, stored, [, width]) {
		const numbers = backend.typedArrayFromHeap(stored);
		return (row, column) => numbers[row * width + column]!;
	},
	int8(backend, stored, [rows, width]) {
		const { buffer, byteOffset } = backend.typedArrayFromHeap(stored);
		const step = 4 * Math.ceil(width / 4);
		const bytes = new Int8Array(buffer, byteOffset, rows * step);
		const largest = new Float32Array(buffer, byteOffset + rows * step, width);
		return (row, column) => (bytes[row * step + column]! / 127) * largest[column]!;
	},
};
