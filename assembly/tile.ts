import { fourBytes, steps } from './vectors';

/**
 * Products in tiles of 4 × 8 numbers: their eight sums, two vectors of the right side and one number of the left fit the sixteen
 * registers that every processor has. Both sides are packed first, so that a tile reads on and on: [K, 4] and [K, 8].
 */
export const ROWS: i32 = 4;
export const COLUMNS: i32 = 8;
/** Bytes of a packed step along K, and of a tile. */
export const LEFT_STEP: usize = 16;
export const RIGHT_STEP: usize = 32;
export const TILE_BYTES: usize = 128;

/** tile [4, 8] = left [K, 4]ᵀ · right [K, 8]. */
export function multiply(tile: usize, left: usize, right: usize, K: i32): void {
	let s00 = f32x4.splat(0);
	let s01 = s00;
	let s10 = s00;
	let s11 = s00;
	let s20 = s00;
	let s21 = s00;
	let s30 = s00;
	let s31 = s00;
	for (let k = K >> 1; k > 0; k--) {
		let r0 = v128.load(right);
		let r1 = v128.load(right, 16);
		let l = v128.load32_splat(left);
		s00 = f32x4.add(s00, f32x4.mul(l, r0));
		s01 = f32x4.add(s01, f32x4.mul(l, r1));
		l = v128.load32_splat(left, 4);
		s10 = f32x4.add(s10, f32x4.mul(l, r0));
		s11 = f32x4.add(s11, f32x4.mul(l, r1));
		l = v128.load32_splat(left, 8);
		s20 = f32x4.add(s20, f32x4.mul(l, r0));
		s21 = f32x4.add(s21, f32x4.mul(l, r1));
		l = v128.load32_splat(left, 12);
		s30 = f32x4.add(s30, f32x4.mul(l, r0));
		s31 = f32x4.add(s31, f32x4.mul(l, r1));

		r0 = v128.load(right, 32);
		r1 = v128.load(right, 48);
		l = v128.load32_splat(left, 16);
		s00 = f32x4.add(s00, f32x4.mul(l, r0));
		s01 = f32x4.add(s01, f32x4.mul(l, r1));
		l = v128.load32_splat(left, 20);
		s10 = f32x4.add(s10, f32x4.mul(l, r0));
		s11 = f32x4.add(s11, f32x4.mul(l, r1));
		l = v128.load32_splat(left, 24);
		s20 = f32x4.add(s20, f32x4.mul(l, r0));
		s21 = f32x4.add(s21, f32x4.mul(l, r1));
		l = v128.load32_splat(left, 28);
		s30 = f32x4.add(s30, f32x4.mul(l, r0));
		s31 = f32x4.add(s31, f32x4.mul(l, r1));
		left += 2 * LEFT_STEP;
		right += 2 * RIGHT_STEP;
	}
	if (K & 1) {
		const r0 = v128.load(right);
		const r1 = v128.load(right, 16);
		let l = v128.load32_splat(left);
		s00 = f32x4.add(s00, f32x4.mul(l, r0));
		s01 = f32x4.add(s01, f32x4.mul(l, r1));
		l = v128.load32_splat(left, 4);
		s10 = f32x4.add(s10, f32x4.mul(l, r0));
		s11 = f32x4.add(s11, f32x4.mul(l, r1));
		l = v128.load32_splat(left, 8);
		s20 = f32x4.add(s20, f32x4.mul(l, r0));
		s21 = f32x4.add(s21, f32x4.mul(l, r1));
		l = v128.load32_splat(left, 12);
		s30 = f32x4.add(s30, f32x4.mul(l, r0));
		s31 = f32x4.add(s31, f32x4.mul(l, r1));
	}
	v128.store(tile, s00);
	v128.store(tile, s01, 16);
	v128.store(tile, s10, 32);
	v128.store(tile, s11, 48);
	v128.store(tile, s20, 64);
	v128.store(tile, s21, 80);
	v128.store(tile, s30, 96);
	v128.store(tile, s31, 112);
}

/** Packs up to 4 rows of K numbers, `rowStep` bytes apart, across: packed[k·step + i] = rows[i][k], zeros for rows that are not there. */
export function packRows(packed: usize, step: usize, rows: usize, rowStep: usize, count: i32, K: i32): void {
	let k = 0;
	if (count >= 4) {
		for (; k + 4 <= K; k += 4) {
			const r0 = v128.load(rows);
			const r1 = v128.load(rows + rowStep);
			const r2 = v128.load(rows + 2 * rowStep);
			const r3 = v128.load(rows + 3 * rowStep);
			const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
			const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
			const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
			const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
			v128.store(packed, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
			v128.store(packed + step, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7));
			v128.store(packed + 2 * step, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5));
			v128.store(packed + 3 * step, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7));
			packed += 4 * step;
			rows += 16;
		}
	}
	for (; k < K; k++) {
		for (let i = 0; i < 4; i++) store<f32>(packed + ((<usize>i) << 2), i < count ? load<f32>(rows + <usize>i * rowStep) : 0);
		packed += step;
		rows += 4;
	}
}

/** Packs up to 4 columns of K rows, `rowStep` bytes apart: packed[k·step + j] = rows[k][j], zeros for columns that are not there. */
export function packColumns(packed: usize, step: usize, rows: usize, rowStep: usize, count: i32, K: i32): void {
	for (let k = 0; k < K; k++) {
		if (count >= 4) v128.store(packed, v128.load(rows));
		else for (let j = 0; j < 4; j++) store<f32>(packed + ((<usize>j) << 2), j < count ? load<f32>(rows + ((<usize>j) << 2)) : 0);
		packed += step;
		rows += rowStep;
	}
}

/** The right side [K, 8] of which up to 8 columns are there, each K numbers in a row of its own. */
export function packRightRows(packed: usize, rows: usize, rowStep: usize, count: i32, K: i32): void {
	packRows(packed, RIGHT_STEP, rows, rowStep, min(count, 4), K);
	packRows(packed + 16, RIGHT_STEP, rows + 4 * rowStep, rowStep, max(count - 4, 0), K);
}

/** The right side [K, 8] of which up to 8 columns are there, side by side in K rows. */
export function packRightColumns(packed: usize, rows: usize, rowStep: usize, count: i32, K: i32): void {
	if (count >= COLUMNS) {
		for (; K > 0; K--) {
			v128.store(packed, v128.load(rows));
			v128.store(packed, v128.load(rows, 16), 16);
			packed += RIGHT_STEP;
			rows += rowStep;
		}
		return;
	}
	packColumns(packed, RIGHT_STEP, rows, rowStep, min(count, 4), K);
	packColumns(packed + 16, RIGHT_STEP, rows + 16, rowStep, max(count - 4, 0), K);
}

/** The right side [K, 8] as `packRightColumns` packs it, of 8-bit integers that lie in whole numbers; `largest` has a value for each column. */
export function packByteColumns(packed: usize, rows: usize, rowStep: usize, count: i32, K: i32, largest: usize): void {
	const low = steps(largest, count);
	const high = count > 4 ? steps(largest + 16, count - 4) : f32x4.splat(0); // what is not there is zero, whatever its bytes are
	for (; K > 0; K--) {
		v128.store(packed, f32x4.mul(fourBytes(rows), low));
		v128.store(packed, count > 4 ? f32x4.mul(fourBytes(rows + 4), high) : high, 16);
		packed += RIGHT_STEP;
		rows += rowStep;
	}
}

/** The right side [K, 8] as `packRightRows` packs it, of 8-bit integers; `largest` has a value for each of the K. */
export function packByteRows(packed: usize, rows: usize, rowStep: usize, count: i32, K: i32, largest: usize): void {
	packFourByteRows(packed, rows, rowStep, min(count, 4), K, largest);
	packFourByteRows(packed + 16, rows + 4 * rowStep, rowStep, max(count - 4, 0), K, largest);
}

function packFourByteRows(packed: usize, rows: usize, rowStep: usize, count: i32, K: i32, largest: usize): void {
	let k = 0;
	if (count >= 4) {
		for (; k + 4 <= K; k += 4) {
			const step = steps(largest, 4);
			const r0 = f32x4.mul(fourBytes(rows), step);
			const r1 = f32x4.mul(fourBytes(rows + rowStep), step);
			const r2 = f32x4.mul(fourBytes(rows + 2 * rowStep), step);
			const r3 = f32x4.mul(fourBytes(rows + 3 * rowStep), step);
			const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
			const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
			const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
			const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
			v128.store(packed, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
			v128.store(packed + RIGHT_STEP, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7));
			v128.store(packed + 2 * RIGHT_STEP, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5));
			v128.store(packed + 3 * RIGHT_STEP, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7));
			packed += 4 * RIGHT_STEP;
			rows += 4;
			largest += 16;
		}
	}
	for (; k < K; k++) {
		const step = load<f32>(largest) / 127;
		for (let i = 0; i < 4; i++) store<f32>(packed + ((<usize>i) << 2), i < count ? <f32>load<i8>(rows + <usize>i * rowStep) * step : 0);
		packed += RIGHT_STEP;
		rows += 1;
		largest += 4;
	}
}

/** Writes what is there of a tile to rows `step` bytes apart, or adds it to them. */
export function put(tile: usize, to: usize, step: usize, rows: i32, columns: i32, isSum: bool): void {
	for (let i = 0; i < rows; i++) {
		if (columns == COLUMNS) {
			let low = v128.load(tile);
			let high = v128.load(tile, 16);
			if (isSum) {
				low = f32x4.add(v128.load(to), low);
				high = f32x4.add(v128.load(to, 16), high);
			}
			v128.store(to, low);
			v128.store(to, high, 16);
		} else {
			for (let j = 0; j < columns; j++) {
				const at = to + ((<usize>j) << 2);
				const value = load<f32>(tile + ((<usize>j) << 2));
				store<f32>(at, isSum ? load<f32>(at) + value : value);
			}
		}
		tile += RIGHT_STEP;
		to += step;
	}
}
