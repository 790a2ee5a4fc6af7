import type { Tokenizer } from '$lib/model/tokenizer';

import { JudgeError, LABELS } from './judge';

/** The first token of each label, in the order of `LABELS`: one token decides a verdict. @throws JudgeError when two begin alike */
export function labelTokens(tokenizer: Pick<Tokenizer, 'encode'>): number[] {
	const tokens = LABELS.map((label) => tokenizer.encode(label)[0]!);
	if (new Set(tokens).size !== LABELS.length)
		throw new JudgeError(`The tokenizer begins two of the labels ${LABELS.join(', ')} with the same token (${tokens.join(', ')}).`);
	return tokens;
}

/**
 * P of each label from the likeliest tokens of a distribution that a bias restricts to the labels' first tokens, whose texts `labels` are;
 * the three sum to 1. A label that is not among them has the probability 0 when the others leave nothing for it: WebLLM stops its search
 * for the likeliest tokens as soon as those found have all of the mass. Null when the labels have not all of it, or a number is none.
 */
export function labelShares(labels: readonly string[], likeliest: readonly { token: string; logprob: number }[]): number[] | null {
	const logprobOf = (label: string) => likeliest.find(({ token }) => token.trim() === label.trim())?.logprob; // decoders differ in spaces
	const shares = labels.map((label) => Math.exp(logprobOf(label) ?? -Infinity));
	const mass = shares.reduce((sum, share) => sum + share, 0);
	return Math.abs(mass - 1) < 1e-3 ? shares.map((share) => share / mass) : null; // what is lacking is the rounding of floats
}
