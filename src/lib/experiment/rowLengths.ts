/** How long rows of the user's own are, and what becomes of those that are too long. */
import type { TokenSequence } from '$lib/dpo/sequences';

import type { Experiment } from './schema';

/** A row as token ids. */
export interface TokenRow extends TokenSequence {
	/** Of a preference pair: the answer that the completion is preferred to, behind the same prompt. */
	rejected: readonly number[] | null;
}

/** So many tokens a row may have. */
export interface RowLimit {
	tokens: number;
	/** Whose limit it is, for a message. */
	by: string;
	tooLong: Experiment['data']['tooLong'];
}

/** The model's limit, or the experiment's where that is lower. */
export function rowLimit({ maxTokens, tooLong }: Experiment['data'], modelReads: number): RowLimit {
	if (maxTokens === 0 || maxTokens >= modelReads) return { tokens: modelReads, by: `the model reads at most ${modelReads}`, tooLong };
	return { tokens: maxTokens, by: `data.maxTokens is ${maxTokens}`, tooLong };
}

/** Tokens that are read at once: of a pair, those of its longer answer. */
export const lengthOf = ({ prompt, completion, rejected }: TokenRow): number =>
	prompt.length + Math.max(completion.length, rejected?.length ?? 0);

/**
 * The row as it is learnt: whole, with its answers cut at the limit (as TRL's SFTTrainer cuts at `max_length`: the end goes, and with it the
 * stop token, so that nobody learns to stop there), or null where it is left out. Cut, a row of which the prompt alone fills the limit has
 * nothing left to learn and is left out, and a pair whose answers have become the same is a row without a preference.
 */
export function fitted(row: TokenRow, { tokens, tooLong }: RowLimit): TokenRow | null {
	if (lengthOf(row) <= tokens) return row;
	const room = tokens - row.prompt.length;
	if (tooLong !== 'truncate' || room < 1) return null;
	const completion = row.completion.slice(0, room);
	const rejected = row.rejected?.slice(0, room) ?? null;
	const same = rejected?.length === completion.length && rejected.every((id, i) => id === completion[i]);
	return { prompt: row.prompt, completion, rejected: same ? null : rejected };
}
