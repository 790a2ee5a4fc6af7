import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

import { KERNELS } from './adaptedLinear';
import { type LinearPlan, type LinearSettings, planOf, type Segment } from './adaptedLinearPlan';
import { PACKED } from './frozenMatrix';
import { behind, compute, type WasmArguments, type WasmModule } from './wasmModule';
import { multiply, type Product, type Side, type Term } from './wasmProduct';

type Arguments = WasmArguments<string, LinearSettings>;

export function adaptedLinearWasmKernels(lab: WasmModule): Record<string, tf.KernelFunc> {
	const kernels = {
		[KERNELS.forward]: (args: Arguments) => forward(lab, args),
		[KERNELS.lowGradient]: (args: Arguments) => lowGradient(lab, args),
		[KERNELS.inputGradient]: (args: Arguments) => inputGradient(lab, args),
		[KERNELS.adapterGradient]: (args: Arguments) => adapterGradient(lab, args),
	};
	return kernels as unknown as Record<string, tf.KernelFunc>;
}

const rowsOf = ({ shape }: tf.TensorInfo) => shape[0]!;

/** The kernel at `at`, [in, out]. */
function kernelSide(at: number, { inputs }: LinearPlan, { width, storage }: Segment): Side {
	if (storage !== 'int8') return { at, step: width };
	const step = Math.ceil(width / PACKED.int8);
	return { at, step, largest: behind(at, inputs * step) };
}

/** x·W (+ low·Bᵀ) (+ bias) (+ residual) of the layers side by side, and low = s·x·Aᵀ of the adapted ones. */
function forward(lab: WasmModule, { inputs, backend, attrs }: Arguments): tf.TensorInfo[] {
	const { x, adapter, bias, residual } = inputs as { x: tf.TensorInfo; adapter: tf.TensorInfo } & Partial<Arguments['inputs']>;
	const plan = planOf(attrs);
	const M = rowsOf(x);
	const low = plan.adapted.length > 0 ? lowRows(lab, backend, x, adapter, plan) : null;
	const y = compute(backend, [M, plan.total], (out, at) => {
		const products = plan.segments.map((segment, i): Product => {
			const base: Term = {
				length: plan.inputs,
				left: { at: at(x), step: plan.inputs },
				right: kernelSide(at(inputs[`kernel${i}`]!), plan, segment),
			};
			const change = (rows: tf.TensorInfo): Term => ({
				length: segment.rank,
				left: { at: behind(at(rows), segment.low), step: plan.lowWidth },
				right: { at: behind(at(adapter), segment.b), step: segment.rank, transposed: true },
			});
			return {
				at: behind(out, segment.start),
				step: plan.total,
				shape: [M, segment.width],
				terms: low && segment.rank > 0 ? [base, change(low)] : [base],
				bias: bias ? behind(at(bias), segment.start) : 0,
				residual: residual ? behind(at(residual), segment.start) : 0,
			};
		});
		multiply(lab, backend, products);
	});
	return low ? [y, low] : [y];
}

/** s·x·Aᵀ of every adapted layer: [N, lowWidth]. */
function lowRows(
	lab: WasmModule,
	backend: BackendWasm,
	x: tf.TensorInfo,
	adapter: tf.TensorInfo,
	{ inputs, adapted, lowWidth }: LinearPlan,
): tf.TensorInfo {
	return compute(backend, [rowsOf(x), lowWidth], (out, at) => {
		const products = adapted.map(({ low, a, rank, scale }): Product => {
			const right: Side = { at: behind(at(adapter), a), step: inputs, transposed: true };
			const terms = [{ length: inputs, left: { at: at(x), step: inputs }, right }];
			return { at: behind(out, low), step: lowWidth, shape: [rowsOf(x), rank], terms, scale };
		});
		multiply(lab, backend, products);
	});
}

/** s·dy·B of every adapted layer: [N, lowWidth]. */
function lowGradient(lab: WasmModule, { inputs, backend, attrs }: Arguments): tf.TensorInfo {
	const { dy, adapter } = inputs as Record<'dy' | 'adapter', tf.TensorInfo>;
	const { adapted, lowWidth, total } = planOf(attrs);
	return compute(backend, [rowsOf(dy), lowWidth], (out, at) => {
		const products = adapted.map(({ low, b, start, width, rank, scale }): Product => {
			const left: Side = { at: behind(at(dy), start), step: total };
			const terms = [{ length: width, left, right: { at: behind(at(adapter), b), step: rank } }];
			return { at: behind(out, low), step: lowWidth, shape: [rowsOf(dy), rank], terms, scale };
		});
		multiply(lab, backend, products);
	});
}

/** dy·Wᵀ (+ dLow·A), summed over the layers: [N, in]. */
function inputGradient(lab: WasmModule, { inputs, backend, attrs }: Arguments): tf.TensorInfo {
	const { dy, adapter, dLow } = inputs as Record<'dy' | 'adapter' | 'dLow', tf.TensorInfo>;
	const plan = planOf(attrs);
	return compute(backend, [rowsOf(dy), plan.inputs], (out, at) => {
		const bases = plan.segments.map((segment, i): Term => ({
			length: segment.width,
			left: { at: behind(at(dy), segment.start), step: plan.total },
			right: { ...kernelSide(at(inputs[`kernel${i}`]!), plan, segment), transposed: true },
		}));
		const changes = plan.adapted.map(({ low, a, rank }): Term => ({
			length: rank,
			left: { at: behind(at(dLow), low), step: plan.lowWidth },
			right: { at: behind(at(adapter), a), step: plan.inputs },
		}));
		multiply(lab, backend, [{ at: out, step: plan.inputs, shape: [rowsOf(dy), plan.inputs], terms: [...bases, ...changes] }]);
	});
}

/** dA = dLowᵀ·x and dB = dyᵀ·low of every adapted layer, laid out as the adapter. */
function adapterGradient(lab: WasmModule, { inputs: given, backend, attrs }: Arguments): tf.TensorInfo {
	const { x, dy, low, dLow, adapter } = given as Record<'x' | 'dy' | 'low' | 'dLow' | 'adapter', tf.TensorInfo>;
	const { inputs, adapted, lowWidth, total } = planOf(attrs);
	const length = rowsOf(x);
	return compute(backend, adapter.shape, (out, at) => {
		const products = adapted.flatMap((segment): Product[] => {
			const dLowLeft: Side = { at: behind(at(dLow), segment.low), step: lowWidth, transposed: true };
			const ofA = [{ length, left: dLowLeft, right: { at: at(x), step: inputs } }];
			const dyLeft: Side = { at: behind(at(dy), segment.start), step: total, transposed: true };
			const ofB = [{ length, left: dyLeft, right: { at: behind(at(low), segment.low), step: lowWidth } }];
			return [
				{ at: behind(out, segment.a), step: inputs, shape: [segment.rank, inputs], terms: ofA },
				{ at: behind(out, segment.b), step: segment.rank, shape: [segment.width, segment.rank], terms: ofB },
			];
		});
		multiply(lab, backend, products);
	});
}
