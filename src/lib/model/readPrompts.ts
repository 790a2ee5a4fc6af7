import * as tf from '@tensorflow/tfjs-core';

import { bucketRows, LENGTH_STEP } from './batch';
import { decodeRows, embedded } from './decoder';
import { attentionSpans, causalAttention } from './kernels/causalAttention';
import { rotateHeads } from './kernels/rotateHeads';
import { packTokens, type Span } from './packing';
import { rotaryTable } from './rope';
import type { Model } from './weights';

type Prompts = readonly (readonly number[])[];

/**
 * The hidden state of each prompt's last token, [B, D] after the final norm: all that the next token depends on. `keep` is shown every
 * layer's queries, keys and values of the prompts as they lie end to end, [bucketRows of all tokens, (H + 2·KV)·headDim].
 * What all prompts begin with goes through the layers once, and attention, a small part of the work, sees it before each rest.
 * No adapter: merge it first.
 */
export function readPrompts(model: Model, prompts: Prompts, keep?: (layer: number, qkv: tf.Tensor2D) => void): tf.Tensor2D {
	return tf.tidy(() => {
		const { ids, positions, spans } = packTokens(prompts.map((stem) => ({ stem, branches: [] })));
		const table = attentionSpans(spans);
		const { rows, places } = foldStem(prompts, spans);
		const [folded, unfolded] = [tf.tensor1d(rows, 'int32'), tf.tensor1d(places, 'int32')];
		const read = (numbers: Int32Array) => rows.map((row) => numbers[row]!);
		const angles = rotaryTable(model.config, read(positions), [1, rows.length]);
		return decodeRows(model, embedded(model, tf.tensor1d(read(ids), 'int32')), {
			wanted: tf.tensor1d(Int32Array.from(prompts, ({ length }, i) => places[spans[i]!.first + length - 1]!)),
			attention(layer, qkv, layout) {
				const whole: tf.Tensor2D = tf.gather(rotateHeads(qkv, angles, layout), unfolded);
				keep?.(layer, whole);
				return tf.gather(causalAttention(whole, table, layout), folded);
			},
		});
	});
}

/** Which `rows` of the packed prompts are read, the common stem being the first prompt's, and for each packed row its place among them. */
function foldStem(prompts: Prompts, spans: readonly Span[]): { rows: Int32Array; places: Int32Array } {
	const stem = commonLength(prompts);
	const { first, length } = spans.at(-1)!;
	const places = new Int32Array(first + length); // what fills up the rows is row 0 once more
	const read: number[] = [];
	prompts.forEach(({ length }, i) => {
		for (let t = 0; t < length; t++) {
			const row = spans[i]!.first + t;
			places[row] = i > 0 && t < stem ? t : read.push(row) - 1;
		}
	});
	const rows = new Int32Array(bucketRows(read.length, LENGTH_STEP));
	rows.set(read);
	return { rows, places };
}

/** How many tokens all prompts share at their start, and not the last of any, which has to be read. */
function commonLength(prompts: Prompts): number {
	const [first, ...others] = prompts;
	return others.reduce((most, prompt) => {
		let length = 0;
		while (length < Math.min(most, prompt.length - 1) && prompt[length] === first![length]) length++;
		return length;
	}, first!.length - 1);
}
