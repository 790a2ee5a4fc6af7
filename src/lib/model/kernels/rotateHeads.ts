import * as tf from '@tensorflow/tfjs-core';

import { rotate, type RotaryTable } from '../rope';
import { hasKernel, type KernelArguments, launch, rowsOf, runKernel } from './launch';
import { behind, compute, runRows, type WasmArguments, type WasmModule } from './wasmModule';

const KERNEL = 'ConscienceLabRotateHeads';

/** How queries, keys and values lie side by side in a row: [H·headDim | KV·headDim | KV·headDim]. */
export interface HeadLayout {
	heads: number; // H
	keyValueHeads: number; // KV
	headDim: number;
}

interface Settings extends HeadLayout {
	/** 1 turns forth; −1 turns back, which is the gradient. */
	direction: 1 | -1;
}

/**
 * RoPE on queries and keys within `qkv` [N, (H + 2·KV)·headDim], and 1/√headDim on the queries; values stay.
 * `angles` are those of the keys, one for each row.
 */
export function rotateHeads(qkv: tf.Tensor2D, angles: RotaryTable, layout: HeadLayout): tf.Tensor2D {
	if (hasKernel(KERNEL)) return runKernel(KERNEL, { qkv, cos: angles.cos, sin: angles.sin }, { ...layout, direction: 1 }) as tf.Tensor2D;
	const { heads, keyValueHeads, headDim } = layout;
	const [rows] = qkv.shape;
	const turn = (x: tf.Tensor2D) => tf.reshape<tf.Rank.R2>(rotate(tf.reshape(x, [1, rows, x.shape[1] / headDim, headDim]), angles), x.shape);
	const [q, k, v] = tf.split<tf.Tensor2D>(qkv, [heads * headDim, keyValueHeads * headDim, keyValueHeads * headDim], 1);
	return tf.concat([tf.mul(turn(q!), 1 / Math.sqrt(headDim)), turn(k!), v!], 1);
}

export function rotateHeadsKernels(): Record<string, tf.KernelFunc> {
	const kernel = ({ inputs: { qkv, cos, sin }, backend, attrs }: KernelArguments<'qkv' | 'cos' | 'sin', Settings>) => {
		const { heads, keyValueHeads, headDim, direction } = attrs;
		const [rows, width] = rowsOf(qkv);
		return launch(backend, {
			key: 'rotateHeads',
			inputs: { qkv, cos, sin },
			shape: [rows, width],
			ints: { width, headDim, queries: heads * headDim, turned: (heads + keyValueHeads) * headDim },
			floats: { direction, scale: 1 / Math.sqrt(headDim) },
			invocations: rows * width,
			code: () => CODE,
		});
	};
	return { [KERNEL]: kernel as unknown as tf.KernelFunc };
}

const CODE = `fn main(index : i32) {
	if (index >= uniforms.count) { return; }
	let column = index % uniforms.width;
	if (column >= uniforms.turned) { result[index] = qkv[index]; return; }
	let half = uniforms.headDim / 2;
	let i = column % uniforms.headDim;
	let angle = index / uniforms.width * uniforms.headDim + i;
	let partner = select(qkv[index - select(0, half, i >= half)], -qkv[index + select(0, half, i < half)], i < half);
	let turned = qkv[index] * cos[angle] + partner * sin[angle] * uniforms.direction;
	result[index] = turned * select(1.0, uniforms.scale, column < uniforms.queries);
}`;

/** What a number takes on one thread, in ns. */
const COST = 1.5;

export function rotateHeadsWasmKernels(lab: WasmModule): Record<string, tf.KernelFunc> {
	const kernel = ({ inputs: { qkv, cos, sin }, backend, attrs }: WasmArguments<'qkv' | 'cos' | 'sin', Settings>) => {
		const { heads, keyValueHeads, headDim, direction } = attrs;
		const turned = heads + keyValueHeads;
		const all = turned + keyValueHeads;
		const [rows, width, times] = [qkv.shape[0]!, all * headDim, cos.shape[1]!];
		const turns = Math.ceil(rows / times); // how often the angles repeat
		return compute(backend, qkv.shape, (out, at) =>
			runRows(lab, 'rotateHeads', rows, turns > 1 ? 0 : COST * width, (from, count) => {
				const [to, of] = [out, at(qkv)].map((start) => behind(start, from * width)) as [number, number];
				const [cosAt, sinAt] = [at(cos), at(sin)].map((start) => behind(start, from * headDim)) as [number, number];
				return [to, of, cosAt, sinAt, count, all, heads, turned, headDim, times, direction, 1 / Math.sqrt(headDim)];
			}),
		);
	};
	return { [KERNEL]: kernel as unknown as tf.KernelFunc };
}

if (!tf.getGradient(KERNEL))
	tf.registerGradient({
		kernelName: KERNEL,
		inputsToSave: ['cos', 'sin'],
		gradFunc: (dy, saved, attrs) => {
			const [cos, sin] = saved as [tf.Tensor, tf.Tensor];
			return { qkv: () => runKernel(KERNEL, { qkv: dy as tf.Tensor, cos, sin }, { ...attrs, direction: -1 }) };
		},
	});
