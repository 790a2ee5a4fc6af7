import type { Exchange, Label, TokenCount, Verdict } from '$lib/conscience/judge';

/** One answer, and what both judges said of it. */
export interface Compared {
	exchange: Exchange;
	self: Verdict;
	webllm: Verdict;
}

/** What a judge needed for its verdicts. */
export interface Cost {
	tokens: TokenCount;
	seconds: number;
}

/** Below this distance of the two likeliest labels an answer is a tie: rounding alone may decide it. */
const TIE = 2e-3;

/** The largest difference of a label's probability. */
export const differenceOf = ({ self, webllm }: Compared): number =>
	Math.max(
		...(Object.keys(self.probabilities) as Label[]).map((label) => Math.abs(self.probabilities[label] - webllm.probabilities[label])),
	);

/** The frozen copy in the trainer could as well have given another label. */
export function isTie({ self }: Compared): boolean {
	const [first = 0, second = 0] = Object.values(self.probabilities).sort((a, b) => b - a);
	return first - second < TIE;
}

/** How far two judges agree; `largest` is null where nothing was compared. */
export function agreementOf(rows: readonly Compared[]): { pairs: number; sameLabel: number; ties: number; largest: number | null } {
	return {
		pairs: rows.length,
		sameLabel: rows.filter(({ self, webllm }) => self.label === webllm.label).length,
		ties: rows.filter(isTie).length,
		largest: rows.length > 0 ? Math.max(...rows.map(differenceOf)) : null,
	};
}

/** The answers on which they differ most, those with two labels first. */
export const mostDifferent = (rows: readonly Compared[], count: number): Compared[] =>
	rows.toSorted((a, b) => Number(b.self.label !== b.webllm.label) - Number(a.self.label !== a.webllm.label) || differenceOf(b) - differenceOf(a)).slice(0, count); // prettier-ignore

export const NO_COST: Cost = { tokens: { read: 0, written: 0 }, seconds: 0 };

export const addCost = (a: Cost, b: Cost): Cost => ({
	tokens: { read: a.tokens.read + b.tokens.read, written: a.tokens.written + b.tokens.written },
	seconds: a.seconds + b.seconds,
});
