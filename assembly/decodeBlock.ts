import { cacheAttention } from './cacheAttention';
import { product } from './product';
import { TERM_BYTES } from './rowProduct';
import { rmsNorm, swiglu } from './rows';

/** Address number `index` of a layer; 0 where it has no such weights. */
function weights(layer: usize, index: i32): usize {
	return <usize>load<i32>(layer + ((<usize>index) << 2));
}

/** to [rows, width] = left [rows, inputs] · kernel [inputs, width] (+ bias) (+ residual), its rows `step` numbers apart. */
function linear(
	to: usize,
	step: i32,
	left: usize,
	rows: i32,
	inputs: i32,
	kernel: usize,
	width: i32,
	bias: usize,
	residual: usize,
	scratch: usize,
): void {
	store<i32>(scratch, inputs);
	store<i32>(scratch, <i32>left, 4);
	store<i32>(scratch, inputs, 8);
	store<i32>(scratch, 0, 12);
	store<i32>(scratch, <i32>kernel, 16);
	store<i32>(scratch, width, 20);
	store<i32>(scratch, 0, 24);
	store<i32>(scratch, 0, 28);
	product(to, step, rows, width, scratch, 1, 1, bias, residual, scratch + TERM_BYTES);
}

/**
 * One block of the decoder over one token a row, in place: x [rows, hidden]. `layer` has the addresses of: the norm before attention, the kernels of
 * q, k and v, their biases, the norms of the heads of q and of k, the cache, the kernel of o and its bias, the norm before the rest, the kernels
 * of gate, up and down, what the model is steered by. Angles, progress and cache are those of `cacheAttention`. `scratch` holds rows · (hidden + 2·H·headDim + 2·KV·headDim +
 * 3·intermediate) numbers, and then what a product needs and a term, or what `cacheAttention` needs if that is more.
 */
export function decodeBlock(
	x: usize,
	layer: usize,
	progress: usize,
	progressWidth: i32,
	cos: usize,
	sin: usize,
	rows: i32,
	hidden: i32,
	intermediate: i32,
	slots: i32,
	heads: i32,
	keyValueHeads: i32,
	headDim: i32,
	eps: f32,
	scratch: usize,
): void {
	const queries = heads * headDim;
	const keys = keyValueHeads * headDim;
	const width = queries + 2 * keys;
	const normed = scratch;
	const qkv = normed + ((<usize>(rows * hidden)) << 2);
	const attended = qkv + ((<usize>(rows * width)) << 2);
	const gateUp = attended + ((<usize>(rows * queries)) << 2);
	const active = gateUp + ((<usize>(2 * rows * intermediate)) << 2);
	const rest = active + ((<usize>(rows * intermediate)) << 2);

	rmsNorm(normed, x, weights(layer, 0), rows, hidden, eps);
	const toKeys = (<usize>queries) << 2;
	const toValues = (<usize>(queries + keys)) << 2;
	linear(qkv, width, normed, rows, hidden, weights(layer, 1), queries, weights(layer, 4), 0, rest);
	linear(qkv + toKeys, width, normed, rows, hidden, weights(layer, 2), keys, weights(layer, 5), 0, rest);
	linear(qkv + toValues, width, normed, rows, hidden, weights(layer, 3), keys, weights(layer, 6), 0, rest);
	if (weights(layer, 7)) {
		for (let row = 0; row < rows; row++) {
			const at = qkv + ((<usize>(row * width)) << 2);
			rmsNorm(at, at, weights(layer, 7), heads, headDim, eps);
			rmsNorm(at + toKeys, at + toKeys, weights(layer, 8), keyValueHeads, headDim, eps);
		}
	}
	const scale: f32 = <f32>1 / sqrt<f32>(<f32>headDim);
	const cache = weights(layer, 9);
	cacheAttention(attended, qkv, cache, progress, progressWidth, cos, sin, rows, slots, heads, keyValueHeads, headDim, scale, rest);
	linear(x, hidden, attended, rows, queries, weights(layer, 10), hidden, weights(layer, 11), x, rest);

	rmsNorm(normed, x, weights(layer, 12), rows, hidden, eps);
	const toUp = (<usize>intermediate) << 2;
	linear(gateUp, 2 * intermediate, normed, rows, hidden, weights(layer, 13), intermediate, 0, 0, rest);
	linear(gateUp + toUp, 2 * intermediate, normed, rows, hidden, weights(layer, 14), intermediate, 0, 0, rest);
	swiglu(active, gateUp, rows, intermediate);
	linear(x, hidden, active, rows, intermediate, weights(layer, 15), hidden, weights(layer, 16), x, rest);
}
