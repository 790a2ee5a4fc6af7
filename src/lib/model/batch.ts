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

/** Most bytes of scores [rows, V] that are held at once; rows above it go through the head in chunks. */
export const SCORE_BYTES = 8 * 2 ** 20;

/** Rows of scores over a vocabulary of `V` in each of the equal chunks that `rows` are cut into: of another size, the last would take buffers of its own. */
export function scoreRows(rows: number, V: number): number {
	const most = Math.max(1, Math.floor(SCORE_BYTES / (4 * V)));
	let chunks = Math.ceil(rows / most);
	while (rows % chunks !== 0) chunks++;
	return rows / chunks;
}

/** What the caches of one batch of answers may take; more prompts than that run in several batches, one after the other. */
export const MAX_CACHE_BYTES = 2 ** 28;

/** Tokens that are read in one pass: enough to keep a backend busy, few enough to keep the attention scores small. */
export const READ_TOKENS = 4096;

/** Packed numbers that a product on WebAssembly should not exceed, and columns below which packing its left side anew would take too long. */
const PRODUCT_ROOM = 2 ** 20;
const LEAST_COLUMNS = 64;

/** Columns that are multiplied at once of a right side with so many rows: it is packed, and of a large one else all would be there once more. */
export function blockColumns(rows: number): number {
	return Math.max(LEAST_COLUMNS, 8 * Math.floor((PRODUCT_ROOM / rows - 4) / 8));
}
