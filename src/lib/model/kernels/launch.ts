import * as tf from '@tensorflow/tfjs-core';
import type { WebGPUBackend, WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';

/** One dispatch of our own WGSL. */
export interface Launch {
	/** Names the code, every number that is written into it included: tfjs keeps compiled programs by it. */
	key: string;
	/** The buffers that the code reads, under the names it reads them by; the one that it writes is `result`. */
	inputs: Record<string, tf.TensorInfo>;
	/** The shape of the result, f32. */
	shape: number[];
	/** A tensor of that shape which the code changes in place, instead of a new one. */
	into?: tf.TensorInfo;
	/** Numbers that change from call to call, as `uniforms.name`. */
	ints?: Record<string, number>;
	floats?: Record<string, number>;
	/** How often `main(index)` is called; it may be called more often, to fill a workgroup. */
	invocations: number;
	/** Invocations that share a workgroup. */
	workgroup?: number;
	/** `fn main(index : i32)` and what it calls. */
	code: () => string;
}

const WORKGROUP = 32;

/** Puts a dispatch into the webgpu backend's queue; gives its result. */
export function launch(
	backend: WebGPUBackend,
	{ key, inputs, shape, into, ints = {}, floats = {}, invocations, workgroup = WORKGROUP, code }: Launch,
): tf.TensorInfo {
	const names = Object.keys(inputs);
	const declare = (type: string, values: Record<string, number>) => Object.keys(values).map((name) => `${name} : ${type}, `);
	const fill = (type: 'int32' | 'float32', values: Record<string, number>) =>
		Object.values(values).map((value) => ({ type, data: [value] }));
	const program: WebGPUProgram = {
		outputShape: shape,
		variableNames: names,
		variableComponents: names.map(() => 1),
		outputComponent: 1,
		workgroupSize: [workgroup, 1, 1],
		dispatchLayout: { x: [0] },
		dispatch: [Math.ceil(invocations / workgroup), 1, 1],
		uniforms: ['count : i32, ', ...declare('i32', ints), ...declare('f32', floats)].join(''),
		shaderKey: `lab_${key}`,
		getUserCode: code,
	};
	const uniforms = [...fill('int32', { count: invocations, ...ints }), ...fill('float32', floats)];
	return backend.runWebGPUProgram(program, Object.values(inputs), 'float32', uniforms, into);
}

/** Lets go of the buffers of tensors that were disposed of: tfjs's webgpu backend keeps them until it has told the GPU of all that is to be done with them. */
export function releaseBuffers(): void {
	if (tf.getBackend() !== 'webgpu') return;
	const backend = tf.backend() as WebGPUBackend;
	backend.ensureCommandEncoderReady();
	backend.endComputePassEncoder();
	backend.submitQueue();
}

/** What a kernel of tfjs gets: tensors by name and its settings. */
export interface KernelArguments<Inputs extends string, Settings> {
	inputs: Record<Inputs, tf.TensorInfo>;
	backend: WebGPUBackend;
	attrs: Settings;
}

/** Runs one of our kernels on tensors; tfjs records it for the gradient. */
export function runKernel(name: string, inputs: Record<string, tf.Tensor>, attrs: object = {}): tf.Tensor {
	return tf.engine().runKernel(name, inputs, attrs as tf.NamedAttrMap);
}

/** Whether the backend that runs has this kernel; where it has not, the composed operations do the work. */
export function hasKernel(name: string): boolean {
	return tf.getKernel(name, tf.getBackend()) !== undefined;
}

/** A tensor's last dimension, and how many rows of it there are. */
export function rowsOf({ shape }: { shape: number[] }): [rows: number, width: number] {
	const width = shape.at(-1)!;
	return [tf.util.sizeFromShape(shape) / width, width];
}

/**
 * The beginning of a program of which `lanes` invocations share a row: `row`, `lane`, and `total(x)` and `largest(x)` over the lanes.
 * `functions` are those that the body calls beside them. A GPU reads a row fastest with many lanes. A CPU that plays one pays dearly for their barriers, so there it is one lane.
 */
export function rowProgram(lanes: number, body: string, functions = ''): string {
	const reduce = (name: string, combine: (a: string, b: string) => string) =>
		lanes === 1
			? `fn ${name}(value : f32) -> f32 { return value; }`
			: `fn ${name}(value : f32) -> f32 {
	parts[localIndex] = value;
	workgroupBarrier();
	for (var half = ${lanes / 2}u; half > 0u; half = half / 2u) {
		if (localIndex < half) { parts[localIndex] = ${combine('parts[localIndex]', 'parts[localIndex + half]')}; }
		workgroupBarrier();
	}
	let reduced = parts[0];
	workgroupBarrier();
	return reduced;
}`;
	return `${lanes === 1 ? '' : `var<workgroup> parts : array<f32, ${lanes}>;`}
${reduce('total', (a, b) => `${a} + ${b}`)}
${reduce('largest', (a, b) => `max(${a}, ${b})`)}
${functions}
fn main(index : i32) {
	let row = min(index / ${lanes}, uniforms.count / ${lanes} - 1); // no early return: all lanes have to reach the barriers
	let lane = index % ${lanes};
${body}
}`;
}
