import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

import { KERNELS } from './adaptedLinear';
import { type LinearPlan, type LinearSettings, planOf } from './adaptedLinearPlan';
import { compute, type WasmArguments, type WasmModule, withScratch } from './wasmModule';

/** A matrix in memory: its address, the numbers from one row to the next, and whether it lies there transposed. */
interface Side {
	at: number;
	step: number;
	transposed?: boolean;
}

/** left [M, length] · right [length, N]. */
interface Term {
	length: number;
	left: Side;
	right: Side;
}

interface Product {
	at: number;
	step: number;
	shape: [M: number, N: number];
	terms: Term[];
	scale?: number;
	/** Addresses of what is added; 0 = nothing. */
	bias?: number;
	residual?: number;
}

type Multiply = (backend: BackendWasm, product: Product) => void;
const TERM_NUMBERS = 7;

/** Writes scale·Σ left·right (+ bias) (+ residual) where `at` says. */
const multiplyWith =
	(lab: WasmModule): Multiply =>
	(backend, { at, step, shape: [M, N], terms, scale = 1, bias = 0, residual = 0 }) => {
		const side = (x: Side) => [x.at, x.step, Number(x.transposed ?? false)];
		const numbers = Int32Array.from(terms.flatMap(({ length, left, right }) => [length, ...side(left), ...side(right)]));
		const list = backend.makeOutput([terms.length, TERM_NUMBERS], 'int32', undefined, numbers);
		const K = terms.reduce((sum, { length }) => sum + length, 0);
		withScratch(backend, 32 + K * (4 + 8 * Math.ceil(N / 8)), (scratch) =>
			lab.product(at, step, M, N, backend.getMemoryOffset(list.dataId), terms.length, scale, bias, residual, scratch),
		);
		backend.disposeData(list.dataId);
	};

type Arguments = WasmArguments<string, LinearSettings>;

export function adaptedLinearWasmKernels(lab: WasmModule): Record<string, tf.KernelFunc> {
	const multiply = multiplyWith(lab);
	const kernels = {
		[KERNELS.forward]: (args: Arguments) => forward(multiply, args),
		[KERNELS.lowGradient]: (args: Arguments) => lowGradient(multiply, args),
		[KERNELS.inputGradient]: (args: Arguments) => inputGradient(multiply, args),
		[KERNELS.adapterGradient]: (args: Arguments) => adapterGradient(multiply, args),
	};
	return kernels as unknown as Record<string, tf.KernelFunc>;
}

const rowsOf = ({ shape }: tf.TensorInfo) => shape[0]!;
/** The address of number `start` of those that begin at `at`. */
const behind = (at: number, start: number) => at + 4 * start;

/** x·W (+ low·Bᵀ) (+ bias) (+ residual) of the layers side by side, and low = s·x·Aᵀ of the adapted ones. */
function forward(multiply: Multiply, { inputs, backend, attrs }: Arguments): tf.TensorInfo[] {
	const { x, adapter, bias, residual } = inputs as { x: tf.TensorInfo; adapter: tf.TensorInfo } & Partial<Arguments['inputs']>;
	const plan = planOf(x.shape[1]!, attrs);
	const M = rowsOf(x);
	const low = plan.adapted.length > 0 ? lowRows(multiply, backend, x, adapter, plan, attrs.scale) : null;
	const y = compute(backend, [M, plan.total], (out, at) =>
		plan.segments.forEach((segment, i) => {
			const base: Term = {
				length: plan.inputs,
				left: { at: at(x), step: plan.inputs },
				right: { at: at(inputs[`kernel${i}`]!), step: segment.width },
			};
			const change = (rows: tf.TensorInfo): Term => ({
				length: plan.rank,
				left: { at: behind(at(rows), segment.low), step: plan.lowWidth },
				right: { at: behind(at(adapter), segment.b), step: plan.rank, transposed: true },
			});
			multiply(backend, {
				at: behind(out, segment.start),
				step: plan.total,
				shape: [M, segment.width],
				terms: low && segment.low >= 0 ? [base, change(low)] : [base],
				bias: bias ? behind(at(bias), segment.start) : 0,
				residual: residual ? behind(at(residual), segment.start) : 0,
			});
		}),
	);
	return low ? [y, low] : [y];
}

/** s·x·Aᵀ of every adapted layer: [N, lowWidth]. */
function lowRows(
	multiply: Multiply,
	backend: BackendWasm,
	x: tf.TensorInfo,
	adapter: tf.TensorInfo,
	{ inputs, adapted, rank, lowWidth }: LinearPlan,
	scale: number,
): tf.TensorInfo {
	return compute(backend, [rowsOf(x), lowWidth], (out, at) => {
		for (const { low, a } of adapted) {
			const right: Side = { at: behind(at(adapter), a), step: inputs, transposed: true };
			const terms = [{ length: inputs, left: { at: at(x), step: inputs }, right }];
			multiply(backend, { at: behind(out, low), step: lowWidth, shape: [rowsOf(x), rank], terms, scale });
		}
	});
}

/** s·dy·B of every adapted layer: [N, lowWidth]. `kernel0` tells the number of inputs. */
function lowGradient(multiply: Multiply, { inputs, backend, attrs }: Arguments): tf.TensorInfo {
	const { dy, adapter, kernel0 } = inputs as Record<'dy' | 'adapter' | 'kernel0', tf.TensorInfo>;
	const { adapted, rank, lowWidth, total } = planOf(kernel0.shape[0]!, attrs);
	return compute(backend, [rowsOf(dy), lowWidth], (out, at) => {
		for (const { low, b, start, width } of adapted) {
			const left: Side = { at: behind(at(dy), start), step: total };
			const terms = [{ length: width, left, right: { at: behind(at(adapter), b), step: rank } }];
			multiply(backend, { at: behind(out, low), step: lowWidth, shape: [rowsOf(dy), rank], terms, scale: attrs.scale });
		}
	});
}

/** dy·Wᵀ (+ dLow·A), summed over the layers: [N, in]. */
function inputGradient(multiply: Multiply, { inputs, backend, attrs }: Arguments): tf.TensorInfo {
	const { dy, adapter, dLow, kernel0 } = inputs as Record<'dy' | 'adapter' | 'dLow' | 'kernel0', tf.TensorInfo>;
	const plan = planOf(kernel0.shape[0]!, attrs);
	return compute(backend, [rowsOf(dy), plan.inputs], (out, at) => {
		const bases = plan.segments.map(({ width, start }, i): Term => ({
			length: width,
			left: { at: behind(at(dy), start), step: plan.total },
			right: { at: at(inputs[`kernel${i}`]!), step: width, transposed: true },
		}));
		const changes = plan.adapted.map(({ low, a }): Term => ({
			length: plan.rank,
			left: { at: behind(at(dLow), low), step: plan.lowWidth },
			right: { at: behind(at(adapter), a), step: plan.inputs },
		}));
		multiply(backend, { at: out, step: plan.inputs, shape: [rowsOf(dy), plan.inputs], terms: [...bases, ...changes] });
	});
}

/** dA = dLowᵀ·x and dB = dyᵀ·low of every adapted layer, laid out as the adapter. */
function adapterGradient(multiply: Multiply, { inputs: given, backend, attrs }: Arguments): tf.TensorInfo {
	const { x, dy, low, dLow, adapter } = given as Record<'x' | 'dy' | 'low' | 'dLow' | 'adapter', tf.TensorInfo>;
	const { inputs, adapted, rank, lowWidth, total } = planOf(x.shape[1]!, attrs);
	const length = rowsOf(x);
	return compute(backend, adapter.shape, (out, at) => {
		for (const segment of adapted) {
			const dLowLeft: Side = { at: behind(at(dLow), segment.low), step: lowWidth, transposed: true };
			const ofA = [{ length, left: dLowLeft, right: { at: at(x), step: inputs } }];
			multiply(backend, { at: behind(out, segment.a), step: inputs, shape: [rank, inputs], terms: ofA });
			const dyLeft: Side = { at: behind(at(dy), segment.start), step: total, transposed: true };
			const ofB = [{ length, left: dyLeft, right: { at: behind(at(low), segment.low), step: lowWidth } }];
			multiply(backend, { at: behind(out, segment.b), step: rank, shape: [segment.width, rank], terms: ofB });
		}
	});
}
