import { loadPart, storePart } from './vectors';

/** √Σx². */
export function norm(out: usize, x: usize, size: i32): void {
	let sum: f64 = 0;
	for (let i = 0; i < size; i++) {
		const value = <f64>load<f32>(x + ((<usize>i) << 2));
		sum += value * value;
	}
	store<f32>(out, <f32>sqrt<f64>(sum));
}

/** β·x + share·gᵖ for p = 1 or 2, and g the gradient scaled down to `clipNorm` where its norm is above; 0 = never. */
export function moment(
	out: usize,
	x: usize,
	gradient: usize,
	gradientNorm: usize,
	size: i32,
	beta: f32,
	share: f32,
	isSquared: bool,
	clipNorm: f32,
): void {
	const clip = clipNorm > 0 ? min<f32>(1, clipNorm / (load<f32>(gradientNorm) + 1e-6)) : 1;
	for (let i = 0; i < size; i += 4) {
		const at = (<usize>i) << 2;
		const g = f32x4.mul(loadPart(gradient + at, size - i), f32x4.splat(clip));
		const power = isSquared ? f32x4.mul(g, g) : g;
		const value = f32x4.add(f32x4.mul(loadPart(x + at, size - i), f32x4.splat(beta)), f32x4.mul(power, f32x4.splat(share)));
		storePart(out + at, value, size - i);
	}
}

/** x·(1 − decay) − rate·m / (√v / rootCorrection + ε). */
export function update(
	out: usize,
	x: usize,
	m: usize,
	v: usize,
	size: i32,
	decay: f32,
	rate: f32,
	rootCorrection: f32,
	epsilon: f32,
): void {
	for (let i = 0; i < size; i += 4) {
		const at = (<usize>i) << 2;
		const left = size - i;
		const denominator = f32x4.add(f32x4.div(f32x4.sqrt(loadPart(v + at, left)), f32x4.splat(rootCorrection)), f32x4.splat(epsilon));
		const change = f32x4.div(f32x4.mul(loadPart(m + at, left), f32x4.splat(rate)), denominator);
		storePart(out + at, f32x4.sub(f32x4.mul(loadPart(x + at, left), f32x4.splat(1 - decay)), change), left);
	}
}
