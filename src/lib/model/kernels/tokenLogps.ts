import * as tf from '@tensorflow/tfjs-core';

import { scoreRows } from '../batch';
import { frozenProduct, frozenProductGradient } from './adaptedLinear';
import type { FrozenMatrix } from './frozenMatrix';
import { hasKernel, type KernelArguments, launch, releaseBuffers, rowProgram, runKernel } from './launch';
import { behind, compute, runRows, type WasmArguments, type WasmModule } from './wasmModule';

const FORWARD = 'ConscienceLabPickedLogSoftmax';
const BACKWARD = 'ConscienceLabPickedLogSoftmaxGradient';

/**
 * log softmax(hidden·head)[n, labels[n]] for `hidden` [N, D] and `head` [D, V]: [N]. Differentiable in `hidden`.
 * Where its kernel is, the scores [N, V] of a large vocabulary are never there as a whole: a chunk of rows at a time is computed, and again for the gradient
 * (a vocabulary so small that there is one chunk is computed once).
 */
export function tokenLogps(hidden: tf.Tensor2D, head: FrozenMatrix, labels: tf.Tensor1D): tf.Tensor1D {
	return hasKernel(FORWARD) ? chunked(hidden, head, labels) : composed(frozenProduct(hidden, head), labels);
}

function composed(x: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor1D {
	// Cast apart: tfjs-wasm writes int32 bits whatever dtype oneHot is asked for.
	const oneHot = tf.cast(tf.oneHot(labels, x.shape[1]), 'float32'); // [N, V]
	return tf.sum(tf.mul(tf.logSoftmax(x), oneHot), -1);
}

function chunked(hidden: tf.Tensor2D, head: FrozenMatrix, labels: tf.Tensor1D): tf.Tensor1D {
	const [N, V] = [hidden.shape[0], head.shape[1]];
	const size = scoreRows(N, V);
	const starts = Array.from({ length: Math.ceil(N / size) }, (_, i) => i * size);
	/** The rows of `x` that make the chunk at `start`. */
	const cut = <T extends tf.Tensor>(x: T, start: number): T =>
		starts.length === 1 ? x : tf.slice(x, [start, ...x.shape.slice(1).map(() => 0)], [size, ...x.shape.slice(1)]);
	const scores = (x: tf.Tensor2D, weights: FrozenMatrix, start: number): tf.Tensor2D => frozenProduct(cut(x, start), weights);
	/** A chunk, of which no more than what it gives is there when the next one begins. */
	const oneByOne = (chunk: () => tf.Tensor2D): tf.Tensor2D => {
		const made = tf.tidy(chunk);
		if (starts.length > 1) releaseBuffers();
		return made;
	};
	const joined = (parts: tf.Tensor2D[]): tf.Tensor2D => (parts.length === 1 ? parts[0]! : tf.concat(parts));

	const logps = tf.customGrad((input, save) => {
		const x = input as tf.Tensor2D;
		// A single chunk is kept for the gradient; more than one are computed again, so that there is never more than one.
		const whole = starts.length === 1 ? scores(x, head, 0) : null;
		const parts = starts.map((start) =>
			oneByOne(() => runKernel(FORWARD, { scores: whole ?? scores(x, head, start), labels: cut(labels, start) }) as tf.Tensor2D),
		);
		const picked = joined(parts); // [N, 2]: the log-prob and the log of the sum that it was divided by
		(save as (tensors: tf.Tensor[]) => void)([x, picked, head.stored, labels, ...(whole ? [whole] : [])]);
		const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
			const [rows, sums, stored, wanted, kept] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor1D, tf.Tensor2D | undefined];
			const weights = { ...head, stored };
			return joined(
				starts.map((start) =>
					oneByOne(() => {
						const inputs = {
							scores: kept ?? scores(rows, weights, start),
							labels: cut(wanted, start),
							picked: cut(sums, start),
							dy: cut(dy, start),
						};
						return frozenProductGradient(runKernel(BACKWARD, inputs) as tf.Tensor2D, weights);
					}),
				),
			);
		};
		return { value: tf.reshape(tf.slice(picked, [0, 0], [N, 1]), [N]), gradFunc };
	});
	return logps(hidden) as tf.Tensor1D;
}

/** The kernels, with `lanes` invocations a row of the sum over the vocabulary. */
export function tokenLogpsKernels(lanes: number): Record<string, tf.KernelFunc> {
	const forward = ({ inputs: { scores, labels }, backend }: KernelArguments<'scores' | 'labels', unknown>) => {
		const [rows, width] = scores.shape as [number, number];
		return launch(backend, {
			key: `pickedLogSoftmax_${lanes}`,
			inputs: { scores, labels },
			shape: [rows, 2],
			ints: { width },
			invocations: rows * lanes,
			workgroup: lanes === 1 ? 4 : lanes, // long rows, and few of them: small groups keep all cores busy
			code: () => rowProgram(lanes, forwardCode(lanes)),
		});
	};
	const backward = ({ inputs, backend }: KernelArguments<'scores' | 'labels' | 'picked' | 'dy', unknown>) => {
		const [rows, width] = inputs.scores.shape as [number, number];
		return launch(backend, {
			key: 'pickedLogSoftmaxGradient',
			inputs,
			shape: [rows, width],
			ints: { width },
			invocations: rows * width,
			code: () => BACKWARD_CODE,
		});
	};
	return { [FORWARD]: forward as unknown as tf.KernelFunc, [BACKWARD]: backward as unknown as tf.KernelFunc };
}

/** Terms that are added up before they join the sum. */
const RUN = 64;

const forwardCode = (lanes: number) => `	let at = row * uniforms.width;
	var top = scores[at];
	for (var i = lane; i < uniforms.width; i += ${lanes}) { top = max(top, scores[at + i]); }
	top = largest(top);
	var sum = 0.0;
	for (var start = lane; start < uniforms.width; start += ${lanes * RUN}) { // in runs: one by one, small terms would be lost beside a large sum
		var run = 0.0;
		for (var i = start; i < min(start + ${lanes * RUN}, uniforms.width); i += ${lanes}) { run += exp(scores[at + i] - top); }
		sum += run;
	}
	let whole = top + log(total(sum));
	result[2 * row] = scores[at + labels[row]] - whole;
	result[2 * row + 1] = whole;`;

/** d logp / d scores = one-hot(label) − softmax. */
const BACKWARD_CODE = `fn main(index : i32) {
	if (index >= uniforms.count) { return; }
	let row = index / uniforms.width;
	let chosen = select(0.0, 1.0, index % uniforms.width == labels[row]);
	result[index] = dy[row] * (chosen - exp(scores[index] - picked[2 * row + 1]));
}`;

/** What a score takes on one thread, in ns. */
const COST = 2;

export function tokenLogpsWasmKernels(lab: WasmModule): Record<string, tf.KernelFunc> {
	const forward = ({ inputs: { scores, labels }, backend }: WasmArguments<'scores' | 'labels', unknown>) => {
		const [rows, width] = scores.shape as [number, number];
		const stray = backend.typedArrayFromHeap(labels).find((label) => label < 0 || label >= width);
		if (stray !== undefined) throw new RangeError(`tokenLogps: label ${stray} of a vocabulary of ${width}; expected 0 to ${width - 1}`);
		return compute(backend, [rows, 2], (out, at) =>
			runRows(lab, 'pickedLogSoftmax', rows, COST * width, (from, count) => {
				return [behind(out, 2 * from), behind(at(scores), from * width), behind(at(labels), from), count, width];
			}),
		);
	};
	const backward = ({ inputs, backend }: WasmArguments<'scores' | 'labels' | 'picked' | 'dy', unknown>) => {
		const { scores, labels, picked, dy } = inputs;
		const [rows, width] = scores.shape as [number, number];
		return compute(backend, [rows, width], (out, at) =>
			runRows(lab, 'pickedLogSoftmaxGradient', rows, COST * width, (from, count) => {
				const [to, of] = [out, at(scores)].map((start) => behind(start, from * width)) as [number, number];
				return [to, of, behind(at(labels), from), behind(at(picked), 2 * from), behind(at(dy), from), count, width];
			}),
		);
	};
	return { [FORWARD]: forward as unknown as tf.KernelFunc, [BACKWARD]: backward as unknown as tf.KernelFunc };
}
