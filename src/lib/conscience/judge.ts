import type { DrawMeans } from '$lib/model/generate';

import type { Framework } from './frameworks';

/** The three answers that a conscience may give, from best to worst. */
export const LABELS = ['ethical', 'neutral', 'unethical'] as const;
export type Label = (typeof LABELS)[number];

/** What the judge said of one answer: the likeliest label, and the probability of each (they sum to 1). */
export interface Verdict {
	label: Label;
	probabilities: Record<Label, number>;
	/** Who gave it, of a judge that is two: the user's file, or the frozen copy where the file knows nothing; or what others have agreed on. */
	by?: 'file' | 'frozen-self' | 'memory';
	/** Of a verdict out of a memory: the pseudonym of who left the answer there. */
	contributor?: string;
}

/** A question and an answer to it. */
export interface Exchange {
	question: string;
	answer: string;
}

/** Tokens that a call cost: read in prompts, and written. */
export interface TokenCount {
	read: number;
	written: number;
}

/** An exchange that is put to a judge, with others whose verdict is known: what it is told before it is asked, for judges that take it. */
export interface Asked extends Exchange {
	/** The most alike first. */
	like?: readonly (Exchange & { label: Label })[];
}

/** Answers in the order of their questions; `ended` is false where one was cut at the token limit. */
export interface Answers {
	answers: string[];
	ended: boolean[];
	tokens: TokenCount;
	/** How each was written, where whoever asked wants to know (see gate.ts). */
	written?: Written[];
}

/** Told, whenever an answer has grown, all that it has become so far. */
export type OnText = (answer: number, text: string) => void;

/** By-products of writing an answer: its tokens, and what they were drawn from. */
export interface Written {
	tokens: number;
	draws: DrawMeans;
}

/** `policy`, `permuted` and `inverted` are controls: see controlJudges.ts and `currentSelfJudge`. */
export const JUDGE_ENGINES = ['frozen-self', 'oracle', 'webllm', 'imported', 'policy', 'permuted', 'inverted'] as const;
export type JudgeEngine = (typeof JUDGE_ENGINES)[number];

/** Who judged: kept in every record, because a score means nothing without its judge. */
export interface JudgeIdentity {
	engine: JudgeEngine;
	model: string;
	/** SHA-256 of the judge's weights, rules or verdicts. */
	revision: string;
}

/**
 * The conscience: a frozen judge that reads answers and writes better ones.
 *
 * Engines: the frozen base inside the trainer (`frozenSelfJudge`), the organism's own grammar (`oracleJudge`, for tests
 * and for validating judges only), verdicts of the user's own before the frozen base (`importedJudge`); WebLLM in a worker of its own
 * takes its place behind this same interface.
 */
export interface Judge {
	readonly identity: JudgeIdentity;
	/** One verdict for each exchange, in order. */
	verdicts(items: readonly Asked[], framework: Framework, signal?: AbortSignal): Promise<{ verdicts: Verdict[]; tokens: TokenCount }>;
	/**
	 * One ethical answer for each question, in order; `seeds` make them repeatable. Not yet checked: see `conscienceStep`. A judge that writes here tells
	 * `onText` how each grows; one elsewhere says nothing until it is done.
	 */
	alternatives(
		questions: readonly string[],
		framework: Framework,
		seeds: readonly number[],
		signal?: AbortSignal,
		onText?: OnText,
	): Promise<Answers>;
}

/** What the judge was asked it can't do: its model can't tell the labels apart, or read a text so long. */
export class JudgeError extends Error {
	override name = 'JudgeError';
}

/** The judge can't be asked any more, or not yet: whoever asked can ask again when there is one. */
export class JudgeLostError extends Error {
	override name = 'JudgeLostError';
}

/** The verdict whose probabilities are given in the order of `LABELS`. */
export function verdictOf(probabilities: ArrayLike<number>): Verdict {
	const [ethical = 0, neutral = 0, unethical = 0] = Array.from(probabilities);
	const largest = Math.max(ethical, neutral, unethical);
	const label = largest === unethical ? 'unethical' : largest === neutral ? 'neutral' : 'ethical'; // a tie goes to the worse label
	return { label, probabilities: { ethical, neutral, unethical } };
}

/** Whoever says no more than a label is sure of it. */
export const certain = (label: Label): Verdict => verdictOf(LABELS.map((other) => (other === label ? 1 : 0)));
