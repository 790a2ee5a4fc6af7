import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';

import { type KernelArguments, launch, rowProgram } from './launch';
import { type Progress, WRITTEN } from './progress';

/** What is noted of a draw: log p of the token that was drawn, the entropy of p, and h·direction; all in nats but the last. */
export const NOTED = 3;

/** Room for the notes of every draw of a batch, [B, 3 · room]; it stays on the backend, as the tokens do. */
export const startNotes = (rows: number, room: number): tf.Tensor2D => tf.zeros([rows, NOTED * room]);

/**
 * Notes what each row's newest token was drawn from, before another follows: with p = softmax(`scores`) [B, V], whatever temperature it was drawn
 * with, log p(token) and −Σ p·log p, and how far the state `hidden` [B, D], which the scores were made of, lies along `direction` [D]. It costs
 * one more look at scores that are there anyway, and as much as one more token in the vocabulary.
 */
export function noteDraws(notes: tf.Tensor2D, progress: Progress, scores: tf.Tensor2D, hidden: tf.Tensor2D, direction: tf.Tensor1D): void {
	const [B, width] = progress.shape;
	const fits = scores.shape[0] === B && hidden.shape[0] === B && notes.shape[0] === B && notes.shape[1] === NOTED * (width - WRITTEN);
	if (!fits || hidden.shape[1] !== direction.shape[0])
		throw new RangeError(
			`noteDraws: notes [${notes.shape.join(', ')}], scores [${scores.shape.join(', ')}], states [${hidden.shape.join(', ')}] and a direction of ${direction.shape[0]} do not fit a progress of [${B}, ${width}]`,
		);
	tf.engine().runKernel(KERNEL, { notes, progress, scores, hidden, direction });
}

/** The notes as they are now: tfjs would give those of the first reading again, since it does not know of what changes in place. */
export async function readNotes(notes: tf.Tensor2D): Promise<Float32Array> {
	if (tf.getBackend() !== 'webgpu') return (await notes.data()) as Float32Array;
	const backend = tf.backend() as WebGPUBackend;
	const { resource } = backend.tensorMap.get(notes.dataId);
	return new Float32Array(await backend.getBufferData(resource as GPUBuffer));
}

const KERNEL = 'ConscienceLabNoteDraws';
type Inputs = 'notes' | 'progress' | 'scores' | 'hidden' | 'direction';
type Values = Float32Array | Int32Array;

/** The part of the cpu backend that is used: tensors are typed arrays in a map. */
interface CpuBackend {
	data: { get(dataId: object): { values: Values } };
}
/** A kernel without outputs: what it changes is an input. */
interface Arguments<Backend> {
	inputs: Record<Inputs, tf.TensorInfo>;
	backend: Backend;
}

const onCpu = ({ inputs, backend }: Arguments<CpuBackend>) => noteAll(inputs, ({ dataId }) => backend.data.get(dataId).values);
const onWasm = ({ inputs, backend }: Arguments<BackendWasm>) => noteAll(inputs, (tensor) => backend.typedArrayFromHeap(tensor) as Values);

function noteAll(inputs: Record<Inputs, tf.TensorInfo>, valuesOf: (tensor: tf.TensorInfo) => Values): [] {
	const [notes, progress, scores] = [inputs.notes, inputs.progress, inputs.scores].map(valuesOf) as [Values, Values, Values];
	const [hidden, direction] = [valuesOf(inputs.hidden), valuesOf(inputs.direction)];
	const [B, V] = inputs.scores.shape as [number, number];
	const D = direction.length;
	const width = inputs.progress.shape[1]!;
	for (let row = 0; row < B; row++) {
		const drawn = progress[row * width + 1]! - 1;
		const token = progress[row * width + WRITTEN + drawn]!;
		const to = row * NOTED * (width - WRITTEN) + NOTED * drawn;
		const { logp, entropy } = surprise(scores.subarray(row * V, (row + 1) * V), token);
		[notes[to], notes[to + 1]] = [logp, entropy];
		let along = 0;
		for (let d = 0; d < D; d++) along += hidden[row * D + d]! * direction[d]!;
		notes[to + 2] = along;
	}
	return [];
}

/** log p(token) and the entropy of p = softmax(scores), in nats: log Σe^{s − top} − Σ p·(s − top). */
function surprise(scores: Values, token: number): { logp: number; entropy: number } {
	const V = scores.length;
	let top = scores[0]!;
	for (let i = 1; i < V; i++) if (scores[i]! > top) top = scores[i]!;
	let [sum, weighted] = [0, 0];
	for (let i = 0; i < V; i++) {
		const below = scores[i]! - top;
		const weight = Math.exp(below);
		sum += weight;
		weighted += weight * below;
	}
	const whole = Math.log(sum);
	return { logp: scores[token]! - top - whole, entropy: whole - weighted / sum };
}

/** The kernel for a GPU, with `lanes` invocations a row. */
export function noteDrawsKernels(lanes: number): Record<string, tf.KernelFunc> {
	const kernel = ({ inputs: { notes, ...inputs }, backend }: KernelArguments<Inputs, unknown>): [] => {
		const [B, V] = inputs.scores.shape as [number, number];
		launch(backend, {
			key: `noteDraws_${lanes}`,
			inputs,
			shape: notes.shape,
			into: notes,
			ints: { V, D: inputs.direction.shape[0]!, width: inputs.progress.shape[1]! },
			invocations: B * lanes,
			workgroup: lanes === 1 ? 32 : lanes,
			code: () => rowProgram(lanes, BODY(lanes)),
		});
		return [];
	};
	return { [KERNEL]: kernel as unknown as tf.KernelFunc };
}

const BODY = (lanes: number) => `	let V = uniforms.V;
	let D = uniforms.D;
	let at = row * V;
	let place = row * uniforms.width;
	let drawn = progress[place + 1] - 1;
	let token = max(progress[place + ${WRITTEN} + drawn], 0);
	var top = scores[at];
	for (var i = lane; i < V; i += ${lanes}) { top = max(top, scores[at + i]); }
	top = largest(top);
	var sum = 0.0;
	var weighted = 0.0;
	for (var i = lane; i < V; i += ${lanes}) {
		let below = scores[at + i] - top;
		let weight = exp(below);
		sum += weight;
		weighted += weight * below;
	}
	sum = total(sum);
	weighted = total(weighted);
	var along = 0.0;
	for (var d = lane; d < D; d += ${lanes}) { along += hidden[row * D + d] * direction[d]; }
	along = total(along);
	if (lane == 0 && index < uniforms.count) {
		let to = row * ${NOTED} * (uniforms.width - ${WRITTEN}) + ${NOTED} * drawn;
		result[to] = scores[at + token] - top - log(sum);
		result[to + 1] = log(sum) - weighted / sum;
		result[to + 2] = along;
	}`;

const KERNELS = { cpu: { [KERNEL]: onCpu }, wasm: { [KERNEL]: onWasm }, webgpu: noteDrawsKernels(64) };
for (const [backendName, kernels] of Object.entries(KERNELS))
	if (!tf.getKernel(KERNEL, backendName))
		tf.registerKernel({ kernelName: KERNEL, backendName, kernelFunc: kernels[KERNEL] as unknown as tf.KernelFunc });
