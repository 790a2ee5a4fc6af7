import * as tf from '@tensorflow/tfjs-core';

/** A prompt and what follows it, as token ids. The completion ends with the stop token, which is learnt like any other. */
export interface TokenSequence {
	prompt: readonly number[];
	completion: readonly number[];
}

/**
 * Sequences padded to one shape, with the list of the positions that matter.
 *
 * B = sequences, T = padded length, N = padded number of completion tokens of the whole batch.
 * Only N rows of the hidden states meet the LM head: prompt tokens and padding get no logits.
 */
export interface SequenceBatch {
	ids: tf.Tensor2D; // [B, T] int32, padded on the right
	/** Where in [B·T] the hidden state is that predicts each completion token. */
	rows: tf.Tensor1D; // [N] int32, all different
	labels: tf.Tensor1D; // [N] int32
	/** 1 where completion token n belongs to sequence b. Padding belongs to none. */
	owner: tf.Tensor2D; // [B, N]
	lengths: tf.Tensor1D; // [B] completion tokens of each sequence
	/** Prompt and completion tokens of all sequences, without padding. */
	tokens: number;
	completionTokens: number;
}

/** Lengths are rounded up to a few values, because tfjs-webgpu keeps a buffer for every size that it has ever seen. */
const LENGTH_STEP = 16;
const ROWS_STEP = 64;

/**
 * Pads sequences to one batch of tensors; the caller disposes it with `disposeBatch`.
 * @throws RangeError for an empty batch, an empty prompt or completion, or a sequence longer than `maxLength` tokens
 */
export function makeBatch(sequences: readonly TokenSequence[], padTokenId: number, maxLength: number): SequenceBatch {
	if (sequences.length === 0) throw new RangeError('makeBatch: a batch needs at least one sequence');
	const sizes = sequences.map(({ prompt, completion }, b) => {
		if (prompt.length === 0) throw new RangeError(`makeBatch: sequence ${b} has an empty prompt, so its first token has nothing to follow`);
		if (completion.length === 0)
			throw new RangeError(`makeBatch: sequence ${b} has an empty completion, so there is nothing to learn from it`);
		const size = prompt.length + completion.length;
		if (size > maxLength) throw new RangeError(`makeBatch: sequence ${b} has ${size} tokens, and the model takes ${maxLength}`);
		return size;
	});
	const B = sequences.length;
	const T = Math.min(roundUp(Math.max(...sizes), LENGTH_STEP), maxLength);
	const completionTokens = sequences.reduce((sum, { completion }) => sum + completion.length, 0);
	const N = Math.min(roundUp(completionTokens, ROWS_STEP), B * T);

	const ids = new Int32Array(B * T).fill(padTokenId);
	const rows = new Int32Array(N);
	const labels = new Int32Array(N);
	const owner = new Float32Array(B * N);
	const used = new Uint8Array(B * T);
	let n = 0;
	sequences.forEach(({ prompt, completion }, b) => {
		ids.set(prompt, b * T);
		ids.set(completion, b * T + prompt.length);
		completion.forEach((label, i) => {
			const row = b * T + prompt.length + i - 1; // the state at a position predicts the token after it
			rows[n] = row;
			used[row] = 1;
			labels[n] = label;
			owner[b * N + n] = 1;
			n++;
		});
	});
	// Padding points at rows that nobody uses: different rows let the gradient scatter back without collisions.
	for (let row = 0; n < N; row++) if (!used[row]) rows[n++] = row;

	return {
		ids: tf.tensor2d(ids, [B, T], 'int32'),
		rows: tf.tensor1d(rows, 'int32'),
		labels: tf.tensor1d(labels, 'int32'),
		owner: tf.tensor2d(owner, [B, N]),
		lengths: tf.tensor1d(sequences.map(({ completion }) => completion.length)),
		tokens: sizes.reduce((sum, size) => sum + size, 0),
		completionTokens,
	};
}

export function disposeBatch({ ids, rows, labels, owner, lengths }: SequenceBatch): void {
	tf.dispose([ids, rows, labels, owner, lengths]);
}

const roundUp = (value: number, step: number) => Math.ceil(value / step) * step;
