import { softmax } from './attention';
import { rotateHeads } from './rows';
import { loadPart, storePart, total } from './vectors';

/** The product of two rows of `width` numbers. */
function dot(a: usize, b: usize, width: i32): f32 {
	let sum = f32x4.splat(0);
	let i = 0;
	for (; i + 4 <= width; i += 4) {
		sum = f32x4.add(sum, f32x4.mul(v128.load(a), v128.load(b)));
		a += 16;
		b += 16;
	}
	if (i < width) sum = f32x4.add(sum, f32x4.mul(loadPart(a, width - i), loadPart(b, width - i)));
	return total(sum);
}

/** to = Σ weights·rows, of `count` rows of `width` numbers, `step` bytes apart; sixteen numbers at a time, which is a line of the processor's cache. */
function weightedSum(to: usize, weights: usize, rows: usize, step: usize, count: i32, width: i32): void {
	for (; width >= 16; width -= 16) {
		let at = rows;
		let s0 = f32x4.splat(0);
		let s1 = s0;
		let s2 = s0;
		let s3 = s0;
		for (let s = 0; s < count; s++) {
			const weight = v128.load32_splat(weights + ((<usize>s) << 2));
			s0 = f32x4.add(s0, f32x4.mul(weight, v128.load(at)));
			s1 = f32x4.add(s1, f32x4.mul(weight, v128.load(at, 16)));
			s2 = f32x4.add(s2, f32x4.mul(weight, v128.load(at, 32)));
			s3 = f32x4.add(s3, f32x4.mul(weight, v128.load(at, 48)));
			at += step;
		}
		v128.store(to, s0);
		v128.store(to, s1, 16);
		v128.store(to, s2, 32);
		v128.store(to, s3, 48);
		to += 64;
		rows += 64;
	}
	for (; width > 0; width -= 4) {
		let at = rows;
		let sum = f32x4.splat(0);
		for (let s = 0; s < count; s++) {
			sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(weights + ((<usize>s) << 2)), loadPart(at, width)));
			at += step;
		}
		storePart(to, sum, width);
		to += 16;
		rows += 16;
	}
}

/**
 * softmax(q·Kᵀ)·V of one token for each row, [rows, H·headDim], over the slots of its part of `cache` up to its own, into which its key and
 * value are put first. `qkv` has rows [H queries | KV keys | KV values] of `headDim` numbers each; a slot of `cache` [rows, slots] has
 * [KV keys | KV values]. Its own slot is the sum, less one, of the first two of each row's `progressWidth` whole numbers; `cos` and `sin` are
 * the angles of all slots. `scratch` holds a row of `qkv` and `slots` numbers.
 */
export function cacheAttention(
	out: usize,
	qkv: usize,
	cache: usize,
	progress: usize,
	progressWidth: i32,
	cos: usize,
	sin: usize,
	rows: i32,
	slots: i32,
	heads: i32,
	keyValueHeads: i32,
	headDim: i32,
	scale: f32,
	scratch: usize,
): void {
	const head = (<usize>headDim) << 2;
	const slot = <usize>(2 * keyValueHeads) * head;
	const queries = <usize>heads * head;
	const weights = scratch + queries + slot;
	for (; rows > 0; rows--) {
		const own = load<i32>(progress) + load<i32>(progress, 4) - 1;
		const angle = <usize>own * head;
		rotateHeads(scratch, qkv, cos + angle, sin + angle, 1, heads + 2 * keyValueHeads, heads, heads + keyValueHeads, headDim, 1, 1, scale);
		memory.copy(cache + <usize>own * slot, scratch + queries, slot);
		for (let h = 0; h < heads; h++) {
			const query = scratch + <usize>h * head;
			const keys = cache + <usize>(h / (heads / keyValueHeads)) * head;
			for (let s = 0; s <= own; s++) store<f32>(weights + ((<usize>s) << 2), dot(query, keys + <usize>s * slot, headDim));
			softmax(weights, own + 1, 0, 0, own + 1);
			weightedSum(out, weights, keys + <usize>keyValueHeads * head, slot, own + 1, headDim);
			out += head;
		}
		qkv += queries + slot;
		cache += <usize>slots * slot;
		progress += (<usize>progressWidth) << 2;
	}
}
