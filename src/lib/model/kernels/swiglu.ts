import * as tf from '@tensorflow/tfjs-core';

import { hasKernel, type KernelArguments, launch, rowsOf, runKernel } from './launch';
import { behind, compute, runRows, type WasmArguments, type WasmModule } from './wasmModule';

const FORWARD = 'ConscienceLabSwiglu';
const BACKWARD = 'ConscienceLabSwigluGradient';

/** silu(gate) ⊙ up (arXiv:2002.05202) of [N, 2F], gate and up side by side: [N, F]. */
export function swiglu(gateUp: tf.Tensor2D): tf.Tensor2D {
	if (hasKernel(FORWARD)) return runKernel(FORWARD, { gateUp }) as tf.Tensor2D;
	const [gate, up] = tf.split(gateUp, 2, 1) as [tf.Tensor2D, tf.Tensor2D];
	return tf.mul(tf.mul(gate, tf.sigmoid(gate)), up);
}

export function swigluKernels(): Record<string, tf.KernelFunc> {
	const forward = ({ inputs: { gateUp }, backend }: KernelArguments<'gateUp', unknown>) => {
		const [rows, width] = rowsOf(gateUp);
		return launch(backend, {
			key: 'swiglu',
			inputs: { gateUp },
			shape: [rows, width / 2],
			ints: { width: width / 2 },
			invocations: (rows * width) / 2,
			code: () => FORWARD_CODE,
		});
	};
	const backward = ({ inputs: { gateUp, dy }, backend }: KernelArguments<'gateUp' | 'dy', unknown>) => {
		const [rows, width] = rowsOf(gateUp);
		return launch(backend, {
			key: 'swigluGradient',
			inputs: { gateUp, dy },
			shape: [rows, width],
			ints: { width: width / 2 },
			invocations: (rows * width) / 2,
			code: () => BACKWARD_CODE,
		});
	};
	return { [FORWARD]: forward as unknown as tf.KernelFunc, [BACKWARD]: backward as unknown as tf.KernelFunc };
}

const PLACE = `	if (index >= uniforms.count) { return; }
	let at = index + index / uniforms.width * uniforms.width; // rows of gateUp are twice as long
	let gate = gateUp[at];
	let sigmoid = 1.0 / (1.0 + exp(-gate));`;

const FORWARD_CODE = `fn main(index : i32) {
${PLACE}
	result[index] = gate * sigmoid * gateUp[at + uniforms.width];
}`;

const BACKWARD_CODE = `fn main(index : i32) {
${PLACE}
	result[at] = dy[index] * gateUp[at + uniforms.width] * sigmoid * (1.0 + gate * (1.0 - sigmoid));
	result[at + uniforms.width] = dy[index] * gate * sigmoid;
}`;

/** What a number of a gate takes on one thread, in ns. */
const COST = 4;

export function swigluWasmKernels(lab: WasmModule): Record<string, tf.KernelFunc> {
	const forward = ({ inputs: { gateUp }, backend }: WasmArguments<'gateUp', unknown>) => {
		const [rows, width] = rowsOf(gateUp);
		return compute(backend, [rows, width / 2], (out, at) =>
			runRows(lab, 'swiglu', rows, (COST * width) / 2, (from, count) => {
				return [behind(out, (from * width) / 2), behind(at(gateUp), from * width), count, width / 2];
			}),
		);
	};
	const backward = ({ inputs: { gateUp, dy }, backend }: WasmArguments<'gateUp' | 'dy', unknown>) => {
		const [rows, width] = rowsOf(gateUp);
		return compute(backend, [rows, width], (out, at) =>
			runRows(lab, 'swigluGradient', rows, (COST * width) / 2, (from, count) => {
				const [to, of] = [out, at(gateUp)].map((start) => behind(start, from * width)) as [number, number];
				return [to, of, behind(at(dy), (from * width) / 2), count, width / 2];
			}),
		);
	};
	return { [FORWARD]: forward as unknown as tf.KernelFunc, [BACKWARD]: backward as unknown as tf.KernelFunc };
}

if (!tf.getGradient(FORWARD))
	tf.registerGradient({
		kernelName: FORWARD,
		inputsToSave: ['gateUp'],
		gradFunc: (dy, saved) => {
			const [gateUp] = saved as [tf.Tensor];
			return { gateUp: () => runKernel(BACKWARD, { gateUp, dy: dy as tf.Tensor }) };
		},
	});
