/** Rows of any width in vectors of four: the last of a row is loaded and stored in part, and what is not there reads as zero. */

/** Up to four numbers at `at`, of which `left` are there. */
export function loadPart(at: usize, left: i32): v128 {
	if (left >= 4) return v128.load(at);
	let x = v128.load32_zero(at);
	if (left > 1) x = v128.load32_lane(at, x, 1, 4);
	if (left > 2) x = v128.load32_lane(at, x, 2, 8);
	return x;
}

/** Four 8-bit integers at `at` as numbers. */
export function fourBytes(at: usize): v128 {
	return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(at))));
}

/** What 8-bit integers step by: up to four largest values at `at`, each over 127. */
export function steps(at: usize, left: i32): v128 {
	return f32x4.div(loadPart(at, left), f32x4.splat(127));
}

/** Stores the first `left` of four numbers, all where `left` is more. */
export function storePart(at: usize, x: v128, left: i32): void {
	if (left >= 4) {
		v128.store(at, x);
		return;
	}
	f32.store(at, f32x4.extract_lane(x, 0));
	if (left > 1) f32.store(at, f32x4.extract_lane(x, 1), 4);
	if (left > 2) f32.store(at, f32x4.extract_lane(x, 2), 8);
}

/** The sum of four numbers. */
export function total(x: v128): f32 {
	const low = f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1);
	return low + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3));
}

/** The largest of four numbers. */
export function largest(x: v128): f32 {
	return max(max(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)), max(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)));
}
