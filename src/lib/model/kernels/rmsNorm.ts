import * as tf from '@tensorflow/tfjs-core';

import { hasKernel, type KernelArguments, launch, rowProgram, rowsOf, runKernel } from './launch';
import { behind, compute, runRows, type WasmArguments, type WasmModule } from './wasmModule';

const FORWARD = 'ConscienceLabRmsNorm';
const BACKWARD = 'ConscienceLabRmsNormGradient';

interface Settings {
	eps: number;
}

/** x / √(mean(x²) + ε) · w over the last axis (arXiv:1910.07467). Its kernel takes `weight` as frozen. */
export function rmsNorm<T extends tf.Tensor>(x: T, weight: tf.Tensor1D, eps: number): T {
	if (hasKernel(FORWARD)) return runKernel(FORWARD, { x, weight }, { eps }) as T;
	return tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), eps))), weight);
}

/** The kernels, with `lanes` invocations a row. */
export function rmsNormKernels(lanes: number): Record<string, tf.KernelFunc> {
	const forward = ({ inputs: { x, weight }, backend, attrs: { eps } }: KernelArguments<'x' | 'weight', Settings>) => {
		const [rows, width] = rowsOf(x);
		return launch(backend, {
			key: `rmsNorm_${lanes}`,
			inputs: { x, weight },
			shape: x.shape,
			ints: { width },
			floats: { eps },
			invocations: rows * lanes,
			workgroup: lanes === 1 ? 32 : lanes,
			code: () => rowProgram(lanes, forwardCode(lanes)),
		});
	};
	const backward = ({ inputs: { x, weight, dy }, backend, attrs: { eps } }: KernelArguments<'x' | 'weight' | 'dy', Settings>) => {
		const [rows, width] = rowsOf(x);
		return launch(backend, {
			key: `rmsNormGradient_${lanes}`,
			inputs: { x, weight, dy },
			shape: x.shape,
			ints: { width },
			floats: { eps },
			invocations: rows * lanes,
			workgroup: lanes === 1 ? 32 : lanes,
			code: () => rowProgram(lanes, backwardCode(lanes)),
		});
	};
	return { [FORWARD]: forward as unknown as tf.KernelFunc, [BACKWARD]: backward as unknown as tf.KernelFunc };
}

const forwardCode = (lanes: number) => `	let at = row * uniforms.width;
	var squares = 0.0;
	for (var i = lane; i < uniforms.width; i += ${lanes}) { let value = x[at + i]; squares += value * value; }
	let scale = inverseSqrt(total(squares) / f32(uniforms.width) + uniforms.eps);
	for (var i = lane; i < uniforms.width; i += ${lanes}) { result[at + i] = x[at + i] * scale * weight[i]; }`;

/** dx = s·(w⊙dy − x·s²·mean(x⊙w⊙dy)) for s = 1/√(mean(x²) + ε). */
const backwardCode = (lanes: number) => `	let at = row * uniforms.width;
	var squares = 0.0;
	var products = 0.0;
	for (var i = lane; i < uniforms.width; i += ${lanes}) {
		let value = x[at + i];
		squares += value * value;
		products += value * weight[i] * dy[at + i];
	}
	let scale = inverseSqrt(total(squares) / f32(uniforms.width) + uniforms.eps);
	let shift = total(products) / f32(uniforms.width) * scale * scale;
	for (var i = lane; i < uniforms.width; i += ${lanes}) { result[at + i] = scale * (weight[i] * dy[at + i] - x[at + i] * shift); }`;

/** What a number takes on one thread, in ns. */
const COST = 3;

export function rmsNormWasmKernels(lab: WasmModule): Record<string, tf.KernelFunc> {
	const forward = ({ inputs: { x, weight }, backend, attrs: { eps } }: WasmArguments<'x' | 'weight', Settings>) => {
		const [rows, width] = rowsOf(x);
		return compute(backend, x.shape, (out, at) =>
			runRows(lab, 'rmsNorm', rows, COST * width, (from, count) => {
				const [to, xAt] = [out, at(x)].map((start) => behind(start, from * width)) as [number, number];
				return [to, xAt, at(weight), count, width, eps];
			}),
		);
	};
	const backward = ({ inputs: { x, weight, dy }, backend, attrs: { eps } }: WasmArguments<'x' | 'weight' | 'dy', Settings>) => {
		const [rows, width] = rowsOf(x);
		return compute(backend, x.shape, (out, at) =>
			runRows(lab, 'rmsNormGradient', rows, COST * width, (from, count) => {
				const [to, xAt, dyAt] = [out, at(x), at(dy)].map((start) => behind(start, from * width)) as [number, number, number];
				return [to, xAt, at(weight), dyAt, count, width, eps];
			}),
		);
	};
	return { [FORWARD]: forward as unknown as tf.KernelFunc, [BACKWARD]: backward as unknown as tf.KernelFunc };
}

if (!tf.getGradient(FORWARD))
	tf.registerGradient({
		kernelName: FORWARD,
		inputsToSave: ['x', 'weight'],
		gradFunc: (dy, saved, attrs) => {
			const [x, weight] = saved as [tf.Tensor, tf.Tensor];
			return { x: () => runKernel(BACKWARD, { x, weight, dy: dy as tf.Tensor }, attrs) };
		},
	});
