/**
 * eˣ of four numbers to 2 units in the last place, for −87 ≤ x ≤ 88 (what is outside counts as the nearer end): 2ⁿ·eʳ with
 * |r| ≤ ln 2 / 2, and the series of eʳ to r⁷, whose rest is below 6e-9.
 */
export function exponential(x: v128): v128 {
	x = f32x4.pmin(f32x4.pmax(x, f32x4.splat(-87)), f32x4.splat(88));
	// Beside 1.5·2²³ there is no room for a fraction: adding it rounds, and leaves n in the lowest bits.
	const shifted = f32x4.add(f32x4.mul(x, f32x4.splat(1.44269504)), f32x4.splat(12582912));
	const n = f32x4.sub(shifted, f32x4.splat(12582912));
	// ln 2 in two parts: the first has few bits, so that n times it is exact
	const r = f32x4.sub(f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375))), f32x4.mul(n, f32x4.splat(-2.1219444e-4)));
	let series = f32x4.splat(1.0 / 5040);
	series = f32x4.add(f32x4.mul(series, r), f32x4.splat(1.0 / 720));
	series = f32x4.add(f32x4.mul(series, r), f32x4.splat(1.0 / 120));
	series = f32x4.add(f32x4.mul(series, r), f32x4.splat(1.0 / 24));
	series = f32x4.add(f32x4.mul(series, r), f32x4.splat(1.0 / 6));
	series = f32x4.add(f32x4.mul(series, r), f32x4.splat(0.5));
	series = f32x4.add(f32x4.mul(series, r), f32x4.splat(1));
	series = f32x4.add(f32x4.mul(series, r), f32x4.splat(1));
	const power = i32x4.shl(i32x4.add(shifted, i32x4.splat(127)), 23);
	return f32x4.mul(series, power);
}

/** 1 / (1 + e⁻ˣ) of four numbers. */
export function sigmoid(x: v128): v128 {
	const one = f32x4.splat(1);
	return f32x4.div(one, f32x4.add(one, exponential(f32x4.neg(x))));
}

/**
 * ln x of a number from 1 up, to 1e-12: of x = m·2ⁿ with √½ ≤ m < √2 it is n·ln 2 + 2·artanh z for z = (m − 1) / (m + 1), |z| < 0.172.
 * (AssemblyScript's own has a table, which would lie in the memory of tfjs.)
 */
export function logarithm(x: f64): f64 {
	const bits = reinterpret<u64>(x);
	let n = <i32>((bits >> 52) & 0x7ff) - 1023;
	let m = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
	if (m >= 1.4142135623730951) {
		m *= 0.5;
		n++;
	}
	const z = (m - 1) / (m + 1);
	const square = z * z;
	let series: f64 = 0;
	for (let k = 15; k > 0; k -= 2) series = series * square + 1 / <f64>k;
	return <f64>n * 0.6931471805599453 + 2 * z * series;
}
