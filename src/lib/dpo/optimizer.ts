import * as tf from '@tensorflow/tfjs-core';

export interface AdamWConfig {
	beta1: number;
	beta2: number;
	epsilon: number;
	weightDecay: number;
}

/** Running moments of each parameter's gradient, in the order of the parameters. Whoever holds it disposes it. */
export interface AdamWState {
	step: number;
	firstMoments: tf.Variable[];
	secondMoments: tf.Variable[];
}

export const ADAMW_DEFAULTS: AdamWConfig = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };

export function initAdamW(parameters: readonly tf.Variable[]): AdamWState {
	const zeros = () => parameters.map((parameter) => tf.tidy(() => tf.variable(tf.zerosLike(parameter), false)));
	return { step: 0, firstMoments: zeros(), secondMoments: zeros() };
}

export function disposeAdamW({ firstMoments, secondMoments }: AdamWState): void {
	tf.dispose([...firstMoments, ...secondMoments]);
}

/**
 * One AdamW update in place (arXiv 1711.05101, algorithm 2, as in torch.optim.AdamW):
 * θ ← θ·(1 − η·w); m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; θ ← θ − η·m̂ / (√v̂ + ε).
 * Runs inside the caller's tidy.
 */
export function applyAdamW(
	parameters: readonly tf.Variable[],
	gradients: readonly tf.Tensor[],
	state: AdamWState,
	learningRate: number,
	config: AdamWConfig,
): void {
	const { beta1, beta2, epsilon, weightDecay } = config;
	state.step += 1;
	const correction1 = 1 - beta1 ** state.step;
	const rootCorrection2 = Math.sqrt(1 - beta2 ** state.step);
	parameters.forEach((parameter, i) => {
		const gradient = gradients[i]!;
		const m = state.firstMoments[i]!;
		const v = state.secondMoments[i]!;
		m.assign(tf.add(tf.mul(m, beta1), tf.mul(gradient, 1 - beta1)));
		v.assign(tf.add(tf.mul(v, beta2), tf.mul(tf.square(gradient), 1 - beta2)));
		const denominator = tf.add(tf.div(tf.sqrt(v), rootCorrection2), epsilon);
		const update = tf.mul(tf.div(m, denominator), learningRate / correction1);
		const decayed = weightDecay === 0 ? parameter : tf.mul(parameter, 1 - learningRate * weightDecay);
		parameter.assign(tf.sub(decayed, update));
	});
}

/** √Σ‖g‖² over all gradients together: a scalar. */
export function globalNorm(gradients: readonly tf.Tensor[]): tf.Scalar {
	// stack, not addN: on WebGPU addN binds a buffer for each gradient, and a device has eight.
	return tf.sqrt<tf.Scalar>(tf.sum(tf.stack(gradients.map((gradient) => tf.sum(tf.square(gradient))))));
}

/** The gradients scaled down together where their norm is above `clipNorm` (0 = never), as torch's clip_grad_norm_. */
export function clipByGlobalNorm(gradients: readonly tf.Tensor[], norm: tf.Scalar, clipNorm: number): tf.Tensor[] {
	if (clipNorm === 0) return [...gradients];
	const scale = tf.minimum(1, tf.div(clipNorm, tf.add(norm, 1e-6)));
	return gradients.map((gradient) => tf.mul(gradient, scale));
}

/** η at a step (counted from 0): rises linearly over `warmupSteps`, then stays. */
export function warmedUp(learningRate: number, step: number, warmupSteps: number): number {
	return warmupSteps === 0 ? learningRate : learningRate * Math.min(1, (step + 1) / warmupSteps);
}
