/** What the webgpu backend of tfjs is told to run: the programs by name, and the most memory that was in use at once. */
import * as tf from '@tensorflow/tfjs-core';
import type { WebGPUBackend, WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';

export interface Recording {
	/** Compute dispatches by the program's name. */
	dispatches: Record<string, number>;
	/** Bytes of the largest sum of buffers in use above those at the start. */
	peakBytes: number;
}

/** The parts of the backend that are read here. */
interface Watched {
	runWebGPUProgram: WebGPUBackend['runWebGPUProgram'];
	bufferManager: { numBytesUsed: number };
}

/** Runs `work` on the running webgpu backend and says what it dispatched. @throws TypeError on another backend */
export async function record(work: () => Promise<void>): Promise<Recording> {
	if (tf.getBackend() !== 'webgpu') throw new TypeError(`record: the backend is ${tf.getBackend()}; only webgpu has dispatches`);
	const watched = tf.backend() as unknown as Watched;
	const run = watched.runWebGPUProgram.bind(watched);
	const dispatches: Record<string, number> = {};
	const start = watched.bufferManager.numBytesUsed;
	let peak = start;
	watched.runWebGPUProgram = (program, ...rest) => {
		const name = nameOf(program);
		dispatches[name] = (dispatches[name] ?? 0) + 1;
		const output = run(program, ...rest);
		peak = Math.max(peak, watched.bufferManager.numBytesUsed);
		return output;
	};
	try {
		await work();
	} finally {
		watched.runWebGPUProgram = run;
	}
	return { dispatches, peakBytes: peak - start };
}

export function total(dispatches: Record<string, number>): number {
	return Object.values(dispatches).reduce((sum, count) => sum + count, 0);
}

/** tfjs names its programs by class; ours are plain objects with a key that begins with `lab_`. */
function nameOf({ shaderKey, constructor }: WebGPUProgram): string {
	return constructor.name === 'Object' ? shaderKey.split(/[^A-Za-z_]/)[0]! : constructor.name.replace(/Program$/, '');
}
