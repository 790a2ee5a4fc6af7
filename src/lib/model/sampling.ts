import type { Random } from './random';

/** How the next token is drawn. */
export interface Sampling {
	/** Divides the logits; 0 takes the likeliest token. */
	temperature: number;
	/** Nucleus sampling (arXiv:1904.09751): draw among the likeliest tokens that together have at least this probability; 1 for all. */
	topP: number;
	maxNewTokens: number;
}

/** Draws one token from a row of logits. With temperature 0 `random` is not asked. */
export function sampleToken(logits: Float32Array, { temperature, topP }: Sampling, random: Random): number {
	const best = argMax(logits);
	if (temperature === 0) return best;
	const weights = new Float64Array(logits.length); // e^((logit − highest) / temperature)
	let total = 0;
	for (let i = 0; i < logits.length; i++) total += weights[i] = Math.exp((logits[i]! - logits[best]!) / temperature);
	if (topP >= 1) return draw(weights, null, random() * total);
	// What is left out weighs less than (1 − topP)·total, so nothing below that over V can belong in, and sorting can pass it over.
	const floor = ((1 - topP) * total) / weights.length;
	const candidates: number[] = [];
	weights.forEach((weight, token) => weight >= floor && candidates.push(token));
	candidates.sort((a, b) => weights[b]! - weights[a]! || a - b);
	let kept = 0;
	let mass = 0;
	while (kept < candidates.length && mass < topP * total) mass += weights[candidates[kept++]!]!;
	return draw(weights, candidates.slice(0, kept), random() * mass);
}

/** The token in which `point` falls when the weights are laid end to end, in the order of `tokens` (or of the vocabulary). */
function draw(weights: Float64Array, tokens: number[] | null, point: number): number {
	const count = tokens?.length ?? weights.length;
	let end = 0;
	let last = 0;
	for (let i = 0; i < count; i++) {
		const token = tokens ? tokens[i]! : i;
		if (weights[token] === 0) continue;
		last = token;
		end += weights[token]!;
		if (point < end) return token;
	}
	return last; // rounding put the point at the very end
}

function argMax(values: Float32Array): number {
	let best = 0;
	for (let i = 0; i < values.length; i++) {
		if (Number.isNaN(values[i]))
			throw new RangeError('the scores of the next token are not numbers: training has diverged; lower the learning rate');
		if (values[i]! > values[best]!) best = i;
	}
	return best;
}
