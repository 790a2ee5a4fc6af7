import { softmax } from './attention';
import { loadPart, storePart, total } from './vectors';

/** The product of two rows of `width` numbers. */
function dot(a: usize, b: usize, width: i32): f32 {
	let sum = f32x4.splat(0);
	for (let i = 0; i < width; i += 4) {
		const at = (<usize>i) << 2;
		sum = f32x4.add(sum, f32x4.mul(loadPart(a + at, width - i), loadPart(b + at, width - i)));
	}
	return total(sum);
}

/** to = Σ weights·rows, of `count` rows of `width` numbers, `step` bytes apart. */
function weightedSum(to: usize, weights: usize, rows: usize, step: usize, count: i32, width: i32): void {
	for (let i = 0; i < width; i += 4) {
		const left = width - i;
		let at = rows + ((<usize>i) << 2);
		let sum = f32x4.splat(0);
		for (let s = 0; s < count; s++) {
			sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(weights + ((<usize>s) << 2)), loadPart(at, left)));
			at += step;
		}
		storePart(to + ((<usize>i) << 2), sum, left);
	}
}

/**
 * softmax(q·Kᵀ)·V of one query for each row, [rows, H·headDim], over the slots 0 to `last[row]` of its cache. `qkv` has rows
 * [H queries | KV keys | KV values] of `headDim` numbers each, queries scaled; a slot of `cache` [rows, slots] has [KV keys | KV values].
 * `scratch` holds `slots` numbers.
 */
export function cacheAttention(
	out: usize,
	qkv: usize,
	cache: usize,
	last: usize,
	rows: i32,
	slots: i32,
	heads: i32,
	keyValueHeads: i32,
	headDim: i32,
	scratch: usize,
): void {
	const head = (<usize>headDim) << 2;
	const slot = <usize>(2 * keyValueHeads) * head;
	for (; rows > 0; rows--) {
		const seen = load<i32>(last) + 1;
		for (let h = 0; h < heads; h++) {
			const keys = cache + <usize>(h / (heads / keyValueHeads)) * head;
			for (let s = 0; s < seen; s++) store<f32>(scratch + ((<usize>s) << 2), dot(qkv, keys + <usize>s * slot, headDim));
			softmax(scratch, seen, 0, 0, seen);
			weightedSum(out, scratch, keys + <usize>keyValueHeads * head, slot, seen, headDim);
			qkv += head;
			out += head;
		}
		qkv += slot;
		cache += <usize>slots * slot;
		last += 4;
	}
}
