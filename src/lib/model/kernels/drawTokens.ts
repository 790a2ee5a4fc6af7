import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

import { DIVERGED, sampleToken, type Sampling } from '../sampling';
import { type KernelArguments, launch, rowProgram } from './launch';
import { type Progress, WRITTEN } from './progress';
import type { WasmArguments, WasmModule } from './wasmModule';

type Settings = Pick<Sampling, 'temperature' | 'topP'>;

/**
 * Writes each row's next token down in `progress`, as `sampleToken` draws it from the row's `scores` [B, V] with the number of `points`
 * [B, room], from 0 to below 1, that belongs to how many tokens the row has written.
 */
export function drawTokens(progress: Progress, scores: tf.Tensor2D, points: tf.Tensor2D, { temperature, topP }: Settings): void {
	const [B, width] = progress.shape;
	if (scores.shape[0] !== B || points.shape[0] !== B || points.shape[1] !== width - WRITTEN)
		throw new RangeError(
			`drawTokens: scores [${scores.shape.join(', ')}] and points [${points.shape.join(', ')}] do not fit a progress of [${B}, ${width}]`,
		);
	tf.engine().runKernel(KERNEL, { progress, scores, points }, { temperature, topP });
}

const KERNEL = 'ConscienceLabDrawTokens';
type Inputs = 'progress' | 'scores' | 'points';

/** The part of the cpu backend that is used: tensors are typed arrays in a map. */
interface CpuBackend {
	data: { get(dataId: object): { values: Float32Array | Int32Array } };
}
/** A kernel without outputs: what it changes is an input. */
interface Arguments<Backend> {
	inputs: Record<Inputs, tf.TensorInfo>;
	backend: Backend;
	attrs: Settings;
}

const onCpu = ({ inputs, backend, attrs }: Arguments<CpuBackend>) =>
	drawAll(inputs, attrs, ({ dataId }) => backend.data.get(dataId).values);

const onWasm = ({ inputs, backend, attrs }: Arguments<BackendWasm>) =>
	drawAll(inputs, attrs, (tensor) => backend.typedArrayFromHeap(tensor) as Float32Array | Int32Array);

function drawAll(
	inputs: Record<Inputs, tf.TensorInfo>,
	settings: Settings,
	valuesOf: (tensor: tf.TensorInfo) => Float32Array | Int32Array,
): [] {
	const [progress, scores, points] = [inputs.progress, inputs.scores, inputs.points].map(valuesOf) as [
		Int32Array,
		Float32Array,
		Float32Array,
	];
	const [B, V] = inputs.scores.shape as [number, number];
	const room = inputs.points.shape[1]!;
	checkRoom(progress, B, room);
	for (let row = 0; row < B; row++) {
		const at = row * (WRITTEN + room);
		const written = progress[at + 1]!;
		progress[at + WRITTEN + written] = sampleToken(scores.subarray(row * V, (row + 1) * V), settings, points[row * room + written]!);
		progress[at + 1] = written + 1;
	}
	return [];
}

function checkRoom(progress: Int32Array, rows: number, room: number): void {
	for (let row = 0; row < rows; row++) {
		const written = progress[row * (WRITTEN + room) + 1]!;
		if (written >= room) throw new RangeError(`drawTokens: row ${row} has written ${written} tokens, and has room for no more`);
	}
}

/** Draws from the whole vocabulary in WebAssembly, the rest as without. */
export function drawTokensWasmKernels(lab: WasmModule): Record<string, tf.KernelFunc> {
	const kernel = (args: WasmArguments<Inputs, Settings>): [] => {
		const { inputs, backend, attrs } = args;
		if (attrs.temperature === 0 || attrs.topP < 1) return onWasm(args);
		const { progress, scores, points } = inputs;
		const [B, V] = scores.shape as [number, number];
		const room = points.shape[1]!;
		checkRoom(backend.typedArrayFromHeap(progress) as Int32Array, B, room);
		const [to, from, at] = [progress, scores, points].map(({ dataId }) => backend.getMemoryOffset(dataId)) as [number, number, number];
		lab.run([{ kernel: 'drawTokens', numbers: [to, from, at, B, V, room, 1 / attrs.temperature], room: V }]);
		return [];
	};
	return { [KERNEL]: kernel as unknown as tf.KernelFunc };
}

/** The kernels for a GPU, with `lanes` invocations a row. */
export function drawTokensKernels(lanes: number): Record<string, tf.KernelFunc> {
	const kernel = ({ inputs: { progress, scores, points }, backend, attrs }: KernelArguments<Inputs, Settings>): [] => {
		const [B, V] = scores.shape as [number, number];
		const way = attrs.temperature === 0 ? 'greedy' : attrs.topP >= 1 ? 'whole' : 'nucleus';
		launch(backend, {
			key: `drawTokens_${way}_${lanes}`,
			inputs: way === 'greedy' ? { scores } : { scores, points },
			shape: progress.shape,
			into: progress,
			ints: { V, width: progress.shape[1]! },
			floats: way === 'greedy' ? {} : { sharpness: 1 / attrs.temperature, topP: attrs.topP },
			invocations: B * lanes,
			workgroup: lanes === 1 ? 32 : lanes,
			code: () => rowProgram(lanes, bodyOf(WAYS[way], lanes), FUNCTIONS(lanes)),
		});
		return [];
	};
	return { [KERNEL]: kernel as unknown as tf.KernelFunc };
}

/** What comes before `main`: sums over the lanes before one, and numbers that lie in the same order as the floats that they are made of. */
const FUNCTIONS = (lanes: number) => `fn before(value : f32, lane : i32) -> f32 {
	${
		lanes === 1
			? 'return 0.0;'
			: `parts[localIndex] = value;
	workgroupBarrier();
	var sum = 0.0;
	for (var i = 0; i < lane; i++) { sum += parts[i]; }
	workgroupBarrier();
	return sum;`
	}
}
fn rankOf(score : f32) -> u32 {
	let bits = bitcast<u32>(score + 0.0); // one zero, not two
	return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}`;

/** Draws \`token\` for the row, and notes it. All lanes take the same way, for all have to reach the barriers. */
const bodyOf = (way: (lanes: number) => string, lanes: number) => `	let V = uniforms.V;
	let at = row * V;
	let place = row * uniforms.width;
	let written = result[place + 1];
	let chunk = (V + ${lanes - 1}) / ${lanes};
	let first = lane * chunk;
	let end = min(first + chunk, V);
	var top = -3.4e38;
	var bad = 0.0;
	for (var i = first; i < end; i++) {
		let score = scores[at + i];
		if (isnan(score)) { bad = 1.0; }
		top = max(top, score);
	}
	top = largest(top);
	bad = largest(bad);
	var token = -1.0;
${way(lanes)}
	if (lane == 0 && index < uniforms.count) {
		result[place + ${WRITTEN} + written] = select(i32(token), ${DIVERGED}, bad > 0.0);
		result[place + 1] = written + 1;
	}`;

const WEIGHT = 'exp((scores[at + i] - top) * uniforms.sharpness)';
const POINT = `points[row * (uniforms.width - ${WRITTEN}) + written]`;

/** The token in which \`goal\` falls when the shares of this lane's tokens are laid end to end behind those of the lanes before it. */
const WALK = (share: string, goal: string) => `	var share = 0.0;
	for (var i = first; i < end; i++) { share += ${share}; }
	let start = before(share, lane);
	let whole = total(share);
	let goal = ${goal};
	var sum = start;
	var last = -1;
	var found = -1;
	for (var i = first; i < end; i++) {
		let part = ${share};
		if (part == 0.0) { continue; }
		last = i;
		sum += part;
		if (found < 0 && goal < sum) { found = i; }
	}
	// Rounding may leave the point at a lane's very end, or at that of all.
	if (found < 0 && goal < start + share) { found = last; }
	let isHere = found >= 0 && goal >= start;
	token = largest(select(-1.0, f32(found), isHere));
	let behind = largest(f32(last));
	token = select(token, behind, token < 0.0);`;

const WAYS = {
	greedy: () => `	var found = V;
	for (var i = first; i < end; i++) { if (scores[at + i] == top) { found = min(found, i); } }
	token = -largest(-f32(found));`,
	whole: () => WALK(WEIGHT, `${POINT} * whole`),
	/**
	 * The tokens in the order of their scores, without sorting them: bisection finds the score at which what lies above it weighs no more
	 * than asked; among equal scores the first token comes first.
	 */
	nucleus: () => `	var all = 0.0;
	for (var i = first; i < end; i++) { all += ${WEIGHT}; }
	all = total(all);
	var goal = uniforms.topP * all; // of the first search; that of the second is the point
	var rank = 0u;
	var above = 0.0;
	for (var search = 0; search < 2; search++) {
		var low = 0u;
		var high = rankOf(top);
		for (var step = 0; step < 32; step++) {
			let middle = low + (high - low) / 2u;
			var sum = 0.0;
			for (var i = first; i < end; i++) { if (rankOf(scores[at + i]) > middle) { sum += ${WEIGHT}; } }
			sum = total(sum);
			let isEnough = select(sum <= goal, sum < goal, search == 0);
			high = select(high, middle, isEnough);
			low = select(middle + 1u, low, isEnough);
		}
		rank = high;
		above = 0.0;
		var one = 0.0;
		for (var i = first; i < end; i++) {
			let mine = rankOf(scores[at + i]);
			if (mine > rank) { above += ${WEIGHT}; }
			if (mine == rank) { one = ${WEIGHT}; }
		}
		above = total(above);
		one = largest(one);
		let mass = above + ceil((goal - above) / one) * one;
		goal = select(goal, ${POINT} * mass, search == 0);
	}
	let rest = goal - above;
	{
${WALK(`select(0.0, ${WEIGHT}, rankOf(scores[at + i]) == rank)`, 'rest')}
	}`,
};

const KERNELS = { cpu: { [KERNEL]: onCpu }, wasm: { [KERNEL]: onWasm }, webgpu: drawTokensKernels(64) };
for (const [backendName, kernels] of Object.entries(KERNELS))
	if (!tf.getKernel(KERNEL, backendName))
		tf.registerKernel({ kernelName: KERNEL, backendName, kernelFunc: kernels[KERNEL] as unknown as tf.KernelFunc });
