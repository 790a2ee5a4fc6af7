import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';

import { mostBoundBytes } from '../gpuAdapter';
import { float16ToFloat32, float32ToFloat16, float32ToInt8, matrixBytes, type Precision } from '../halfPrecision';
import { canHold, type FrozenMatrix } from './frozenMatrix';

/** Emscripten's part of tfjs's module, which tfjs's types leave out. */
interface Heap {
	_malloc(bytes: number): number;
	_free(address: number): void;
}

/** The backend has no room for a matrix, or can't bind one so large. */
export class MatrixSizeError extends Error {
	override name = 'MatrixSizeError';
}

/** A matrix of which the backend gets some columns after the others. */
interface Filling {
	/** Adds columns from `first` on, each the numbers of a row of `values`, as checkpoints hold them: torch's Linear is [out, in]. False: `precision` can't hold them. */
	add(values: Float32Array, first: number): boolean;
	/** Puts the matrix on the backend. @throws MatrixSizeError */
	done(): FrozenMatrix;
}

/**
 * Puts the transpose of a matrix on the backend, rounded as `precision` asks. A backend that can't read such numbers keeps the rounded ones as
 * float32, so that one setting has one meaning everywhere. A matrix with a number that the precision doesn't have stays as it is: of 16-bit floats
 * that is one beyond ±65504, of 8-bit integers one that is no number.
 * @throws MatrixSizeError
 */
export function freezeTurned(values: Float32Array, [columns, rows]: [number, number], precision: Precision): FrozenMatrix {
	for (const tried of [precision, 'f32'] as const) {
		const filling = fill([rows, columns], tried);
		if (filling.add(values, 0)) return filling.done();
	}
	throw new RangeError('freezeTurned: float32 holds every number'); // as it does
}

/** Numbers that are read of a matrix at a time. */
const PART = 2 ** 22;

/** `freezeTurned` for a matrix that is read in parts, so that no more than one of them is there beside what the backend is given. @throws MatrixSizeError */
export async function freezeInParts(
	[columns, rows]: [number, number],
	read: (from: number, to: number) => Promise<Float32Array>,
	precision: Precision,
	part = PART,
): Promise<FrozenMatrix> {
	const step = Math.max(1, Math.floor(part / rows));
	for (const tried of [precision, 'f32'] as const) {
		const filling = fill([rows, columns], tried);
		let first = 0;
		while (first < columns && filling.add(await read(first * rows, Math.min(first + step, columns) * rows), first)) first += step;
		if (first >= columns) return filling.done();
	}
	throw new RangeError('freezeInParts: float32 holds every number');
}

/** The matrix [rows, columns] as it is, on the backend. */
export function freeze(values: Float32Array, [rows, columns]: [rows: number, columns: number], precision: Precision): FrozenMatrix {
	const turned = new Float32Array(values.length);
	turn(turned, rows, values, 0, columns);
	return freezeTurned(turned, [columns, rows], precision);
}

function fill(shape: [rows: number, columns: number], precision: Precision): Filling {
	const storage = canHold(precision) ? precision : 'f32';
	checkSize(shape, storage);
	const [rows, columns] = shape;
	if (storage === 'f16') {
		const step = 2 * Math.ceil(columns / 2); // two neighbours in each number
		const halves = new Uint16Array(rows * step);
		return {
			add(values, first) {
				const rounded = float32ToFloat16(values);
				turn(halves, step, rounded, first, rows);
				return rounded.every(isFinite16);
			},
			done() {
				// an odd row's last number twice, as frozenMatrix.ts promises
				if (columns < step) for (let row = 0; row < rows; row++) halves[row * step + columns] = halves[row * step + columns - 1]!;
				return { shape, storage, stored: put(new Int32Array(halves.buffer), [rows, step / 2], 'int32') };
			},
		};
	}
	if (storage === 'int8') return fillBytes(shape);
	const floats = new Float32Array(rows * columns);
	return {
		add(values, first) {
			const rounded = roundTo(precision, values, rows);
			if (rounded) turn(floats, columns, rounded, first, rows);
			return rounded !== null;
		},
		done: () => ({ shape, storage, stored: put(floats, [rows, columns], 'float32') }),
	};
}

function fillBytes(shape: [rows: number, columns: number]): Filling {
	const [rows, columns] = shape;
	const step = 4 * Math.ceil(columns / 4); // four neighbours in each number
	const bytes = new Int8Array(rows * step + 4 * columns);
	const largest = new Float32Array(bytes.buffer, rows * step, columns);
	return {
		add(values, first) {
			const rounded = float32ToInt8(values, rows);
			if (!rounded) return false;
			turn(bytes, step, rounded.bytes, first, rows);
			largest.set(rounded.largest, first);
			return true;
		},
		done() {
			// behind a row's last number are those that a tile of a product takes there (see tile.ts)
			const last = 2 * Math.floor((columns - 1) / 2);
			for (let column = columns; column < step; column++)
				for (let row = 0; row < rows; row++) bytes[row * step + column] = bytes[row * step + Math.min(last + (column % 2), columns - 1)]!;
			const numbers = new Int32Array(bytes.buffer);
			return { shape, storage: 'int8', stored: put(numbers, [1, numbers.length], 'int32') };
		},
	};
}

/** The numbers as float32 once they are rounded, rows of `width` at a time; null where `precision` can't hold them. */
function roundTo(precision: Precision, values: Float32Array, width: number): Float32Array | null {
	if (precision === 'f32') return values;
	if (precision === 'f16') {
		const halves = float32ToFloat16(values);
		return halves.every(isFinite16) ? float16ToFloat32(halves) : null;
	}
	const rounded = float32ToInt8(values, width);
	return rounded && Float32Array.from(rounded.bytes, (byte, i) => (byte / 127) * rounded.largest[Math.floor(i / width)]!);
}

/** Neither infinite nor NaN. */
const isFinite16 = (half: number): boolean => (half & 0x7c00) !== 0x7c00;

/** Columns of a row of the target that are written one after the other: a part of it that stays in the processor's cache. */
const STRIPE = 32;

/** Writes rows of `width` numbers as the columns from `first` on of a target whose rows are `step` apart. */
function turn(
	target: Float32Array | Uint16Array | Int8Array,
	step: number,
	rows: Float32Array | Uint16Array | Int8Array,
	first: number,
	width: number,
): void {
	const count = rows.length / width;
	for (let start = 0; start < count; start += STRIPE)
		for (let i = 0; i < width; i++)
			for (let r = start; r < Math.min(start + STRIPE, count); r++) target[i * step + first + r] = rows[r * width + i]!;
}

/** The tensor, which is on the device when this returns: tfjs would keep the numbers in the page's memory as well until they are first used. */
function put(values: Float32Array | Int32Array, shape: [number, number], dtype: 'float32' | 'int32'): tf.Tensor2D {
	const tensor = tf.tensor2d(values, shape, dtype);
	if (tf.getBackend() === 'webgpu') (tf.backend() as WebGPUBackend).uploadToGPU(tensor.dataId);
	return tensor;
}

const ADVICE = 'Choose a smaller model, or keep its frozen weights in fewer bits (model.precision)';
const inMegabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;

/** @throws MatrixSizeError for a matrix that the GPU can't bind, or that WebAssembly has no room for */
function checkSize(shape: [number, number], storage: Precision): void {
	const bytes = matrixBytes(...shape, storage);
	const matrix = `a matrix of ${shape.join(' × ')} takes ${inMegabytes(bytes)}`;
	if (tf.getBackend() === 'wasm') {
		// tfjs takes the address 0 for a good one where there is no more memory, and writes there
		const wasm = (tf.backend() as BackendWasm).wasm as unknown as Heap;
		const address = bytes < 2 ** 32 ? wasm._malloc(bytes) : 0;
		if (address === 0) throw new MatrixSizeError(`${matrix}, and WebAssembly has no more room: it gets 4 GB at most. ${ADVICE}`);
		wasm._free(address);
	}
	if (tf.getBackend() === 'webgpu') {
		const most = mostBoundBytes((tf.backend() as WebGPUBackend).device.limits);
		if (bytes > most)
			throw new MatrixSizeError(`${matrix}, and this GPU reads ${inMegabytes(most)} of one at most. ${ADVICE}, or let WebAssembly run it`);
	}
}
