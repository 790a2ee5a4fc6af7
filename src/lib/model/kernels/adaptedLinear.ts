import * as tf from '@tensorflow/tfjs-core';

import type { LinearSettings } from './adaptedLinearPlan';
import { adapterGradient, inputGradient, lowGradient, lowRows, outputs } from './adaptedLinearPrograms';
import { type FrozenMatrix, thaw } from './frozenMatrix';
import { hasKernel, type KernelArguments, runKernel } from './launch';

export const KERNELS = {
	forward: 'ConscienceLabAdaptedLinear',
	lowGradient: 'ConscienceLabAdaptedLinearLowGradient',
	inputGradient: 'ConscienceLabAdaptedLinearInputGradient',
	adapterGradient: 'ConscienceLabAdaptedLinearAdapterGradient',
};

/** Up to three linear layers that read the same input, each with or without its low-rank change. */
export interface LinearGroup {
	/** [in, out] of each layer. */
	kernels: FrozenMatrix[];
	/** [Σ out]; frozen. */
	bias: tf.Tensor1D | null;
	/** A [R, in], then B [out, R], of each adapted layer in turn, as one vector; null where none is. */
	adapter: tf.Tensor1D | null;
	/** R of each layer; 0 where it is not adapted. */
	ranks: number[];
	/** s in W + s·B·A, of each layer. */
	scales: number[];
}

/** All of a group's outputs side by side, [N, Σ out]: x·W + b + s·(x·Aᵀ)·Bᵀ, and the `residual` where there is one. */
export function adaptedLinear(x: tf.Tensor2D, group: LinearGroup, residual: tf.Tensor2D | null = null): tf.Tensor2D {
	const { kernels, bias, adapter, ranks, scales } = group;
	if (!hasKernel(KERNELS.forward)) return composed(x, group, residual);
	const nothing = kernels[0]!.stored; // tfjs saves every input that it is told to, so what is not there is named too, and never read
	const inputs = {
		x,
		kernel0: nothing,
		kernel1: kernels[1]?.stored ?? nothing,
		kernel2: kernels[2]?.stored ?? nothing,
		adapter: adapter ?? nothing,
		...(bias ? { bias } : {}),
		...(residual ? { residual } : {}),
	};
	const settings: LinearSettings = {
		inputs: x.shape[1],
		widths: kernels.map(({ shape }) => shape[1]),
		ranks,
		scales,
		storages: kernels.map(({ storage }) => storage),
	};
	const [y] = runKernel(KERNELS.forward, inputs, settings) as unknown as tf.Tensor2D[];
	return y!;
}

/** x·W for one frozen matrix alone, the vocabulary's head say; differentiable in `x`. */
export function frozenProduct(x: tf.Tensor2D, matrix: FrozenMatrix): tf.Tensor2D {
	if (!hasKernel(KERNELS.forward) || isPlain(matrix)) return tf.matMul(x, thaw(matrix));
	return adaptedLinear(x, { kernels: [matrix], bias: null, adapter: null, ranks: [0], scales: [0] });
}

/** dy·Wᵀ: what `frozenProduct` gives back to x. */
export function frozenProductGradient(dy: tf.Tensor2D, matrix: FrozenMatrix): tf.Tensor2D {
	const { shape, storage, stored } = matrix;
	if (!hasKernel(KERNELS.inputGradient) || isPlain(matrix)) return tf.matMul(dy, thaw(matrix), false, true);
	const settings: LinearSettings = { inputs: shape[0], widths: [shape[1]], ranks: [0], scales: [0], storages: [storage] };
	return runKernel(KERNELS.inputGradient, { dy, kernel0: stored, adapter: stored, dLow: stored }, settings) as tf.Tensor2D;
}

/** Numbers of a matrix from which on a copy of it would be felt. */
const LARGE = 2 ** 22;

/** In float32 a backend's own product is its fastest; but that of wasm keeps a packed copy of each matrix, and turns it into one more for the gradient. */
const isPlain = ({ storage, stored }: FrozenMatrix) => storage === 'f32' && (stored.size < LARGE || tf.getBackend() !== 'wasm');

function composed(x: tf.Tensor2D, { kernels, bias, adapter, ranks, scales }: LinearGroup, residual: tf.Tensor2D | null): tf.Tensor2D {
	let offset = 0;
	const take = (shape: [number, number]): tf.Tensor2D => {
		const size = shape[0] * shape[1];
		const part = tf.reshape<tf.Rank.R2>(tf.slice(adapter!, [offset], [size]), shape);
		offset += size;
		return part;
	};
	const products = kernels.map((kernel, i): tf.Tensor2D => {
		const y: tf.Tensor2D = tf.matMul(x, thaw(kernel));
		const rank = ranks[i]!;
		if (rank === 0) return y;
		const [inputs, width] = kernel.shape;
		const low = tf.mul<tf.Tensor2D>(tf.matMul(x, take([rank, inputs]), false, true), scales[i]!);
		return tf.add(y, tf.matMul(low, take([width, rank]), false, true));
	});
	let y: tf.Tensor2D = products.length === 1 ? products[0]! : tf.concat(products, 1);
	if (bias) y = tf.add(y, bias);
	return residual ? tf.add(residual, y) : y;
}

export function adaptedLinearKernels(): Record<string, tf.KernelFunc> {
	type Arguments = KernelArguments<string, LinearSettings>;
	const forward = ({ inputs, backend, attrs }: Arguments): tf.TensorInfo[] => {
		const low = isAdapted(attrs) ? lowRows(backend, inputs.x!, inputs.adapter!, attrs) : null;
		return [outputs(backend, inputs, low, attrs), ...(low ? [low] : [])];
	};
	return Object.fromEntries(
		Object.entries({
			[KERNELS.forward]: forward,
			[KERNELS.lowGradient]: ({ inputs, backend, attrs }: Arguments) => lowGradient(backend, inputs.dy!, inputs.adapter!, attrs),
			[KERNELS.inputGradient]: ({ inputs, backend, attrs }: Arguments) => inputGradient(backend, inputs, attrs),
			[KERNELS.adapterGradient]: ({ inputs, backend, attrs }: Arguments) => adapterGradient(backend, inputs, attrs),
		}).map(([name, kernel]) => [name, kernel as unknown as tf.KernelFunc]),
	);
}

const isAdapted = ({ ranks }: LinearSettings) => ranks.some((rank) => rank > 0);

if (!tf.getGradient(KERNELS.forward))
	tf.registerGradient({
		kernelName: KERNELS.forward,
		inputsToSave: ['x', 'kernel0', 'kernel1', 'kernel2', 'adapter'],
		outputsToSave: [false, true],
		gradFunc: (dys, saved, attrs) => {
			const [x, kernel0, kernel1, kernel2, adapter, low] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
			const dy = Array.isArray(dys) ? dys[0]! : dys; // a list only where `low` is an output too
			// Both gradients need it, and tfjs frees what one of them makes before it asks for the other.
			const dLow = isAdapted(attrs as unknown as LinearSettings) ? runKernel(KERNELS.lowGradient, { dy, adapter }, attrs) : kernel0;
			return {
				x: () => runKernel(KERNELS.inputGradient, { dy, kernel0, kernel1, kernel2, adapter, dLow }, attrs),
				adapter: () => runKernel(KERNELS.adapterGradient, { x, dy, low, dLow, adapter }, attrs),
				residual: () => tf.clone(dy),
			};
		},
	});
