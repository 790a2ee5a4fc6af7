/**
 * What weights are stored as in fewer bits than float32: the two 16-bit floats of checkpoints, as bit patterns, and 8-bit integers.
 * F16 (IEEE 754 binary16): 1 sign, 5 exponent, 10 fraction bits. BF16: the upper half of an F32.
 */

/** As what frozen weights are kept. */
export const PRECISIONS = ['f32', 'f16', 'int8'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** The bytes that a frozen matrix of so many rows and columns takes as it is stored (see kernels/frozenMatrix.ts). */
export function matrixBytes(rows: number, columns: number, storage: Precision): number {
	if (storage === 'int8') return 4 * (rows * Math.ceil(columns / 4) + columns);
	return 4 * rows * (storage === 'f16' ? Math.ceil(columns / 2) : columns);
}

/** F16 bit patterns widened to F32; exact. */
export function float16ToFloat32(halves: Uint16Array): Float32Array {
	const values = new Float32Array(halves.length);
	const bits = new Uint32Array(values.buffer);
	for (let i = 0; i < halves.length; i++) {
		const half = halves[i]!;
		const sign = (half & 0x8000) << 16;
		const exponent = half & 0x7c00;
		const fraction = half & 0x03ff;
		if (exponent === 0x7c00) bits[i] = sign | 0x7f800000 | (fraction << 13);
		else if (exponent !== 0)
			bits[i] = sign | ((half & 0x7fff) * 2 ** 13 + 0x38000000); // 112 = 127 - 15 more in the exponent
		else values[i] = (sign === 0 ? 1 : -1) * fraction * 2 ** -24; // subnormal, and ±0
	}
	return values;
}

/** F32 rounded to the nearest F16, ties to even; beyond ±65520 it is infinite. */
export function float32ToFloat16(values: Float32Array): Uint16Array {
	const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
	const halves = new Uint16Array(values.length); // filled in a loop: Uint16Array.from makes a list first, which a large matrix has no room for
	for (let i = 0; i < halves.length; i++) {
		const magnitude = bits[i]! & 0x7fffffff;
		let half: number;
		if (magnitude > 0x7f800000)
			half = 0x7e00; // NaN stays NaN
		else if (magnitude >= 0x47800000)
			half = 0x7c00; // 2^16 and more
		else if (magnitude >= 0x38800000)
			half = (magnitude - 0x38000000 + 0x0fff + ((magnitude >>> 13) & 1)) >>> 13; // a carry into the exponent is right
		else half = roundHalfToEven(Math.abs(values[i]!) * 2 ** 24); // below 2^-14: in steps of 2^-24
		halves[i] = ((bits[i]! >>> 16) & 0x8000) | half;
	}
	return halves;
}

/** BF16 bit patterns widened to F32; exact. */
export function bfloat16ToFloat32(halves: Uint16Array): Float32Array {
	const values = new Float32Array(halves.length);
	const bits = new Uint32Array(values.buffer);
	for (let i = 0; i < halves.length; i++) bits[i] = halves[i]! << 16;
	return values;
}

/** F32 rounded to the nearest BF16, ties to even. */
export function float32ToBfloat16(values: Float32Array): Uint16Array {
	const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
	const halves = new Uint16Array(values.length);
	for (let i = 0; i < halves.length; i++) {
		const pattern = bits[i]!;
		const isNaN = (pattern & 0x7fffffff) > 0x7f800000;
		halves[i] = isNaN ? (pattern >>> 16) | 0x40 : (pattern + 0x7fff + ((pattern >>> 16) & 1)) >>> 16; // a NaN whose fraction is in the lower half stays NaN
	}
	return halves;
}

/**
 * Each row of `width` numbers as integers from −127 to 127 of its largest absolute value's 127ths, the nearest: x ≈ byte / 127 · largest.
 * Null where one of them is infinite or no number.
 */
export function float32ToInt8(values: Float32Array, width: number): { bytes: Int8Array; largest: Float32Array } | null {
	const bytes = new Int8Array(values.length);
	const largest = new Float32Array(values.length / width);
	for (let row = 0; row < largest.length; row++) {
		let most = 0;
		for (let i = row * width; i < (row + 1) * width; i++) {
			const size = Math.abs(values[i]!);
			if (!(size <= most)) most = size; // so that NaN is taken, too
			if (!(size < Infinity)) return null;
		}
		largest[row] = most;
		if (most === 0) continue;
		for (let i = row * width; i < (row + 1) * width; i++) bytes[i] = Math.round((values[i]! / most) * 127);
	}
	return { bytes, largest };
}

function roundHalfToEven(x: number): number {
	const floor = Math.floor(x);
	const rest = x - floor;
	return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
