import * as tf from '@tensorflow/tfjs-core';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';

import { attend, causalMask } from '../attention';
import { hasKernel, type KernelArguments, launch, rowProgram, runKernel } from './launch';
import type { HeadLayout } from './rotateHeads';
import { COLUMNS, type Operand, ROWS, tileProgram, tilesAcross, tilesDown } from './tile';

const FORWARD = 'ConscienceLabCausalAttention';
const BACKWARD = 'ConscienceLabCausalAttentionGradient';

interface Settings extends HeadLayout {
	/** T: tokens of a sequence. */
	times: number;
}

/**
 * softmax(Q·Kᵀ)·V, causal and grouped, of `qkv` [B·T, (H + 2·KV)·headDim] as `rotateHeads` leaves it: [B·T, H·headDim].
 * What lies above the diagonal is neither computed nor read.
 */
export function causalAttention(qkv: tf.Tensor2D, times: number, layout: HeadLayout): tf.Tensor2D {
	if (hasKernel(FORWARD)) {
		const [out] = runKernel(FORWARD, { qkv }, { ...layout, times }) as unknown as tf.Tensor2D[];
		return out!;
	}
	const { heads: H, keyValueHeads: KV, headDim } = layout;
	const B = qkv.shape[0] / times;
	const split = tf.split(qkv, [H * headDim, KV * headDim, KV * headDim], 1);
	const [q, k, v] = split.map((x) => {
		const byHead = tf.transpose(tf.reshape(x, [B, times, x.shape[1]! / headDim, headDim]), [0, 2, 1, 3]);
		return tf.reshape<tf.Rank.R3>(byHead, [B * KV, -1, headDim]);
	}) as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];
	const attended = tf.reshape(attend(q, k, v, causalMask(times)), [B, H, times, headDim]);
	return tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), [B * times, H * headDim]);
}

/** The kernels, with `lanes` invocations a row of the softmax. */
export function causalAttentionKernels(lanes: number): Record<string, tf.KernelFunc> {
	const forward = ({ inputs: { qkv }, backend, attrs }: KernelArguments<'qkv', Settings>) => {
		const size = sizesOf(qkv, attrs);
		const scores = scoreTiles(backend, 'attentionScores', { left: qkv, qkv }, size, {
			left: { from: 'left', lane: (i) => `b * T * WIDTH + ${i} * WIDTH + h * D`, step: (k) => k },
			right: { from: 'qkv', lane: (i) => `b * T * WIDTH + ${i} * WIDTH + keys`, step: (k) => k },
		});
		const weights = softmaxRows(backend, 'attentionSoftmax', { scores }, size, lanes, SOFTMAX(lanes));
		backend.disposeData(scores.dataId);
		return [outputTiles(backend, weights, qkv, size), weights];
	};
	const backward = ({ inputs: { qkv, weights, dy }, backend, attrs }: KernelArguments<'qkv' | 'weights' | 'dy', Settings>) => {
		const size = sizesOf(qkv, attrs);
		const dWeights = scoreTiles(backend, 'attentionWeightGradient', { left: dy, qkv }, size, {
			left: { from: 'left', lane: (i) => `b * T * H * D + ${i} * H * D + h * D`, step: (k) => k },
			right: { from: 'qkv', lane: (i) => `b * T * WIDTH + ${i} * WIDTH + values`, step: (k) => k },
		});
		const dScores = softmaxRows(backend, 'attentionSoftmaxGradient', { weights, dWeights }, size, lanes, SOFTMAX_GRADIENT(lanes));
		backend.disposeData(dWeights.dataId);
		const dQkv = gradientTiles(backend, { qkv, weights, dScores, dy }, size);
		backend.disposeData(dScores.dataId);
		return dQkv;
	};
	return { [FORWARD]: forward as unknown as tf.KernelFunc, [BACKWARD]: backward as unknown as tf.KernelFunc };
}

interface Sizes extends Settings {
	batch: number;
	/** Numbers in a row of qkv. */
	width: number;
}

function sizesOf({ shape }: tf.TensorInfo, settings: Settings): Sizes {
	return { ...settings, batch: shape[0]! / settings.times, width: shape[1]! };
}

/** The sizes as WGSL constants, and the place of head `h` of sequence `b`: its keys and values are those of its group. */
function constants({ heads, keyValueHeads, headDim, width }: Sizes): string {
	return `const H = ${heads}; const KV = ${keyValueHeads}; const G = ${heads / keyValueHeads}; const D = ${headDim}; const WIDTH = ${width};`;
}
const HEAD = `	let T = uniforms.times;
	let b = head / H;
	let h = head % H;
	let keys = (H + h / G) * D;
	let values = (H + KV + h / G) * D;`;

const keyOf = ({ heads, keyValueHeads, headDim }: Sizes) => `${heads}_${keyValueHeads}_${headDim}`;

/** [B, H, T, T]: left · rightᵀ of each head, on and below the diagonal; above it is whatever was there. */
function scoreTiles(
	backend: WebGPUBackend,
	name: string,
	inputs: { left: tf.TensorInfo; qkv: tf.TensorInfo },
	size: Sizes,
	at: { left: Operand; right: Operand },
): tf.TensorInfo {
	const { batch, heads, times: T } = size;
	const tiles = tilesDown(T) * tilesAcross(T);
	return launch(backend, {
		key: `${name}_${keyOf(size)}`,
		inputs,
		shape: [batch, heads, T, T],
		ints: { times: T, tiles, across: tilesAcross(T) },
		invocations: batch * heads * tiles,
		code: () =>
			constants(size) +
			tileProgram({
				place: `	let head = index / uniforms.tiles;
	let tile = index % uniforms.tiles;
	let row0 = tile / uniforms.across * ${ROWS};
	let column0 = tile % uniforms.across * ${COLUMNS};
	if (column0 >= row0 + ${ROWS}) { return; }
${HEAD}
	let M = T;
	let N = T;`,
				terms: [{ end: size.headDim, ...at }],
				store: (row, column, sum) => `result[(head * T + ${row}) * T + ${column}] = ${sum};`,
			}),
	});
}

/** A program over the rows of [B, H, T, T]; row t has t + 1 numbers, and zeros follow. */
function softmaxRows(
	backend: WebGPUBackend,
	name: string,
	inputs: Record<string, tf.TensorInfo>,
	{ batch, heads, times: T }: Sizes,
	lanes: number,
	body: string,
): tf.TensorInfo {
	return launch(backend, {
		key: `${name}_${lanes}`,
		inputs,
		shape: [batch, heads, T, T],
		ints: { times: T },
		invocations: batch * heads * T * lanes,
		workgroup: lanes === 1 ? 32 : lanes,
		code: () =>
			rowProgram(
				lanes,
				`	let at = row * uniforms.times;
	let seen = row % uniforms.times + 1;
${body}
	for (var i = seen + lane; i < uniforms.times; i += ${lanes}) { result[at + i] = 0.0; }`,
			),
	});
}

const SOFTMAX = (lanes: number) => `	var top = scores[at];
	for (var i = lane; i < seen; i += ${lanes}) { top = max(top, scores[at + i]); }
	top = largest(top);
	var sum = 0.0;
	for (var i = lane; i < seen; i += ${lanes}) { sum += exp(scores[at + i] - top); }
	let norm = 1.0 / total(sum);
	for (var i = lane; i < seen; i += ${lanes}) { result[at + i] = exp(scores[at + i] - top) * norm; }`;

/** dS = P ⊙ (dP − Σ P⊙dP). */
const SOFTMAX_GRADIENT = (lanes: number) => `	var sum = 0.0;
	for (var i = lane; i < seen; i += ${lanes}) { sum += weights[at + i] * dWeights[at + i]; }
	let mean = total(sum);
	for (var i = lane; i < seen; i += ${lanes}) { result[at + i] = weights[at + i] * (dWeights[at + i] - mean); }`;

/** weights · V: [B·T, H·headDim]. */
function outputTiles(backend: WebGPUBackend, weights: tf.TensorInfo, qkv: tf.TensorInfo, size: Sizes): tf.TensorInfo {
	const { batch, heads, headDim, times: T } = size;
	const tiles = tilesDown(T) * tilesAcross(headDim);
	return launch(backend, {
		key: `attentionOutput_${keyOf(size)}`,
		inputs: { weights, qkv },
		shape: [batch * T, heads * headDim],
		ints: { times: T, tiles },
		invocations: batch * heads * tiles,
		code: () =>
			constants(size) +
			tileProgram({
				place: `	let head = index / uniforms.tiles;
	let tile = index % uniforms.tiles;
	let row0 = tile / ${tilesAcross(headDim)} * ${ROWS};
	let column0 = tile % ${tilesAcross(headDim)} * ${COLUMNS};
${HEAD}
	let M = T;
	let N = D;`,
				terms: [
					{
						end: `min(row0 + ${ROWS}, T)`,
						left: { from: 'weights', lane: (i) => `head * T * T + ${i} * T`, step: (k) => k },
						right: { from: 'qkv', lane: (i) => `b * T * WIDTH + values + ${i}`, step: (k) => `${k} * WIDTH` },
					},
				],
				store: (row, column, sum) => `result[(b * T + ${row}) * H * D + h * D + ${column}] = ${sum};`,
			}),
	});
}

/** The gradient of qkv in its own layout: dQ = dS·K; dK = dSᵀ·Q and dV = Pᵀ·dO, summed over the heads of a group. */
function gradientTiles(
	backend: WebGPUBackend,
	inputs: { qkv: tf.TensorInfo; weights: tf.TensorInfo; dScores: tf.TensorInfo; dy: tf.TensorInfo },
	size: Sizes,
): tf.TensorInfo {
	const { batch, heads, keyValueHeads, headDim, width, times: T } = size;
	const tiles = tilesDown(T) * tilesAcross(headDim);
	const group = { name: 'g', count: 'G' };
	return launch(backend, {
		key: `attentionGradient_${keyOf(size)}`,
		inputs,
		shape: [batch * T, width],
		ints: { times: T, tiles },
		invocations: batch * (heads + 2 * keyValueHeads) * tiles,
		code: () =>
			constants(size) +
			tileProgram({
				place: `	let T = uniforms.times;
	let b = index / uniforms.tiles / (H + 2 * KV);
	let slot = index / uniforms.tiles % (H + 2 * KV); // a head of queries, then of keys, then of values
	let tile = index % uniforms.tiles;
	let row0 = tile / ${tilesAcross(headDim)} * ${ROWS};
	let column0 = tile % ${tilesAcross(headDim)} * ${COLUMNS};
	let first = select((slot - H) % KV * G, slot, slot < H); // the (first) head of queries that it serves
	let M = T;
	let N = D;`,
				terms: [
					{
						only: 'slot < H',
						end: `min(row0 + ${ROWS}, T)`,
						left: { from: 'dScores', lane: (i) => `(b * H + slot) * T * T + ${i} * T`, step: (k) => k },
						right: { from: 'qkv', lane: (i) => `b * T * WIDTH + (H + slot / G) * D + ${i}`, step: (k) => `${k} * WIDTH` },
					},
					{
						only: 'slot >= H && slot < H + KV',
						over: group,
						start: 'row0',
						end: 'T',
						left: { from: 'dScores', lane: (i) => `(b * H + first + g) * T * T + ${i}`, step: (k) => `${k} * T` },
						right: { from: 'qkv', lane: (i) => `b * T * WIDTH + (first + g) * D + ${i}`, step: (k) => `${k} * WIDTH` },
					},
					{
						only: 'slot >= H + KV',
						over: group,
						start: 'row0',
						end: 'T',
						left: { from: 'weights', lane: (i) => `(b * H + first + g) * T * T + ${i}`, step: (k) => `${k} * T` },
						right: { from: 'dy', lane: (i) => `b * T * H * D + (first + g) * D + ${i}`, step: (k) => `${k} * H * D` },
					},
				],
				store: (row, column, sum) => `result[(b * T + ${row}) * WIDTH + slot * D + ${column}] = ${sum};`,
			}),
	});
}

if (!tf.getGradient(FORWARD))
	tf.registerGradient({
		kernelName: FORWARD,
		inputsToSave: ['qkv'],
		outputsToSave: [false, true],
		gradFunc: (dys, saved, attrs) => {
			const [qkv, weights] = saved as [tf.Tensor, tf.Tensor];
			const [dy] = dys as tf.Tensor[];
			return { qkv: () => runKernel(BACKWARD, { qkv, weights, dy: dy! }, attrs) };
		},
	});
