import * as tf from '@tensorflow/tfjs-core';

import { hasKernel, type KernelArguments, launch, runKernel } from './launch';
import { compute, type WasmArguments, type WasmModule } from './wasmModule';

const NORM = 'ConscienceLabNorm';
const MOMENT = 'ConscienceLabMoment';
const UPDATE = 'ConscienceLabAdamWUpdate';

/** Sums of the first pass over a gradient; one invocation adds them up in the second. */
const PARTIAL_SUMS = 256;

export interface AdamWStep {
	beta1: number;
	beta2: number;
	epsilon: number;
	/** η·w of θ ← θ·(1 − η·w). */
	decay: number;
	/** η / (1 − β₁^t). */
	rate: number;
	/** √(1 − β₂^t). */
	rootCorrection: number;
	/** The norm above which the gradient is scaled down; 0 = never. */
	clipNorm: number;
}

interface Moment {
	beta: number;
	power: 1 | 2;
	clipNorm: number;
}

/** Whether one AdamW step is four dispatches here, whatever the number of parameters. */
export function fusesAdamW(): boolean {
	return hasKernel(UPDATE);
}

/** √Σg² of a gradient [n]: a scalar. */
export function norm(gradient: tf.Tensor1D): tf.Scalar {
	return runKernel(NORM, { x: gradient }) as tf.Scalar;
}

/** One AdamW update in place, with clipping by `gradientNorm` inside. Runs inside the caller's tidy. */
export function updateAdamW(
	parameters: tf.Variable<tf.Rank.R1>,
	m: tf.Variable<tf.Rank.R1>,
	v: tf.Variable<tf.Rank.R1>,
	gradient: tf.Tensor1D,
	gradientNorm: tf.Scalar,
	step: AdamWStep,
): void {
	const { beta1, beta2, clipNorm } = step;
	const moment = (x: tf.Tensor, beta: number, power: 1 | 2) =>
		runKernel(MOMENT, { x, gradient, norm: gradientNorm }, { beta, power, clipNorm }) as tf.Tensor1D;
	m.assign(moment(m, beta1, 1));
	v.assign(moment(v, beta2, 2));
	parameters.assign(runKernel(UPDATE, { x: parameters, m, v }, step) as tf.Tensor1D);
}

export function adamWKernels(): Record<string, tf.KernelFunc> {
	const root = ({ inputs: { x }, backend }: KernelArguments<'x', unknown>) => {
		const add = (x: tf.TensorInfo, shape: number[], key: string, code: string) => {
			const ints = { size: tf.util.sizeFromShape(x.shape) };
			return launch(backend, { key, inputs: { x }, shape, ints, invocations: tf.util.sizeFromShape(shape), code: () => code });
		};
		const sums = add(x, [PARTIAL_SUMS], 'sumOfSquares', SUM_OF_SQUARES);
		const norm = add(sums, [], 'rootOfSum', ROOT_OF_SUM);
		backend.disposeData(sums.dataId);
		return norm;
	};
	const moment = ({ inputs, backend, attrs }: KernelArguments<'x' | 'gradient' | 'norm', Moment>) =>
		launch(backend, {
			key: `moment_${attrs.power}`,
			inputs,
			shape: inputs.x.shape,
			floats: { beta: attrs.beta, share: 1 - attrs.beta, clipNorm: attrs.clipNorm }, // 1 − β in F32 would be off by 1e-5
			invocations: inputs.x.shape[0]!,
			code: () => momentCode(attrs.power),
		});
	const update = ({ inputs, backend, attrs }: KernelArguments<'x' | 'm' | 'v', AdamWStep>) =>
		launch(backend, {
			key: 'adamWUpdate',
			inputs,
			shape: inputs.x.shape,
			floats: { decay: attrs.decay, rate: attrs.rate, rootCorrection: attrs.rootCorrection, epsilon: attrs.epsilon },
			invocations: inputs.x.shape[0]!,
			code: () => UPDATE_CODE,
		});
	return {
		[NORM]: root as unknown as tf.KernelFunc,
		[MOMENT]: moment as unknown as tf.KernelFunc,
		[UPDATE]: update as unknown as tf.KernelFunc,
	};
}

export function adamWWasmKernels(lab: WasmModule): Record<string, tf.KernelFunc> {
	const root = ({ inputs: { x }, backend }: WasmArguments<'x', unknown>) =>
		compute(backend, [], (out, at) => lab.run([{ kernel: 'norm', numbers: [out, at(x), tf.util.sizeFromShape(x.shape)] }]));
	const moment = ({ inputs, backend, attrs }: WasmArguments<'x' | 'gradient' | 'norm', Moment>) => {
		const { x, gradient, norm } = inputs;
		const { beta, power, clipNorm } = attrs;
		const numbers = [x.shape[0]!, beta, 1 - beta, Number(power === 2), clipNorm];
		return compute(backend, x.shape, (out, at) =>
			lab.run([{ kernel: 'moment', numbers: [out, at(x), at(gradient), at(norm), ...numbers] }]),
		);
	};
	const update = ({ inputs: { x, m, v }, backend, attrs }: WasmArguments<'x' | 'm' | 'v', AdamWStep>) => {
		const numbers = [x.shape[0]!, attrs.decay, attrs.rate, attrs.rootCorrection, attrs.epsilon];
		return compute(backend, x.shape, (out, at) => lab.run([{ kernel: 'update', numbers: [out, at(x), at(m), at(v), ...numbers] }]));
	};
	return {
		[NORM]: root as unknown as tf.KernelFunc,
		[MOMENT]: moment as unknown as tf.KernelFunc,
		[UPDATE]: update as unknown as tf.KernelFunc,
	};
}

const SUM_OF_SQUARES = `fn main(index : i32) {
	if (index >= uniforms.count) { return; }
	var sum = 0.0;
	for (var i = index; i < uniforms.size; i += uniforms.count) { sum += x[i] * x[i]; }
	result[index] = sum;
}`;

const ROOT_OF_SUM = `fn main(index : i32) {
	if (index >= uniforms.count) { return; }
	var sum = 0.0;
	for (var i = 0; i < uniforms.size; i++) { sum += x[i]; }
	result[0] = sqrt(sum);
}`;

const momentCode = (power: 1 | 2) => `fn main(index : i32) {
	if (index >= uniforms.count) { return; }
	let clip = select(1.0, min(1.0, uniforms.clipNorm / (norm[0] + 1e-6)), uniforms.clipNorm > 0.0);
	let g = gradient[index] * clip;
	result[index] = uniforms.beta * x[index] + uniforms.share * ${power === 1 ? 'g' : 'g * g'};
}`;

const UPDATE_CODE = `fn main(index : i32) {
	if (index >= uniforms.count) { return; }
	let denominator = sqrt(v[index]) / uniforms.rootCorrection + uniforms.epsilon;
	result[index] = x[index] * (1.0 - uniforms.decay) - uniforms.rate * m[index] / denominator;
}`;
