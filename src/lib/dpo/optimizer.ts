import * as tf from '@tensorflow/tfjs-core';

export interface AdamWConfig {
	beta1: number;
	beta2: number;
	epsilon: number;
	weightDecay: number;
}

/** Running moments of the gradient, laid out as the parameters. Whoever holds it disposes it. */
export interface AdamWState {
	step: number;
	firstMoments: tf.Variable<tf.Rank.R1>;
	secondMoments: tf.Variable<tf.Rank.R1>;
}

export const ADAMW_DEFAULTS: AdamWConfig = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };

export function initAdamW(parameters: tf.Variable<tf.Rank.R1>): AdamWState {
	const zeros = () => tf.tidy(() => tf.variable(tf.zerosLike<tf.Tensor1D>(parameters), false));
	return { step: 0, firstMoments: zeros(), secondMoments: zeros() };
}

export function disposeAdamW({ firstMoments, secondMoments }: AdamWState): void {
	tf.dispose([firstMoments, secondMoments]);
}

/**
 * One AdamW update in place (arXiv 1711.05101, algorithm 2, as in torch.optim.AdamW):
 * θ ← θ·(1 − η·w); m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; θ ← θ − η·m̂ / (√v̂ + ε).
 * Runs inside the caller's tidy.
 */
export function applyAdamW(
	parameters: tf.Variable<tf.Rank.R1>,
	gradient: tf.Tensor1D,
	state: AdamWState,
	learningRate: number,
	config: AdamWConfig,
): void {
	const { beta1, beta2, epsilon, weightDecay } = config;
	const { firstMoments: m, secondMoments: v } = state;
	state.step += 1;
	const correction1 = 1 - beta1 ** state.step;
	const rootCorrection2 = Math.sqrt(1 - beta2 ** state.step);
	m.assign(tf.add(tf.mul(m, beta1), tf.mul(gradient, 1 - beta1)));
	v.assign(tf.add(tf.mul(v, beta2), tf.mul(tf.square(gradient), 1 - beta2)));
	const denominator = tf.add(tf.div(tf.sqrt(v), rootCorrection2), epsilon);
	const update = tf.mul(tf.div(m, denominator), learningRate / correction1);
	const decayed: tf.Tensor1D = weightDecay === 0 ? parameters : tf.mul(parameters, 1 - learningRate * weightDecay);
	parameters.assign(tf.sub(decayed, update));
}

/** √Σg² of a gradient, summed by parts of these sizes first: a long sum in F32 would lose more. A scalar. */
export function globalNorm(gradient: tf.Tensor1D, sizes: readonly number[]): tf.Scalar {
	const sums = tf.split(tf.square(gradient), [...sizes]).map((part) => tf.sum(part));
	return tf.sqrt<tf.Scalar>(tf.sum(tf.stack(sums)));
}

/** The gradient scaled down where its norm is above `clipNorm` (0 = never), as torch's clip_grad_norm_. */
export function clipByGlobalNorm(gradient: tf.Tensor1D, norm: tf.Scalar, clipNorm: number): tf.Tensor1D {
	if (clipNorm === 0) return gradient;
	return tf.mul(gradient, tf.minimum(1, tf.div(clipNorm, tf.add(norm, 1e-6))));
}

/** η at a step (counted from 0): rises linearly over `warmupSteps`, then stays. */
export function warmedUp(learningRate: number, step: number, warmupSteps: number): number {
	return warmupSteps === 0 ? learningRate : learningRate * Math.min(1, (step + 1) / warmupSteps);
}
