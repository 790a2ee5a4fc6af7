import { sigmoid } from './exponential';
import { loadPart, storePart, total } from './vectors';

/** x / √(mean(x²) + ε) · w of each row. */
export function rmsNorm(out: usize, x: usize, weight: usize, rows: i32, width: i32, eps: f32): void {
	const step = (<usize>width) << 2;
	for (let row = 0; row < rows; row++) {
		let squares = f32x4.splat(0);
		for (let i = 0; i < width; i += 4) {
			const value = loadPart(x + ((<usize>i) << 2), width - i);
			squares = f32x4.add(squares, f32x4.mul(value, value));
		}
		const scale = f32x4.splat(<f32>1 / sqrt<f32>(total(squares) / <f32>width + eps));
		for (let i = 0; i < width; i += 4) {
			const at = (<usize>i) << 2;
			const left = width - i;
			storePart(out + at, f32x4.mul(f32x4.mul(loadPart(x + at, left), scale), loadPart(weight + at, left)), left);
		}
		x += step;
		out += step;
	}
}

/** dx = s·(w⊙dy − x·s²·mean(x⊙w⊙dy)) for s = 1/√(mean(x²) + ε). */
export function rmsNormGradient(out: usize, x: usize, weight: usize, dy: usize, rows: i32, width: i32, eps: f32): void {
	const step = (<usize>width) << 2;
	for (let row = 0; row < rows; row++) {
		let squares = f32x4.splat(0);
		let products = f32x4.splat(0);
		for (let i = 0; i < width; i += 4) {
			const at = (<usize>i) << 2;
			const left = width - i;
			const value = loadPart(x + at, left);
			squares = f32x4.add(squares, f32x4.mul(value, value));
			products = f32x4.add(products, f32x4.mul(f32x4.mul(value, loadPart(weight + at, left)), loadPart(dy + at, left)));
		}
		const scale: f32 = <f32>1 / sqrt<f32>(total(squares) / <f32>width + eps);
		const shift = f32x4.splat((total(products) / <f32>width) * scale * scale);
		for (let i = 0; i < width; i += 4) {
			const at = (<usize>i) << 2;
			const left = width - i;
			const weighted = f32x4.mul(loadPart(weight + at, left), loadPart(dy + at, left));
			storePart(out + at, f32x4.mul(f32x4.splat(scale), f32x4.sub(weighted, f32x4.mul(loadPart(x + at, left), shift))), left);
		}
		x += step;
		dy += step;
		out += step;
	}
}

/** silu(gate) ⊙ up of rows [gate | up], `width` numbers each. */
export function swiglu(out: usize, gateUp: usize, rows: i32, width: i32): void {
	const step = (<usize>width) << 2;
	for (let row = 0; row < rows; row++) {
		for (let i = 0; i < width; i += 4) {
			const at = (<usize>i) << 2;
			const left = width - i;
			const gate = loadPart(gateUp + at, left);
			storePart(out + at, f32x4.mul(f32x4.mul(gate, sigmoid(gate)), loadPart(gateUp + step + at, left)), left);
		}
		gateUp += 2 * step;
		out += step;
	}
}

/** d gate = dy·up·σ·(1 + gate·(1 − σ)) and d up = dy·gate·σ, side by side. */
export function swigluGradient(out: usize, gateUp: usize, dy: usize, rows: i32, width: i32): void {
	const step = (<usize>width) << 2;
	const one = f32x4.splat(1);
	for (let row = 0; row < rows; row++) {
		for (let i = 0; i < width; i += 4) {
			const at = (<usize>i) << 2;
			const left = width - i;
			const gate = loadPart(gateUp + at, left);
			const up = loadPart(gateUp + step + at, left);
			const share = sigmoid(gate);
			const change = f32x4.mul(loadPart(dy + at, left), share);
			const slope = f32x4.add(one, f32x4.mul(gate, f32x4.sub(one, share)));
			storePart(out + at, f32x4.mul(f32x4.mul(change, up), slope), left);
			storePart(out + step + at, f32x4.mul(change, gate), left);
		}
		gateUp += 2 * step;
		out += 2 * step;
		dy += step;
	}
}

/**
 * Turns the `turned` heads of each row of `heads` by the angles of its place, and multiplies the first `queries` of them by `scale`;
 * the rest is copied. `direction` −1 turns back. The angles are those of `times` places, which repeat.
 */
export function rotateHeads(
	out: usize,
	qkv: usize,
	cos: usize,
	sin: usize,
	rows: i32,
	heads: i32,
	queries: i32,
	turned: i32,
	headDim: i32,
	times: i32,
	direction: f32,
	scale: f32,
): void {
	const half = headDim >> 1;
	const across = (<usize>half) << 2;
	for (let row = 0; row < rows; row++) {
		const angle = <usize>(row % times) * (across << 1);
		for (let head = 0; head < heads; head++) {
			if (head < turned) {
				const factor = f32x4.splat(head < queries ? scale : 1);
				const turn = f32x4.splat(direction);
				for (let i = 0; i < half; i += 4) {
					const at = (<usize>i) << 2;
					const left = half - i;
					const first = loadPart(qkv + at, left);
					const second = loadPart(qkv + across + at, left);
					const firstSin = f32x4.mul(loadPart(sin + angle + at, left), turn);
					const secondSin = f32x4.mul(loadPart(sin + angle + across + at, left), turn);
					const firstOut = f32x4.sub(f32x4.mul(first, loadPart(cos + angle + at, left)), f32x4.mul(second, firstSin));
					const secondOut = f32x4.add(f32x4.mul(second, loadPart(cos + angle + across + at, left)), f32x4.mul(first, secondSin));
					storePart(out + at, f32x4.mul(firstOut, factor), left);
					storePart(out + across + at, f32x4.mul(secondOut, factor), left);
				}
			} else {
				for (let i = 0; i < headDim; i += 4) {
					const at = (<usize>i) << 2;
					storePart(out + at, loadPart(qkv + at, headDim - i), headDim - i);
				}
			}
			qkv += 2 * across;
			out += 2 * across;
		}
	}
}
