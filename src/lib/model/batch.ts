/** The webgpu backend keeps a pool of buffers for each exact size and never gives one back, so lengths come in few sizes. */
export const LENGTH_STEP = 16;

/** The padded length for sequences of up to `length` tokens. */
export function bucketLength(length: number): number {
	return Math.ceil(length / LENGTH_STEP) * LENGTH_STEP;
}

/** The number of rows for `rows` packed tokens: a multiple of `least`, or where they are many, of an eighth of a power of two. */
export function bucketRows(rows: number, least = 64): number {
	const step = Math.max(least, 2 ** (Math.floor(Math.log2(rows)) - 3));
	return Math.ceil(rows / step) * step;
}
