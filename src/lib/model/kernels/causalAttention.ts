import * as tf from '@tensorflow/tfjs-core';

import { attend, spanMask } from '../attention';
import { bucketLength } from '../batch';
import { longestSpan, type Span } from '../packing';
import {
	type AttentionSettings,
	gradientTiles,
	outputTiles,
	scoreTiles,
	sizesOf,
	SOFTMAX,
	SOFTMAX_GRADIENT,
	softmaxRows,
} from './causalAttentionPrograms';
import { hasKernel, type KernelArguments, runKernel } from './launch';
import type { HeadLayout } from './rotateHeads';
import { selectRows } from './selectRows';

export const FORWARD = 'ConscienceLabCausalAttention';
export const BACKWARD = 'ConscienceLabCausalAttentionGradient';

/** The spans of a batch as attention reads them, made once for all layers. */
export interface AttentionSpans {
	/** [S, 4] int32: `first`, `length`, `holeStart` and `holeEnd` of each span. Some at the end may be empty. */
	table: tf.Tensor2D;
	/** L: no span is longer. */
	longest: number;
	/** For the composed operations, which work on [S, L] rows; null where a kernel does the work. */
	padded: PaddedSpans | null;
}

interface PaddedSpans {
	/** [S·L] int32: the row of the batch at each place; past a span's end it is the span's last row once more. */
	rows: tf.Tensor1D;
	/** [N] int32: the place of each row of the batch. */
	places: tf.Tensor1D;
	mask: tf.Tensor4D; // [S, 1, L, L]
}

/** Numbers of spans and widths of scores are rounded up, because buffers come in few sizes (see batch.ts). What is past a span costs next to nothing. */
const SPANS_STEP = 8;
const WIDTH_STEP = 64;

/** Puts the spans of a packed batch on the backend. */
export function attentionSpans(spans: readonly Span[]): AttentionSpans {
	const longest = longestSpan(spans);
	const table = new Int32Array(4 * roundUp(spans.length, SPANS_STEP));
	spans.forEach(({ first, length, holeStart, holeEnd }, s) => table.set([first, length, holeStart, holeEnd], 4 * s));
	return {
		table: tf.tensor2d(table, [table.length / 4, 4], 'int32'),
		longest: roundUp(longest, WIDTH_STEP),
		padded: hasKernel(FORWARD) ? null : padSpans(spans, bucketLength(longest)),
	};
}

function padSpans(spans: readonly Span[], L: number): PaddedSpans {
	const rows = spans.flatMap(({ first, length }) => Array.from({ length: L }, (_, t) => first + Math.min(t, length - 1)));
	const places = spans.flatMap(({ length }, s) => Array.from({ length }, (_, t) => s * L + t));
	return { rows: tf.tensor1d(rows, 'int32'), places: tf.tensor1d(places, 'int32'), mask: spanMask(spans, L) };
}

const roundUp = (value: number, step: number) => Math.ceil(value / step) * step;

/**
 * softmax(Q·Kᵀ)·V, causal and grouped, within each span of `qkv` [N, (H + 2·KV)·headDim] as `rotateHeads` leaves it: [N, H·headDim].
 * What lies above the diagonal is neither computed nor read.
 */
export function causalAttention(qkv: tf.Tensor2D, spans: AttentionSpans, layout: HeadLayout): tf.Tensor2D {
	if (!spans.padded) {
		const inputs = { qkv, spans: spans.table };
		const [out] = runKernel(FORWARD, inputs, { ...layout, longest: spans.longest }) as unknown as tf.Tensor2D[];
		return out!;
	}
	return composed(qkv, spans.padded, layout);
}

function composed(
	qkv: tf.Tensor2D,
	{ rows, places, mask }: PaddedSpans,
	{ heads: H, keyValueHeads: KV, headDim }: HeadLayout,
): tf.Tensor2D {
	const [S, , L] = mask.shape;
	const split = tf.split(selectRows(qkv, rows), [H * headDim, KV * headDim, KV * headDim], 1);
	const [q, k, v] = split.map((x) => {
		const byHead = tf.transpose(tf.reshape(x, [S, L, x.shape[1]! / headDim, headDim]), [0, 2, 1, 3]);
		return tf.reshape<tf.Rank.R3>(byHead, [S * KV, -1, headDim]);
	}) as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];
	const attended = tf.transpose(tf.reshape(attend(q, k, v, mask), [S, H, L, headDim]), [0, 2, 1, 3]);
	return selectRows(tf.reshape<tf.Rank.R2>(attended, [S * L, H * headDim]), places);
}

/** The kernels, with `lanes` invocations a row of the softmax. */
export function causalAttentionKernels(lanes: number): Record<string, tf.KernelFunc> {
	const forward = ({ inputs: { qkv, spans }, backend, attrs }: KernelArguments<'qkv' | 'spans', AttentionSettings>) => {
		const size = sizesOf(qkv, spans, attrs);
		const scores = scoreTiles(backend, 'attentionScores', { left: qkv, qkv, spans }, size, {
			left: { from: 'left', lane: (i) => `(first + ${i}) * WIDTH + h * D`, step: (k) => k },
			right: { from: 'qkv', lane: (i) => `(first + ${i}) * WIDTH + keys`, step: (k) => k },
		});
		const weights = softmaxRows(backend, 'attentionSoftmax', { scores, spans }, size, lanes, SOFTMAX(lanes));
		backend.disposeData(scores.dataId);
		return [outputTiles(backend, { weights, qkv, spans }, size), weights];
	};
	const backward = ({ inputs, backend, attrs }: KernelArguments<'qkv' | 'spans' | 'weights' | 'dy', AttentionSettings>) => {
		const { qkv, spans, weights, dy } = inputs;
		const size = sizesOf(qkv, spans, attrs);
		const dWeights = scoreTiles(backend, 'attentionWeightGradient', { left: dy, qkv, spans }, size, {
			left: { from: 'left', lane: (i) => `(first + ${i}) * H * D + h * D`, step: (k) => k },
			right: { from: 'qkv', lane: (i) => `(first + ${i}) * WIDTH + values`, step: (k) => k },
		});
		const dScores = softmaxRows(backend, 'attentionSoftmaxGradient', { weights, dWeights, spans }, size, lanes, SOFTMAX_GRADIENT(lanes));
		backend.disposeData(dWeights.dataId);
		const dQkv = gradientTiles(backend, { ...inputs, dScores }, size);
		backend.disposeData(dScores.dataId);
		return dQkv;
	};
	return { [FORWARD]: forward as unknown as tf.KernelFunc, [BACKWARD]: backward as unknown as tf.KernelFunc };
}

if (!tf.getGradient(FORWARD))
	tf.registerGradient({
		kernelName: FORWARD,
		inputsToSave: ['qkv', 'spans'],
		outputsToSave: [false, true],
		gradFunc: (dys, saved, attrs) => {
			const [qkv, spans, weights] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
			const [dy] = dys as tf.Tensor[];
			return { qkv: () => runKernel(BACKWARD, { qkv, spans, weights, dy: dy! }, attrs) };
		},
	});
