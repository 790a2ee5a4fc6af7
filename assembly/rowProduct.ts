import { fourBytes, loadPart, steps, storePart } from './vectors';

/**
 * One term of a sum of products, as i32: its length K; where its left side [M, K] is, the numbers from one row of memory to the
 * next, and whether it lies there transposed, [K, M]; the same of its right side, [K, N] or [N, K]. Last, of a right side of 8-bit integers,
 * where the largest absolute values of its columns are, or transposed of its rows: a number is its byte / 127 times that; 0 = it is of f32.
 */
export const TERM_BYTES: usize = 32;
/** Columns whose sums fit the registers. */
const WIDE: i32 = 32;

/** Writes scale·sum (+ bias) (+ residual) to `left` columns, four at most. */
function finish(sum: v128, offset: usize, left: i32, out: usize, scale: f32, bias: usize, residual: usize): void {
	let value = f32x4.mul(sum, f32x4.splat(scale));
	if (bias) value = f32x4.add(value, loadPart(bias + offset, left));
	if (residual) value = f32x4.add(value, loadPart(residual + offset, left));
	storePart(out + offset, value, left);
}

/** One row of `product`, of terms that are not transposed: the right sides are read as they lie. */
export function multiplyRow(out: usize, row: i32, N: i32, terms: usize, count: i32, scale: f32, bias: usize, residual: usize): void {
	let column = 0;
	for (; column + WIDE <= N; column += WIDE) {
		let s0 = f32x4.splat(0);
		let s1 = s0;
		let s2 = s0;
		let s3 = s0;
		let s4 = s0;
		let s5 = s0;
		let s6 = s0;
		let s7 = s0;
		for (let i = 0; i < count; i++) {
			const term = terms + <usize>i * TERM_BYTES;
			const step = (<usize>load<i32>(term, 20)) << 2;
			let left = <usize>load<i32>(term, 4) + ((<usize>row * <usize>load<i32>(term, 8)) << 2);
			const largest = <usize>load<i32>(term, 28);
			if (largest) {
				// the first of its terms: what follows is added to its sums as they are scaled
				let bytes = <usize>load<i32>(term, 16) + <usize>column;
				for (let k = load<i32>(term); k > 0; k--) {
					const l = v128.load32_splat(left);
					s0 = f32x4.add(s0, f32x4.mul(l, fourBytes(bytes)));
					s1 = f32x4.add(s1, f32x4.mul(l, fourBytes(bytes + 4)));
					s2 = f32x4.add(s2, f32x4.mul(l, fourBytes(bytes + 8)));
					s3 = f32x4.add(s3, f32x4.mul(l, fourBytes(bytes + 12)));
					s4 = f32x4.add(s4, f32x4.mul(l, fourBytes(bytes + 16)));
					s5 = f32x4.add(s5, f32x4.mul(l, fourBytes(bytes + 20)));
					s6 = f32x4.add(s6, f32x4.mul(l, fourBytes(bytes + 24)));
					s7 = f32x4.add(s7, f32x4.mul(l, fourBytes(bytes + 28)));
					left += 4;
					bytes += step;
				}
				const at = largest + ((<usize>column) << 2);
				s0 = f32x4.mul(s0, steps(at, 4));
				s1 = f32x4.mul(s1, steps(at + 16, 4));
				s2 = f32x4.mul(s2, steps(at + 32, 4));
				s3 = f32x4.mul(s3, steps(at + 48, 4));
				s4 = f32x4.mul(s4, steps(at + 64, 4));
				s5 = f32x4.mul(s5, steps(at + 80, 4));
				s6 = f32x4.mul(s6, steps(at + 96, 4));
				s7 = f32x4.mul(s7, steps(at + 112, 4));
				continue;
			}
			let right = <usize>load<i32>(term, 16) + ((<usize>column) << 2);
			for (let k = load<i32>(term); k > 0; k--) {
				const l = v128.load32_splat(left);
				s0 = f32x4.add(s0, f32x4.mul(l, v128.load(right)));
				s1 = f32x4.add(s1, f32x4.mul(l, v128.load(right, 16)));
				s2 = f32x4.add(s2, f32x4.mul(l, v128.load(right, 32)));
				s3 = f32x4.add(s3, f32x4.mul(l, v128.load(right, 48)));
				s4 = f32x4.add(s4, f32x4.mul(l, v128.load(right, 64)));
				s5 = f32x4.add(s5, f32x4.mul(l, v128.load(right, 80)));
				s6 = f32x4.add(s6, f32x4.mul(l, v128.load(right, 96)));
				s7 = f32x4.add(s7, f32x4.mul(l, v128.load(right, 112)));
				left += 4;
				right += step;
			}
		}
		const offset = (<usize>column) << 2;
		finish(s0, offset, 4, out, scale, bias, residual);
		finish(s1, offset + 16, 4, out, scale, bias, residual);
		finish(s2, offset + 32, 4, out, scale, bias, residual);
		finish(s3, offset + 48, 4, out, scale, bias, residual);
		finish(s4, offset + 64, 4, out, scale, bias, residual);
		finish(s5, offset + 80, 4, out, scale, bias, residual);
		finish(s6, offset + 96, 4, out, scale, bias, residual);
		finish(s7, offset + 112, 4, out, scale, bias, residual);
	}
	for (; column < N; column += 4) {
		const columns = N - column;
		let sum = f32x4.splat(0);
		for (let i = 0; i < count; i++) {
			const term = terms + <usize>i * TERM_BYTES;
			const step = (<usize>load<i32>(term, 20)) << 2;
			let left = <usize>load<i32>(term, 4) + ((<usize>row * <usize>load<i32>(term, 8)) << 2);
			const largest = <usize>load<i32>(term, 28);
			if (largest) {
				let bytes = <usize>load<i32>(term, 16) + <usize>column;
				for (let k = load<i32>(term); k > 0; k--) {
					sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(left), fourBytes(bytes)));
					left += 4;
					bytes += step;
				}
				sum = f32x4.mul(sum, steps(largest + ((<usize>column) << 2), columns));
				continue;
			}
			let right = <usize>load<i32>(term, 16) + ((<usize>column) << 2);
			for (let k = load<i32>(term); k > 0; k--) {
				sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(left), loadPart(right, columns)));
				left += 4;
				right += step;
			}
		}
		finish(sum, (<usize>column) << 2, columns, out, scale, bias, residual);
	}
}
