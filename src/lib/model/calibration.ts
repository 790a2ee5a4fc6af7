import * as tf from '@tensorflow/tfjs-core';

import { checkDevice } from './backend';
import type { Ladder } from './timing';

/** Floating-point operations of a product of two n × n matrices: n³ multiplications and as many additions. */
export const matMulFlop = (n: number): number => 2 * n ** 3;

/** Products of square matrices: what a backend computes at most. Sizes are edges. */
export const matMulLadder: Ladder = {
	sizes: [128, 256, 512, 1024, 2048, 4096],
	work: matMulFlop,
	brief: true,
	open(n) {
		const [a, b] = [ramp(n * n, [n, n]), ramp(n * n, [n, n])];
		return { run: (times) => repeated(times, () => tf.matMul(a, b)), free: () => tf.dispose([a, b]) };
	},
};

/** Bytes that a copy of so many float32 moves: each is read and written. */
export const copyBytes = (floats: number): number => 8 * floats;

/** Copies with their sign turned, since a plain copy would move nothing: how fast a backend reads and writes memory. Sizes are numbers of float32. */
export const copyLadder: Ladder = {
	sizes: [2 ** 18, 2 ** 20, 2 ** 23],
	work: copyBytes,
	brief: true,
	open(floats) {
		const x = ramp(floats, [floats]);
		return { run: (times) => repeated(times, () => tf.neg(x)), free: () => x.dispose() };
	},
};

/** Numbers from −1 to 1: zeros might be multiplied faster. */
const ramp = (count: number, shape: number[]) => tf.tidy(() => tf.reshape(tf.linspace(-1, 1, count), shape));

/** Runs an operation so many times, and waits for the last result; that asks a GPU for one number only. */
async function repeated(times: number, operation: () => tf.Tensor): Promise<void> {
	for (let i = 1; i < times; i++) operation().dispose();
	const last = tf.tidy(() => tf.slice(tf.reshape(operation(), [-1]), [0], [1]));
	await last.data();
	last.dispose();
	checkDevice();
}
