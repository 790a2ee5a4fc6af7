import { multiplyRow, TERM_BYTES } from './rowProduct';
import {
	COLUMNS,
	LEFT_STEP,
	multiply,
	packColumns,
	packByteColumns,
	packByteRows,
	packRightColumns,
	packRightRows,
	packRows,
	put,
	RIGHT_STEP,
	ROWS,
	TILE_BYTES,
} from './tile';
import { loadPart } from './vectors';

/** Steps that are packed at once of a left side that lies transposed: of each step a tile reads a part of a cache line, and the next tiles the rest. */
const BLOCK: i32 = 128;

/** Bytes from one row of memory to the next of the side that begins at byte `side` of a term. */
function stepOf(term: usize, side: usize): usize {
	return (<usize>load<i32>(term + side, 4)) << 2;
}

function packLeft(packed: usize, term: usize, row: i32, count: i32, from: i32, K: i32): void {
	const at = <usize>load<i32>(term, 4);
	const step = stepOf(term, 4);
	if (load<i32>(term, 12)) packColumns(packed, LEFT_STEP, at + <usize>from * step + ((<usize>row) << 2), step, count, K);
	else packRows(packed, LEFT_STEP, at + <usize>row * step + ((<usize>from) << 2), step, count, K);
}

function packRight(packed: usize, term: usize, column: i32, count: i32, from: i32, K: i32): void {
	const at = <usize>load<i32>(term, 16);
	const step = stepOf(term, 16);
	const largest = <usize>load<i32>(term, 28);
	if (largest) {
		if (load<i32>(term, 24)) packByteRows(packed, at + <usize>column * step + <usize>from, step, count, K, largest + ((<usize>from) << 2));
		else packByteColumns(packed, at + <usize>from * step + <usize>column, step, count, K, largest + ((<usize>column) << 2));
	} else if (load<i32>(term, 24)) packRightRows(packed, at + <usize>column * step + ((<usize>from) << 2), step, count, K);
	else packRightColumns(packed, at + <usize>from * step + ((<usize>column) << 2), step, count, K);
}

/** tile = scale·tile (+ bias) (+ residual), row by row; either is left out where its address is 0. */
function addTo(tile: usize, scale: f32, bias: usize, residual: usize, step: usize, rows: i32, columns: i32): void {
	for (let i = 0; i < rows; i++) {
		for (let j = 0; j < columns; j += 4) {
			const at = (<usize>j) << 2;
			let value = f32x4.mul(v128.load(tile + at), f32x4.splat(scale));
			if (bias) value = f32x4.add(value, loadPart(bias + at, columns - j));
			if (residual) value = f32x4.add(value, loadPart(residual + at, columns - j));
			v128.store(tile + at, value);
		}
		tile += RIGHT_STEP;
		residual = residual ? residual + step : 0;
	}
}

/**
 * out [M, N] = scale·Σ left·right over the terms (+ bias [N]) (+ residual, laid out as `out`), its rows `outStep` numbers apart.
 * `scratch` holds 32 + ΣK·(4 + N rounded up to 8) numbers.
 */
export function product(
	out: usize,
	outStep: i32,
	M: i32,
	N: i32,
	terms: usize,
	count: i32,
	scale: f32,
	bias: usize,
	residual: usize,
	scratch: usize,
): void {
	if (M < ROWS && lieStraight(terms, count)) {
		// With so few rows packing would take longer than the product.
		for (let row = 0; row < M; row++) {
			const start = (<usize>row * <usize>outStep) << 2;
			multiplyRow(out + start, row, N, terms, count, scale, bias, residual ? residual + start : 0);
		}
		return;
	}
	let from = 0;
	let left = 0; // steps of the longest term that are still to come
	for (let i = 0; i < count; i++) left = max(left, load<i32>(terms + <usize>i * TERM_BYTES));
	const block = load<i32>(terms, 12) ? BLOCK : left;
	for (; left > 0; left -= block) {
		const isFirst = from == 0;
		addBlock(out, outStep, M, N, terms, count, from, block, scale, isFirst ? bias : 0, isFirst ? residual : 0, scratch);
		from += block;
	}
}

/** Adds the steps [from, from + block) of all terms to `out`, or begins it with them. */
function addBlock(
	out: usize,
	outStep: i32,
	M: i32,
	N: i32,
	terms: usize,
	count: i32,
	from: i32,
	block: i32,
	scale: f32,
	bias: usize,
	residual: usize,
	scratch: usize,
): void {
	let K = 0;
	for (let i = 0; i < count; i++) K += stepsOf(terms + <usize>i * TERM_BYTES, from, block);
	const step = (<usize>outStep) << 2;
	const packedLeft = scratch + TILE_BYTES;
	const packedRight = packedLeft + <usize>K * LEFT_STEP;

	let to = packedRight;
	for (let column = 0; column < N; column += COLUMNS) {
		for (let i = 0; i < count; i++) {
			const term = terms + <usize>i * TERM_BYTES;
			const steps = stepsOf(term, from, block);
			packRight(to, term, column, min(COLUMNS, N - column), from, steps);
			to += <usize>steps * RIGHT_STEP;
		}
	}
	const isPlain = scale == 1 && !bias && !residual;
	for (let row = 0; row < M; row += ROWS) {
		const rows = min(ROWS, M - row);
		to = packedLeft;
		for (let i = 0; i < count; i++) {
			const term = terms + <usize>i * TERM_BYTES;
			const steps = stepsOf(term, from, block);
			packLeft(to, term, row, rows, from, steps);
			to += <usize>steps * LEFT_STEP;
		}
		let right = packedRight;
		for (let column = 0; column < N; column += COLUMNS) {
			const columns = min(COLUMNS, N - column);
			const offset = <usize>row * step + ((<usize>column) << 2);
			multiply(scratch, packedLeft, right, K);
			if (!isPlain) addTo(scratch, scale, bias ? bias + ((<usize>column) << 2) : 0, residual ? residual + offset : 0, step, rows, columns);
			put(scratch, out + offset, step, rows, columns, from > 0);
			right += <usize>K * RIGHT_STEP;
		}
	}
}

/** Whether no side of any term is transposed. */
function lieStraight(terms: usize, count: i32): bool {
	for (; count > 0; count--) {
		if (load<i32>(terms, 12) || load<i32>(terms, 24)) return false;
		terms += TERM_BYTES;
	}
	return true;
}

/** How many of the steps [from, from + block) a term has. */
function stepsOf(term: usize, from: i32, block: i32): i32 {
	return max(0, min(block, load<i32>(term) - from));
}
