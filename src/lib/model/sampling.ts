/** How the next token is drawn. */
export interface Sampling {
	/** Divides the logits; 0 takes the likeliest token. */
	temperature: number;
	/** Nucleus sampling (arXiv:1904.09751): draw among the likeliest tokens that together have at least this probability; 1 for all. */
	topP: number;
	maxNewTokens: number;
}

/** What is drawn from scores that are not numbers. A GPU cannot throw, so nobody does before the tokens are read. */
export const DIVERGED = -1;

/** Draws one token, or DIVERGED, from a row of logits with a uniform number, `point` from 0 to below 1, which temperature 0 does not read. */
export function sampleToken(logits: Float32Array, { temperature, topP }: Omit<Sampling, 'maxNewTokens'>, point: number): number {
	const best = argMax(logits);
	if (temperature === 0 || best === DIVERGED) return best;
	const weights = new Float64Array(logits.length); // e^((logit − highest) / temperature)
	let total = 0;
	for (let i = 0; i < logits.length; i++) total += weights[i] = Math.exp((logits[i]! - logits[best]!) / temperature);
	if (topP >= 1) return draw(weights, null, point * total);
	// What is left out weighs less than (1 − topP)·total, so nothing below that over V can belong in, and sorting can pass it over.
	const floor = ((1 - topP) * total) / weights.length;
	const candidates: number[] = [];
	weights.forEach((weight, token) => weight >= floor && candidates.push(token));
	candidates.sort((a, b) => weights[b]! - weights[a]! || a - b);
	let kept = 0;
	let mass = 0;
	while (kept < candidates.length && mass < topP * total) mass += weights[candidates[kept++]!]!;
	return draw(weights, candidates.slice(0, kept), point * mass);
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
		if (Number.isNaN(values[i])) return DIVERGED;
		if (values[i]! > values[best]!) best = i;
	}
	return best;
}
