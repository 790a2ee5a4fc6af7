import { exponential } from './exponential';
import {
	COLUMNS,
	LEFT_STEP,
	multiply,
	packColumns,
	packRightColumns,
	packRightRows,
	packRows,
	put,
	RIGHT_STEP,
	ROWS,
	TILE_BYTES,
} from './tile';
import { largest, loadPart, storePart, total } from './vectors';

/**
 * Causal attention within spans of rows. A span is four i32: its first row, its length, and a hole [from, to), counted from its first row, that
 * rows from `to` on do not see. `qkv` has rows [H queries | KV keys | KV values] of `headDim` numbers each; queries come scaled.
 * `weights` are [H, rows, longest]: what each row sees of its span, zeros up to the span's length.
 */
const SPAN_BYTES: usize = 16;

/** Bytes of `columns` columns packed to the right of a product, each of K numbers. */
function rightBytes(columns: i32, K: i32): usize {
	return <usize>((columns + COLUMNS - 1) / COLUMNS) * (<usize>K * RIGHT_STEP);
}

/** Packs T rows of `columns` numbers as the right side of a product over the rows: [T, columns]. */
function packOverRows(packed: usize, rows: usize, step: usize, columns: i32, T: i32): void {
	for (let column = 0; column < columns; column += COLUMNS) {
		packRightColumns(packed, rows + ((<usize>column) << 2), step, min(COLUMNS, columns - column), T);
		packed += <usize>T * RIGHT_STEP;
	}
}

/** Packs T rows of K numbers as the right side of a product over the numbers: [K, T]. */
function packOverNumbers(packed: usize, rows: usize, step: usize, K: i32, T: i32): void {
	for (let row = 0; row < T; row += COLUMNS) {
		packRightRows(packed, rows + <usize>row * step, step, min(COLUMNS, T - row), K);
		packed += <usize>K * RIGHT_STEP;
	}
}

/** to [rows, columns] (+)= left [K, rows]ᵀ · right [K, columns], both packed; of the right side's K steps the first `skipped` are left out. */
function multiplyAcross(
	tile: usize,
	to: usize,
	step: usize,
	left: usize,
	right: usize,
	rows: i32,
	columns: i32,
	K: i32,
	rightK: i32,
	skipped: i32,
	isSum: bool,
): void {
	right += <usize>skipped * RIGHT_STEP;
	for (let column = 0; column < columns; column += COLUMNS) {
		multiply(tile, left, right, K);
		put(tile, to + ((<usize>column) << 2), step, rows, min(COLUMNS, columns - column), isSum);
		right += <usize>rightK * RIGHT_STEP;
	}
}

/** Zeros in the places [from, to) of a row. */
function clear(row: usize, from: i32, to: i32): void {
	if (to > from) memory.fill(row + ((<usize>from) << 2), 0, (<usize>(to - from)) << 2);
}

/** Makes what a row sees of a span's scores, the first `seen` without the hole, add up to 1; zeros elsewhere, up to T. */
export function softmax(row: usize, seen: i32, holeStart: i32, holeEnd: i32, T: i32): void {
	const hasHole = seen > holeEnd && holeEnd > holeStart;
	if (hasHole) for (let i = holeStart; i < holeEnd; i++) store<f32>(row + ((<usize>i) << 2), -Infinity);
	let tops = f32x4.splat(load<f32>(row + ((<usize>(seen - 1)) << 2))); // a row sees itself
	for (let i = 0; i < seen; i += 4) {
		const left = seen - i;
		const scores = loadPart(row + ((<usize>i) << 2), left);
		tops = left >= 4 ? f32x4.max(tops, scores) : tops;
	}
	let top = largest(tops);
	for (let i = seen & ~3; i < seen; i++) top = max(top, load<f32>(row + ((<usize>i) << 2)));
	const shift = f32x4.splat(top);
	for (let i = 0; i < seen; i += 4) {
		const at = row + ((<usize>i) << 2);
		storePart(at, exponential(f32x4.sub(loadPart(at, seen - i), shift)), seen - i);
	}
	if (hasHole) clear(row, holeStart, holeEnd);
	let sum = f32x4.splat(0);
	for (let i = 0; i < seen; i += 4) sum = f32x4.add(sum, loadPart(row + ((<usize>i) << 2), seen - i));
	const share = f32x4.splat(<f32>1 / total(sum));
	for (let i = 0; i < seen; i += 4) {
		const at = row + ((<usize>i) << 2);
		storePart(at, f32x4.mul(loadPart(at, seen - i), share), seen - i);
	}
	clear(row, seen, T);
}

/** dS = P ⊙ (dP − Σ P⊙dP) of a row that sees `seen` places; zeros up to T. */
function softmaxGradient(row: usize, weights: usize, seen: i32, T: i32): void {
	let products = f32x4.splat(0);
	for (let i = 0; i < seen; i += 4) {
		const at = (<usize>i) << 2;
		products = f32x4.add(products, f32x4.mul(loadPart(row + at, seen - i), loadPart(weights + at, seen - i)));
	}
	const mean = f32x4.splat(total(products));
	for (let i = 0; i < seen; i += 4) {
		const at = (<usize>i) << 2;
		const change = f32x4.mul(loadPart(weights + at, seen - i), f32x4.sub(loadPart(row + at, seen - i), mean));
		storePart(row + at, change, seen - i);
	}
	clear(row, seen, T);
}

/** softmax(Q·Kᵀ)·V into `out` [rows, H·headDim], and `weights`. `scratch`: 32 + (4 + 8)·max(L, D) + 2·(L + 8)·(D + 8) numbers. */
export function attention(
	out: usize,
	weights: usize,
	qkv: usize,
	spans: usize,
	count: i32,
	rows: i32,
	longest: i32,
	heads: i32,
	keyValueHeads: i32,
	headDim: i32,
	scratch: usize,
): void {
	const head = (<usize>headDim) << 2;
	const step = <usize>(heads + 2 * keyValueHeads) * head;
	const outStep = <usize>heads * head;
	const row = (<usize>longest) << 2;
	const left = scratch + TILE_BYTES;
	const keys = left + <usize>max(longest, headDim) * LEFT_STEP;
	for (; count > 0; count--) {
		const first = <usize>load<i32>(spans);
		const T = load<i32>(spans, 4);
		const from = qkv + first * step;
		const values = keys + rightBytes(T, headDim);
		for (let h = 0; h < heads; h++) {
			const group = h / (heads / keyValueHeads);
			if (h % (heads / keyValueHeads) == 0) {
				packOverNumbers(keys, from + <usize>(heads + group) * head, step, headDim, T);
				packOverRows(values, from + <usize>(heads + keyValueHeads + group) * head, step, headDim, T);
			}
			for (let t = 0; t < T; t += ROWS) {
				const here = min(ROWS, T - t);
				const seen = t + here;
				const at = first + <usize>t;
				const scores = weights + (<usize>h * <usize>rows + at) * row;
				packRows(left, LEFT_STEP, from + <usize>t * step + <usize>h * head, step, here, headDim);
				multiplyAcross(scratch, scores, row, left, keys, here, seen, headDim, headDim, 0, false);
				for (let i = 0; i < here; i++) softmax(scores + <usize>i * row, t + i + 1, load<i32>(spans, 8), load<i32>(spans, 12), T);
				packRows(left, LEFT_STEP, scores, row, here, seen);
				multiplyAcross(scratch, out + at * outStep + <usize>h * head, outStep, left, values, here, headDim, seen, T, 0, false);
			}
		}
		spans += SPAN_BYTES;
	}
}

/**
 * The gradient of qkv in its own layout: dQ = dS·K; dK = dSᵀ·Q and dV = Pᵀ·dO, summed over the heads of a group.
 * `scratch`: 32 + 4·max(L, D) + 4·(L + 8)·(D + 8) + L·L numbers.
 */
export function attentionGradient(
	out: usize,
	qkv: usize,
	weights: usize,
	dy: usize,
	spans: usize,
	count: i32,
	rows: i32,
	longest: i32,
	heads: i32,
	keyValueHeads: i32,
	headDim: i32,
	scratch: usize,
): void {
	const head = (<usize>headDim) << 2;
	const step = <usize>(heads + 2 * keyValueHeads) * head;
	const dyStep = <usize>heads * head;
	const row = (<usize>longest) << 2;
	const left = scratch + TILE_BYTES;
	const dScores = left + <usize>max(longest, headDim) * LEFT_STEP;
	const keys = dScores + <usize>longest * row;
	for (; count > 0; count--) {
		const first = <usize>load<i32>(spans);
		const T = load<i32>(spans, 4);
		const from = qkv + first * step;
		const to = out + first * step;
		const values = keys + rightBytes(headDim, T);
		const queries = values + rightBytes(T, headDim);
		const changes = queries + rightBytes(headDim, T);
		for (let h = 0; h < heads; h++) {
			const group = h / (heads / keyValueHeads);
			const isSum = h % (heads / keyValueHeads) != 0;
			const keysAt = <usize>(heads + group) * head;
			const valuesAt = <usize>(heads + keyValueHeads + group) * head;
			if (!isSum) {
				packOverRows(keys, from + keysAt, step, headDim, T);
				packOverNumbers(values, from + valuesAt, step, headDim, T);
			}
			const seenBy = weights + (<usize>h * <usize>rows + first) * row;
			const dOut = dy + first * dyStep + <usize>h * head;
			packOverRows(queries, from + <usize>h * head, step, headDim, T);
			packOverRows(changes, dOut, dyStep, headDim, T);
			for (let t = 0; t < T; t += ROWS) {
				const here = min(ROWS, T - t);
				const seen = t + here;
				const at = dScores + <usize>t * row;
				packRows(left, LEFT_STEP, dOut + <usize>t * dyStep, dyStep, here, headDim);
				multiplyAcross(scratch, at, row, left, values, here, seen, headDim, headDim, 0, false);
				for (let i = 0; i < here; i++) softmaxGradient(at + <usize>i * row, seenBy + <usize>(t + i) * row, t + i + 1, T);
				packRows(left, LEFT_STEP, at, row, here, seen);
				multiplyAcross(scratch, to + <usize>t * step + <usize>h * head, step, left, keys, here, headDim, seen, T, 0, false);
			}
			for (let t = 0; t < T; t += ROWS) {
				// Places from t on: the rows before them do not see them.
				const here = min(ROWS, T - t);
				const corner = <usize>t * row + ((<usize>t) << 2);
				packColumns(left, LEFT_STEP, dScores + corner, row, here, T - t);
				multiplyAcross(scratch, to + <usize>t * step + keysAt, step, left, queries, here, headDim, T - t, T, t, isSum);
				packColumns(left, LEFT_STEP, seenBy + corner, row, here, T - t);
				multiplyAcross(scratch, to + <usize>t * step + valuesAt, step, left, changes, here, headDim, T - t, T, t, isSum);
			}
		}
		spans += SPAN_BYTES;
	}
}
