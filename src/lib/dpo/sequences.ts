import * as tf from '@tensorflow/tfjs-core';

import { bucketRows } from '$lib/model/batch';
import { packTokens, type PackedTokens } from '$lib/model/packing';

/** A prompt and what follows it, as token ids. The completion ends with the stop token, which is learnt like any other. */
export interface TokenSequence {
	prompt: readonly number[];
	completion: readonly number[];
}

/** One prompt and the completions that follow it, each as if it were the only one. All items of a batch have equally many: one or two. */
export interface PromptCompletions {
	prompt: readonly number[];
	completions: readonly (readonly number[])[];
}

/**
 * Prompts and completions laid end to end, with the list of the positions that matter. A prompt is read once for all its completions.
 *
 * B = completions, M = number of completion tokens of the whole batch, filled up.
 * Only M rows of the hidden states meet the LM head: prompt tokens get no logits.
 */
export interface SequenceBatch {
	packed: PackedTokens;
	/** Which row's hidden state predicts each completion token. A prompt's last row predicts the first token of each of its completions. */
	rows: tf.Tensor1D; // [M] int32
	labels: tf.Tensor1D; // [M] int32
	/** 1 where completion token m belongs to completion b. What fills up belongs to none. */
	owner: tf.Tensor2D; // [B, M]
	lengths: tf.Tensor1D; // [B] tokens of each completion
	/** Prompt and completion tokens, a prompt once. */
	tokens: number;
	completionTokens: number;
}

/**
 * Packs prompts and completions to one batch; the caller disposes it with `disposeBatch`. B goes over the first completions of all
 * items, then over the second ones.
 * @throws RangeError for an empty batch, an empty prompt or completion, or a prompt and completion longer than `maxLength` tokens
 */
export function makeBatch(items: readonly PromptCompletions[], maxLength: number): SequenceBatch {
	if (items.length === 0) throw new RangeError('makeBatch: a batch needs at least one sequence');
	items.forEach((item, i) => checkItem(item, i, maxLength));
	// A completion's last token is predicted, and nothing is predicted from it: it needs no row.
	const read = (completion: readonly number[]) => completion.slice(0, -1);
	const packed = packTokens(items.map(({ prompt, completions }) => ({ stem: prompt, branches: completions.map(read) })));
	const B = items.reduce((sum, { completions }) => sum + completions.length, 0);
	const all = items.flatMap(({ completions }) => completions);
	const completionTokens = all.reduce((sum, { length }) => sum + length, 0);
	const M = bucketRows(completionTokens);

	const rows = new Int32Array(M); // what fills up reads row 0, and its gradient is zero
	const labels = new Int32Array(M);
	const owner = new Float32Array(B * M);
	const lengths = new Float32Array(B);
	let m = 0;
	items.forEach(({ prompt, completions }, i) => {
		const stemEnd = packed.spans[i]!.first + prompt.length - 1;
		let before = stemEnd; // the row before the completion's first
		completions.forEach((completion, c) => {
			const b = c * items.length + i;
			lengths[b] = completion.length;
			completion.forEach((label, t) => {
				rows[m] = t === 0 ? stemEnd : before + t; // the state at a position predicts the token after it
				labels[m] = label;
				owner[b * M + m++] = 1;
			});
			before += completion.length - 1;
		});
	});
	return {
		packed,
		rows: tf.tensor1d(rows, 'int32'),
		labels: tf.tensor1d(labels, 'int32'),
		owner: tf.tensor2d(owner, [B, M]),
		lengths: tf.tensor1d(lengths),
		tokens: items.reduce((sum, { prompt }) => sum + prompt.length, completionTokens),
		completionTokens,
	};
}

function checkItem({ prompt, completions }: PromptCompletions, i: number, maxLength: number): void {
	if (prompt.length === 0) throw new RangeError(`makeBatch: sequence ${i} has an empty prompt, so its first token has nothing to follow`);
	for (const completion of completions) {
		if (completion.length === 0)
			throw new RangeError(`makeBatch: sequence ${i} has an empty completion, so there is nothing to learn from it`);
		const size = prompt.length + completion.length;
		if (size > maxLength) throw new RangeError(`makeBatch: sequence ${i} has ${size} tokens, and the model takes ${maxLength}`);
	}
}

/** A batch of sequences with one completion each, as `makeBatch` makes it. */
export function sequenceBatch(sequences: readonly TokenSequence[], maxLength: number): SequenceBatch {
	return makeBatch(
		sequences.map(({ prompt, completion }) => ({ prompt, completions: [completion] })),
		maxLength,
	);
}

export function disposeBatch({ rows, labels, owner, lengths }: SequenceBatch): void {
	tf.dispose([rows, labels, owner, lengths]);
}
