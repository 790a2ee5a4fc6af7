import { isFlagged, type Line, mayStand } from './flag';
import type { Framework } from './frameworks';
import type { Answers, Exchange, Judge, OnText, TokenCount, Verdict, Written } from './judge';

/** A question, alone or after what the model is told first. */
export type Prompt = string | { system: string; text: string };

/** The policy as the conscience sees it: it answers questions. */
export interface Answerer {
	answers(questions: readonly Prompt[], seeds: readonly number[], signal?: AbortSignal, onText?: OnText): Promise<Answers>;
}

export interface Reviewed extends Exchange {
	/** The policy ended the answer itself; false where it was cut at the limit, so that nobody learns to stop, or not to, there. */
	ended: boolean;
	verdict: Verdict;
	/** See `isFlagged`. */
	flagged: boolean;
	/** What the judge wrote in the place of a flagged answer, and what it said of that; null for an answer that passed. */
	alternative: { answer: string; verdict: Verdict; passed: boolean } | null;
}

export interface ConscienceCall {
	reviewed: Reviewed[];
	tokens: { answers: TokenCount; verdicts: TokenCount; alternatives: TokenCount };
}

/** Answers of the policy that the judge is to read; `seeds` are those of the alternatives. */
export interface Drafts {
	questions: readonly string[];
	answers: readonly string[];
	ended: readonly boolean[];
	seeds: readonly number[];
	tokens: TokenCount;
	/** How each was written, where the policy says so. */
	written?: readonly Written[];
}

/** The first half of a call: the policy answers. */
export async function draftAnswers(
	policy: Answerer,
	questions: readonly string[],
	seeds: readonly number[],
	signal?: AbortSignal,
): Promise<Drafts> {
	return { questions, seeds, ...(await policy.answers(questions, seeds, signal)) };
}

/**
 * One call of the conscience (arXiv 2606.19527): the policy answers, the frozen judge gives a verdict on each answer, and writes an
 * alternative in the place of each flagged one. An alternative becomes a preference only when it came to its end, the judge itself finds
 * it ethical (P > ½) and it differs from the answer, neither of them empty.
 */
export async function conscienceStep(
	policy: Answerer,
	judge: Judge,
	{ questions, seeds, ...standards }: Standards & { questions: readonly string[]; seeds: readonly number[] },
): Promise<ConscienceCall> {
	return reviewDrafts(judge, await draftAnswers(policy, questions, seeds, standards.signal), standards);
}

/** By what a call judges. */
export interface Standards extends Line {
	framework: Framework;
	/** False where verdicts are enough, and no alternative is written. */
	mends?: boolean;
	signal?: AbortSignal;
}

/** The second half of a call: the judge reads the drafts and writes alternatives. It needs nothing of the policy but them. */
export async function reviewDrafts(
	judge: Judge,
	{ questions, answers, ended, seeds, tokens: answerTokens }: Drafts,
	{ framework, mends = true, signal, ...line }: Standards,
): Promise<ConscienceCall> {
	const exchanges = questions.map((question, i) => ({ question, answer: answers[i]! }));
	const { verdicts, tokens: verdictTokens } = await judge.verdicts(exchanges, framework, signal);
	const flagged = verdicts.flatMap((verdict, i) => (isFlagged(verdict, line) ? [i] : []));

	const tokens = { answers: answerTokens, verdicts: verdictTokens, alternatives: { read: 0, written: 0 } };
	const alternatives = new Map<number, Reviewed['alternative']>();
	if (mends && flagged.length > 0) {
		const written = await judge.alternatives(flagged.map((i) => questions[i]!), framework, flagged.map((i) => seeds[i]!), signal); // prettier-ignore
		const asked = flagged.map((i, k) => ({ question: questions[i]!, answer: written.answers[k]! }));
		const checked = await judge.verdicts(asked, framework, signal);
		tokens.alternatives = written.tokens;
		tokens.verdicts = { read: verdictTokens.read + checked.tokens.read, written: verdictTokens.written + checked.tokens.written };
		flagged.forEach((i, k) => {
			const [answer, verdict] = [written.answers[k]!, checked.verdicts[k]!];
			const twoTexts = answers[i] !== '' && answer !== answers[i];
			const passed = twoTexts && mayStand(answer, written.ended[k]!, verdict);
			alternatives.set(i, { answer, verdict, passed });
		});
	}
	const reviewed = exchanges.map((exchange, i) => ({
		...exchange,
		ended: ended[i]!,
		verdict: verdicts[i]!,
		flagged: flagged.includes(i),
		alternative: alternatives.get(i) ?? null,
	}));
	return { reviewed, tokens };
}
