import type * as tf from '@tensorflow/tfjs-core';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';

import { launch, rowProgram } from './launch';
import type { HeadLayout } from './rotateHeads';
import { COLUMNS, type Operand, ROWS, tileProgram, tilesAcross, tilesDown } from './tile';

export interface AttentionSettings extends HeadLayout {
	/** L: no span is longer. */
	longest: number;
}

/** What the programs need to know of a batch. */
export interface Sizes extends AttentionSettings {
	/** N. */
	rows: number;
	/** S. */
	spans: number;
	/** Numbers in a row of qkv. */
	width: number;
}

export function sizesOf(qkv: tf.TensorInfo, spans: tf.TensorInfo, settings: AttentionSettings): Sizes {
	return { ...settings, rows: qkv.shape[0]!, width: qkv.shape[1]!, spans: spans.shape[0]! };
}

/** The sizes as WGSL constants. */
function constants({ heads, keyValueHeads, headDim, width }: Sizes): string {
	return `const H = ${heads}; const KV = ${keyValueHeads}; const G = ${heads / keyValueHeads}; const D = ${headDim}; const WIDTH = ${width};`;
}
/** Span `s`, which has T rows from `first` on. */
const SPAN = `	let first = spans[4 * s];
	let T = spans[4 * s + 1];`;
/** Head `h` of span `s`, from the two as one number, `head`: its keys and values are those of its group, its scores begin at `scored`. */
const HEAD = `	let s = head / H;
	let h = head % H;
${SPAN}
	let scored = h * uniforms.rows + first;
	let keys = (H + h / G) * D;
	let values = (H + KV + h / G) * D;`;

const keyOf = ({ heads, keyValueHeads, headDim }: Sizes) => `${heads}_${keyValueHeads}_${headDim}`;

/** [H, N, L]: left · rightᵀ of each head, for each row and the rows of its span that it sees; elsewhere is whatever was there. */
export function scoreTiles(
	backend: WebGPUBackend,
	name: string,
	inputs: { left: tf.TensorInfo; qkv: tf.TensorInfo; spans: tf.TensorInfo },
	size: Sizes,
	at: { left: Operand; right: Operand },
): tf.TensorInfo {
	const { spans, heads, rows, longest } = size;
	const tiles = tilesDown(longest) * tilesAcross(longest);
	return launch(backend, {
		key: `${name}_${keyOf(size)}`,
		inputs,
		shape: [heads, rows, longest],
		ints: { rows, longest, tiles, across: tilesAcross(longest) },
		invocations: spans * heads * tiles,
		code: () =>
			constants(size) +
			tileProgram({
				place: `	let head = index / uniforms.tiles;
	let tile = index % uniforms.tiles;
	let row0 = tile / uniforms.across * ${ROWS};
	let column0 = tile % uniforms.across * ${COLUMNS};
	if (column0 >= row0 + ${ROWS}) { return; }
${HEAD}
	if (row0 >= T) { return; }
	if (row0 >= spans[4 * s + 3] && column0 >= spans[4 * s + 2] && column0 + ${COLUMNS} <= spans[4 * s + 3]) { return; }
	let M = T;
	let N = T;`,
				terms: [{ end: size.headDim, ...at }],
				store: (row, column, sum) => `result[(scored + ${row}) * uniforms.longest + ${column}] = ${sum};`,
			}),
	});
}

/**
 * A program over the rows of [H, N, L]: row t of a span has \`seen\` numbers, at the places seenAt(0), seenAt(1), …; up to the span's
 * end, the others become zeros.
 */
export function softmaxRows(
	backend: WebGPUBackend,
	name: string,
	inputs: Record<string, tf.TensorInfo>,
	{ spans, heads, rows, longest }: Sizes,
	lanes: number,
	body: string,
): tf.TensorInfo {
	return launch(backend, {
		key: `${name}_${lanes}`,
		inputs,
		shape: [heads, rows, longest],
		ints: { rows, longest, heads },
		invocations: spans * heads * longest * lanes,
		workgroup: lanes === 1 ? 32 : lanes,
		code: () =>
			rowProgram(
				lanes,
				`	let s = row / uniforms.longest / uniforms.heads;
	let h = row / uniforms.longest % uniforms.heads;
	let t = row % uniforms.longest;
${SPAN}
	let within = t < T; // past a span's end nothing is read or written
	let behindHole = t >= spans[4 * s + 3];
	let holeStart = select(t + 1, spans[4 * s + 2], behindHole);
	let hole = select(0, spans[4 * s + 3] - spans[4 * s + 2], behindHole);
	let seen = select(0, t + 1 - hole, within);
	let at = (h * uniforms.rows + first + t) * uniforms.longest;
${body}
	if (within) {
		for (var i = lane; i < hole; i += ${lanes}) { result[at + holeStart + i] = 0.0; }
		for (var i = t + 1 + lane; i < T; i += ${lanes}) { result[at + i] = 0.0; }
	}`,
			),
	});
}

/** The place of what a row sees as its number i. */
const SEEN = 'at + i + select(0, hole, i >= holeStart)';

export const SOFTMAX = (lanes: number) => `	var top = -3.4e38;
	for (var i = lane; i < seen; i += ${lanes}) { top = max(top, scores[${SEEN}]); }
	top = largest(top);
	var sum = 0.0;
	for (var i = lane; i < seen; i += ${lanes}) { sum += exp(scores[${SEEN}] - top); }
	let norm = 1.0 / total(sum);
	for (var i = lane; i < seen; i += ${lanes}) { result[${SEEN}] = exp(scores[${SEEN}] - top) * norm; }`;

/** dS = P ⊙ (dP − Σ P⊙dP). */
export const SOFTMAX_GRADIENT = (lanes: number) => `	var sum = 0.0;
	for (var i = lane; i < seen; i += ${lanes}) { sum += weights[${SEEN}] * dWeights[${SEEN}]; }
	let mean = total(sum);
	for (var i = lane; i < seen; i += ${lanes}) { result[${SEEN}] = weights[${SEEN}] * (dWeights[${SEEN}] - mean); }`;

/** weights · V: [N, H·headDim]. */
export function outputTiles(
	backend: WebGPUBackend,
	inputs: { weights: tf.TensorInfo; qkv: tf.TensorInfo; spans: tf.TensorInfo },
	size: Sizes,
): tf.TensorInfo {
	const { spans, heads, headDim, rows, longest } = size;
	const tiles = tilesDown(longest) * tilesAcross(headDim);
	return launch(backend, {
		key: `attentionOutput_${keyOf(size)}`,
		inputs,
		shape: [rows, heads * headDim],
		ints: { rows, longest, tiles },
		invocations: spans * heads * tiles,
		code: () =>
			constants(size) +
			tileProgram({
				place: `	let head = index / uniforms.tiles;
	let tile = index % uniforms.tiles;
	let row0 = tile / ${tilesAcross(headDim)} * ${ROWS};
	let column0 = tile % ${tilesAcross(headDim)} * ${COLUMNS};
${HEAD}
	if (row0 >= T) { return; }
	let M = T;
	let N = D;`,
				terms: [
					{
						end: `min(row0 + ${ROWS}, T)`,
						left: { from: 'weights', lane: (i) => `(scored + ${i}) * uniforms.longest`, step: (k) => k },
						right: { from: 'qkv', lane: (i) => `first * WIDTH + values + ${i}`, step: (k) => `${k} * WIDTH` },
					},
				],
				store: (row, column, sum) => `result[(first + ${row}) * H * D + h * D + ${column}] = ${sum};`,
			}),
	});
}

/** The gradient of qkv in its own layout: dQ = dS·K; dK = dSᵀ·Q and dV = Pᵀ·dO, summed over the heads of a group. */
export function gradientTiles(
	backend: WebGPUBackend,
	inputs: Record<'qkv' | 'spans' | 'weights' | 'dScores' | 'dy', tf.TensorInfo>,
	size: Sizes,
): tf.TensorInfo {
	const { spans, heads, keyValueHeads, headDim, width, rows, longest } = size;
	const tiles = tilesDown(longest) * tilesAcross(headDim);
	const group = { name: 'g', count: 'G' };
	/** The scores' column i of the g-th head that this one serves, down the rows of the span. */
	const down = (from: string): Operand => ({
		from,
		lane: (i) => `((served + g) * uniforms.rows + first) * uniforms.longest + ${i}`,
		step: (k) => `${k} * uniforms.longest`,
	});
	return launch(backend, {
		key: `attentionGradient_${keyOf(size)}`,
		inputs,
		shape: [rows, width],
		ints: { rows, longest, tiles },
		invocations: spans * (heads + 2 * keyValueHeads) * tiles,
		code: () =>
			constants(size) +
			tileProgram({
				place: `	let s = index / uniforms.tiles / (H + 2 * KV);
	let slot = index / uniforms.tiles % (H + 2 * KV); // a head of queries, then of keys, then of values
	let tile = index % uniforms.tiles;
	let row0 = tile / ${tilesAcross(headDim)} * ${ROWS};
	let column0 = tile % ${tilesAcross(headDim)} * ${COLUMNS};
${SPAN}
	if (row0 >= T) { return; }
	let served = select((slot - H) % KV * G, slot, slot < H); // the (first) head of queries that it serves
	let M = T;
	let N = D;`,
				terms: [
					{
						only: 'slot < H',
						end: `min(row0 + ${ROWS}, T)`,
						left: { from: 'dScores', lane: (i) => `(slot * uniforms.rows + first + ${i}) * uniforms.longest`, step: (k) => k },
						right: { from: 'qkv', lane: (i) => `first * WIDTH + (H + slot / G) * D + ${i}`, step: (k) => `${k} * WIDTH` },
					},
					{
						only: 'slot >= H && slot < H + KV',
						over: group,
						start: 'row0',
						end: 'T',
						left: down('dScores'),
						right: { from: 'qkv', lane: (i) => `first * WIDTH + (served + g) * D + ${i}`, step: (k) => `${k} * WIDTH` },
					},
					{
						only: 'slot >= H + KV',
						over: group,
						start: 'row0',
						end: 'T',
						left: down('weights'),
						right: { from: 'dy', lane: (i) => `first * H * D + (served + g) * D + ${i}`, step: (k) => `${k} * H * D` },
					},
				],
				store: (row, column, sum) => `result[(first + ${row}) * WIDTH + slot * D + ${column}] = ${sum};`,
			}),
	});
}
