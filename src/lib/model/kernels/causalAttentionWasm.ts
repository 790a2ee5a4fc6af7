import type * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

import { BACKWARD, FORWARD } from './causalAttention';
import type { AttentionSettings } from './causalAttentionPrograms';
import { compute, ranges, type WasmArguments, type WasmModule } from './wasmModule';

/** What one number of a query costs with each place of its span on one thread, in ns. */
const COST = 0.2;
const SPAN_BYTES = 16;

export function causalAttentionWasmKernels(lab: WasmModule): Record<string, tf.KernelFunc> {
	const forward = ({ inputs: { qkv, spans }, backend, attrs }: WasmArguments<'qkv' | 'spans', AttentionSettings>) => {
		const { heads, keyValueHeads, headDim, longest: L } = attrs;
		const rows = qkv.shape[0]!;
		checkSpans(spans, rows, L, backend);
		const weights = backend.makeOutput([heads, rows, L], 'float32');
		const sizes = [rows, L, heads, keyValueHeads, headDim];
		const room = 32 + 12 * Math.max(L, headDim) + 2 * (L + 8) * (headDim + 8);
		const out = compute(backend, [rows, heads * headDim], (out, at) =>
			lab.run(
				ranges(lab, spans.shape[0]!, costOf(spans, attrs, rows)).map(([from, count]) => {
					const numbers = [out, at(weights), at(qkv), at(spans) + SPAN_BYTES * from, count, ...sizes];
					return { kernel: 'attention', numbers, room };
				}),
			),
		);
		return [out, weights];
	};
	const backward = ({ inputs, backend, attrs }: WasmArguments<'qkv' | 'spans' | 'weights' | 'dy', AttentionSettings>) => {
		const { qkv, spans, weights, dy } = inputs;
		const { heads, keyValueHeads, headDim, longest: L } = attrs;
		const sizes = [qkv.shape[0]!, L, heads, keyValueHeads, headDim];
		const room = 32 + 4 * Math.max(L, headDim) + 4 * (L + 8) * (headDim + 8) + L * L;
		return compute(backend, qkv.shape, (out, at) =>
			lab.run(
				ranges(lab, spans.shape[0]!, costOf(spans, attrs, qkv.shape[0]!)).map(([from, count]) => {
					const numbers = [out, at(qkv), at(weights), at(dy), at(spans) + SPAN_BYTES * from, count, ...sizes];
					return { kernel: 'attentionGradient', numbers, room };
				}),
			),
		);
	};
	return { [FORWARD]: forward as unknown as tf.KernelFunc, [BACKWARD]: backward as unknown as tf.KernelFunc };
}

/** What a span takes on one thread, in ns: on average, as spans may be of any length. */
function costOf(spans: tf.TensorInfo, { heads, headDim, longest }: AttentionSettings, rows: number): number {
	return (COST * rows * longest * heads * headDim) / spans.shape[0]!;
}

/** Throws RangeError for a span outside the rows: the module would read and write in other tensors. */
function checkSpans(spans: tf.TensorInfo, rows: number, longest: number, backend: BackendWasm): void {
	const table = backend.typedArrayFromHeap(spans);
	for (let s = 0; s < table.length; s += 4) {
		const [first, length, holeStart, holeEnd] = table.subarray(s, s + 4) as unknown as [number, number, number, number];
		if (first >= 0 && length >= 0 && length <= longest && first + length <= rows && holeStart >= 0 && holeEnd <= length) continue;
		throw new RangeError(
			`causalAttention: span ${s / 4} is of ${length} rows from ${first} with a hole from ${holeStart} to ${holeEnd}; expected at most ${longest} of ${rows} rows, and the hole within them`,
		);
	}
}
