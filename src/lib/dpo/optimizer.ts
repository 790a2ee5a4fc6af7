import * as tf from '@tensorflow/tfjs-core';

import { fusesAdamW, norm, updateAdamW } from '$lib/model/kernels/adamW';

export interface AdamWConfig {
	beta1: number;
	beta2: number;
	epsilon: number;
	weightDecay: number;
	/** The norm above which a gradient is scaled down; 0 = never. */
	clipNorm: number;
}

/** Running moments of the gradient, laid out as the parameters. Whoever holds it disposes it. */
export interface AdamWState {
	step: number;
	firstMoments: tf.Variable<tf.Rank.R1>;
	secondMoments: tf.Variable<tf.Rank.R1>;
}

export const ADAMW_DEFAULTS: AdamWConfig = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, clipNorm: 0 };

export function initAdamW(parameters: tf.Variable<tf.Rank.R1>): AdamWState {
	const zeros = () => tf.tidy(() => tf.variable(tf.zerosLike<tf.Tensor1D>(parameters), false));
	return { step: 0, firstMoments: zeros(), secondMoments: zeros() };
}

export function disposeAdamW({ firstMoments, secondMoments }: AdamWState): void {
	tf.dispose([firstMoments, secondMoments]);
}

/**
 * Clips the gradient by its norm as torch's clip_grad_norm_ (0 = never), then makes one AdamW update in place (arXiv 1711.05101,
 * algorithm 2, as in torch.optim.AdamW): θ ← θ·(1 − η·w); m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; θ ← θ − η·m̂ / (√v̂ + ε).
 * Gives √Σg² before clipping. `sizes` are those of the parts of the parameters. Runs inside the caller's tidy.
 */
export function applyAdamW(
	parameters: tf.Variable<tf.Rank.R1>,
	gradient: tf.Tensor1D,
	sizes: readonly number[],
	state: AdamWState,
	learningRate: number,
	config: AdamWConfig,
): tf.Scalar {
	const { beta1, beta2, epsilon, weightDecay, clipNorm } = config;
	const { firstMoments: m, secondMoments: v } = state;
	state.step += 1;
	const rate = learningRate / (1 - beta1 ** state.step);
	const rootCorrection = Math.sqrt(1 - beta2 ** state.step);
	const decay = learningRate * weightDecay;
	if (fusesAdamW()) {
		const gradientNorm = norm(gradient);
		updateAdamW(parameters, m, v, gradient, gradientNorm, { beta1, beta2, epsilon, decay, rate, rootCorrection, clipNorm });
		return gradientNorm;
	}
	const gradientNorm = globalNorm(gradient, sizes);
	const clipped = clipByGlobalNorm(gradient, gradientNorm, clipNorm);
	m.assign(tf.add(tf.mul(m, beta1), tf.mul(clipped, 1 - beta1)));
	v.assign(tf.add(tf.mul(v, beta2), tf.mul(tf.square(clipped), 1 - beta2)));
	const denominator = tf.add(tf.div(tf.sqrt(v), rootCorrection), epsilon);
	const update = tf.mul(tf.div(m, denominator), rate);
	const decayed: tf.Tensor1D = decay === 0 ? parameters : tf.mul(parameters, 1 - decay);
	parameters.assign(tf.sub(decayed, update));
	return gradientNorm;
}

/** √Σg² of a gradient, summed by parts of these sizes first: a long sum in F32 would lose more. A scalar. */
function globalNorm(gradient: tf.Tensor1D, sizes: readonly number[]): tf.Scalar {
	const sums = tf.split(tf.square(gradient), [...sizes]).map((part) => tf.sum(part));
	return tf.sqrt<tf.Scalar>(tf.sum(tf.stack(sums)));
}

function clipByGlobalNorm(gradient: tf.Tensor1D, gradientNorm: tf.Scalar, clipNorm: number): tf.Tensor1D {
	if (clipNorm === 0) return gradient;
	return tf.mul(gradient, tf.minimum(1, tf.div(clipNorm, tf.add(gradientNorm, 1e-6))));
}

/** η at a step (counted from 0): rises linearly over `warmupSteps`, then stays. */
export function warmedUp(learningRate: number, step: number, warmupSteps: number): number {
	return warmupSteps === 0 ? learningRate : learningRate * Math.min(1, (step + 1) / warmupSteps);
}
