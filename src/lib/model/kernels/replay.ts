import * as tf from '@tensorflow/tfjs-core';

/** Work on the backend that is done again and again. */
export interface Repeated {
	run(): void;
	free(): void;
}

/** One dispatch as the GPU is told it. */
interface Dispatch {
	pipeline: GPUComputePipeline;
	bindGroup: GPUBindGroup;
	workgroups: [number, number, number];
}

/** The inner parts of tfjs 4.22's webgpu backend that are used here. */
interface Inner {
	device: GPUDevice;
	commandEncoder: GPUCommandEncoder;
	computePassEncoder: GPUComputePassEncoder | null;
	dispatchCountInPass: number;
	tensorDataPendingDisposal: object[];
	uniformPendingDisposal: GPUBuffer[];
	recordAndSubmit: (...args: unknown[]) => void;
	ensureCommandEncoderReady(): void;
}

/**
 * Work that reads and changes tensors, on the GPU in exactly the same way each time: its dispatches are written down once and then only
 * told to the GPU again, which takes a tenth of the processor's time, for tfjs makes a key, a buffer of uniforms and a bind group for each. What
 * the work makes and disposes of meanwhile stays its own until `free`. It must read nothing on the processor that changes, and await nothing.
 * On another backend than webgpu it is simply done each time.
 */
export function repeated(work: () => void): Repeated {
	if (tf.getBackend() !== 'webgpu') return { run: work, free() {} };
	const backend = tf.backend() as unknown as Inner;
	const { dispatches, tensors, uniforms } = writeDown(backend, work);
	return {
		run() {
			backend.ensureCommandEncoderReady();
			backend.computePassEncoder ??= backend.commandEncoder.beginComputePass();
			for (const { pipeline, bindGroup, workgroups } of dispatches) {
				backend.computePassEncoder.setPipeline(pipeline);
				backend.computePassEncoder.setBindGroup(0, bindGroup);
				backend.computePassEncoder.dispatchWorkgroups(...workgroups);
			}
			backend.dispatchCountInPass += dispatches.length;
		},
		free() {
			backend.tensorDataPendingDisposal.push(...tensors); // for the pool, when the commands that use them are submitted
			backend.uniformPendingDisposal.push(...uniforms);
		},
	};
}

/** Does the work without the GPU's doing anything; gives what it would have been told, and the buffers that this needs. */
function writeDown(backend: Inner, work: () => void): { dispatches: Dispatch[]; tensors: object[]; uniforms: GPUBuffer[] } {
	const dispatches: Dispatch[] = [];
	let [pipeline, bindGroup]: [GPUComputePipeline | null, GPUBindGroup | null] = [null, null];
	const pass = {
		setPipeline: (next: GPUComputePipeline) => (pipeline = next),
		setBindGroup: (_: number, next: GPUBindGroup) => (bindGroup = next),
		dispatchWorkgroups: (...workgroups: [number, number, number]) =>
			dispatches.push({ pipeline: pipeline!, bindGroup: bindGroup!, workgroups }),
	};
	const { recordAndSubmit, tensorDataPendingDisposal, uniformPendingDisposal } = backend;
	const writer = Object.create(backend, {
		commandEncoder: { value: {} },
		computePassEncoder: { value: pass },
		dispatchCountInPass: { value: -Infinity, writable: true }, // tfjs submits what is recorded when it comes to fifteen
	}) as Inner;
	const [tensors, uniforms]: [object[], GPUBuffer[]] = [[], []];
	Object.assign(backend, { tensorDataPendingDisposal: tensors, uniformPendingDisposal: uniforms });
	backend.recordAndSubmit = (...args) => recordAndSubmit.apply(writer, args);
	try {
		work();
		return { dispatches, tensors, uniforms };
	} catch (error) {
		tensorDataPendingDisposal.push(...tensors);
		uniformPendingDisposal.push(...uniforms);
		throw error;
	} finally {
		delete (backend as Partial<Inner>).recordAndSubmit; // the prototype's again
		Object.assign(backend, { tensorDataPendingDisposal, uniformPendingDisposal });
	}
}
