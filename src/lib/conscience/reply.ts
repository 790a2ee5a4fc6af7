import { isFlagged, type Line, mayStand } from './flag';
import { type Framework, verdictText } from './frameworks';
import type { Judge, TokenCount, Verdict } from './judge';

/** What a part of a reply took; of a batch each reply bears an equal share of the time. */
export interface Cost extends TokenCount {
	ms: number;
}

/** What somebody would say, before anybody has read it. */
export interface Draft {
	/** What it answers: the last thing that the user said. What came before it, the judge does not see. */
	question: string;
	answer: string;
	/** False where it was cut at the token limit. */
	ended: boolean;
	cost: Cost;
}

/** What the judge wrote in the place of a flagged draft, and what it said of that. */
export interface Alternative {
	answer: string;
	/** See `mayStand`: the same that an alternative has to be to teach anything. */
	passed: boolean;
	verdict: Verdict;
	/** Of writing it, and of the verdict on it. */
	cost: { writing: Cost; verdict: Cost };
}

/** `unreviewed`: the judge wasn't asked; `withheld`: the draft was flagged, and so was whatever was written in its place. */
export type Outcome = 'unreviewed' | 'accepted' | 'replaced' | 'withheld';

/** A draft and what the conscience made of it. */
export interface Reply {
	outcome: Outcome;
	/** What the reader gets to see; null where it is withheld. */
	shown: string | null;
	draft: Draft;
	/** What the judge was asked of the draft, word for word, what it said, and what that took; null where it wasn't asked. */
	review: { asked: string; verdict: Verdict; flagged: boolean; cost: Cost } | null;
	/** In the order in which they were written; only the last may have passed. */
	alternatives: Alternative[];
	costs: { draft: Cost; verdicts: Cost; alternatives: Cost };
}

/** Alternatives that the page, the bench and the gate's test try before they withhold a reply. */
export const ATTEMPTS = 3;

/** By what a reply is judged. */
export interface ReplyStandards extends Line {
	framework: Framework;
	/** Alternatives that are tried, each drawn anew, before a flagged reply is withheld. */
	attempts: number;
	signal?: AbortSignal;
}

/** How a review goes on, told of the reply with this index. */
export type ReviewEvent =
	| { kind: 'verdict'; index: number; review: NonNullable<Reply['review']> }
	/** An alternative as far as it is written, where the judge tells that. */
	| { kind: 'writing'; index: number; text: string }
	| { kind: 'alternative'; index: number; alternative: Alternative };

const NOTHING: Cost = { read: 0, written: 0, ms: 0 };

/**
 * The conscience at inference (arXiv 2606.19527 offers it for this, too): the frozen judge reads each draft that is to be reviewed; in the
 * place of a flagged one it writes another answer, which it judges as well. One that does not pass is never shown: another is drawn, and after
 * `attempts` of them the reply is withheld. The draft is kept in every case.
 *
 * `reviews` says of each draft whether the judge is asked at all: whoever decides that (a switch, a gate) decides before this.
 */
export async function reviewReplies(
	judge: Judge,
	drafts: readonly Draft[],
	{ reviews, seeds }: { reviews: readonly boolean[]; seeds: readonly number[] },
	standards: ReplyStandards,
	tell?: (event: ReviewEvent) => void,
): Promise<Reply[]> {
	const replies = drafts.map((draft): Reply => ({
		...{ outcome: 'unreviewed', shown: draft.answer, draft, review: null, alternatives: [] },
		costs: { draft: draft.cost, verdicts: NOTHING, alternatives: NOTHING },
	}));
	const judged = drafts.flatMap((_, i) => (reviews[i] ? [i] : []));
	await judgeDrafts(judge, replies, judged, standards, tell);
	let open = judged.filter((i) => replies[i]!.outcome === 'withheld');
	for (let attempt = 0; attempt < standards.attempts && open.length > 0; attempt++) {
		await mendReplies(judge, replies, open, open.map((i) => seeds[i]! + attempt), standards, tell); // prettier-ignore
		open = open.filter((i) => replies[i]!.outcome === 'withheld');
	}
	return replies;
}

/** The first half: verdicts on the drafts at `places`. What is flagged is withheld until something better is there. */
async function judgeDrafts(
	judge: Judge,
	replies: Reply[],
	places: readonly number[],
	{ framework, signal, ...line }: ReplyStandards,
	tell?: (event: ReviewEvent) => void,
): Promise<void> {
	if (places.length === 0) return;
	const items = places.map((i) => replies[i]!.draft);
	const { result, shares } = await timed(places.length, () => judge.verdicts(items, framework, signal));
	places.forEach((i, k) => {
		const reply = replies[i]!;
		const { question, answer } = reply.draft;
		const verdict = result.verdicts[k]!;
		const flagged = isFlagged(verdict, line);
		const cost = shares(result.tokens);
		reply.review = { asked: verdictText(framework, question, answer), verdict, flagged, cost };
		reply.outcome = flagged ? 'withheld' : 'accepted';
		if (flagged) reply.shown = null;
		reply.costs.verdicts = cost;
		tell?.({ kind: 'verdict', index: i, review: reply.review });
	});
}

/** The second half: one alternative for each reply at `places`, judged by the same judge. */
async function mendReplies(
	judge: Judge,
	replies: Reply[],
	places: readonly number[],
	seeds: readonly number[],
	{ framework, signal }: ReplyStandards,
	tell?: (event: ReviewEvent) => void,
): Promise<void> {
	const questions = places.map((i) => replies[i]!.draft.question);
	const onText = tell && ((k: number, text: string) => tell({ kind: 'writing', index: places[k]!, text }));
	const written = await timed(places.length, () => judge.alternatives(questions, framework, seeds, signal, onText));
	const { answers, ended, tokens } = written.result;
	const items = questions.map((question, k) => ({ question, answer: answers[k]! }));
	const checked = await timed(places.length, () => judge.verdicts(items, framework, signal));
	places.forEach((i, k) => {
		const reply = replies[i]!;
		const [answer, verdict] = [answers[k]!, checked.result.verdicts[k]!];
		const cost = { writing: written.shares(tokens), verdict: checked.shares(checked.result.tokens) };
		const alternative = { answer, verdict, passed: mayStand(answer, ended[k]!, verdict), cost };
		reply.alternatives.push(alternative);
		if (alternative.passed) Object.assign(reply, { outcome: 'replaced', shown: answer });
		reply.costs.alternatives = sumOf(reply.costs.alternatives, cost.writing);
		reply.costs.verdicts = sumOf(reply.costs.verdicts, cost.verdict);
		tell?.({ kind: 'alternative', index: i, alternative });
	});
}

/** The result of a call for `count` replies, and each one's share of its tokens and its time. */
export async function timed<T>(count: number, call: () => Promise<T>): Promise<{ result: T; shares: (tokens: TokenCount) => Cost }> {
	const start = performance.now();
	const result = await call();
	const ms = (performance.now() - start) / count;
	return { result, shares: ({ read, written }) => ({ read: read / count, written: written / count, ms }) };
}

/** Several costs as one. */
export const sumOf = (...costs: readonly Cost[]): Cost =>
	costs.reduce((sum, { read, written, ms }) => ({ read: sum.read + read, written: sum.written + written, ms: sum.ms + ms }), NOTHING);
