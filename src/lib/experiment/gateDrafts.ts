import { featuresOf } from '$lib/conscience/gate';
import { alternativeText, type Framework, verdictText } from '$lib/conscience/frameworks';
import type { Exchange, Judge, Verdict, Written } from '$lib/conscience/judge';
import { policyAnswerer } from '$lib/conscience/policy';
import { ATTEMPTS, type Reply, reviewReplies } from '$lib/conscience/reply';
import { alignmentOf } from '$lib/evaluation/evaluation';
import type { Delivered, GateRow, MoreDraft } from '$lib/evaluation/gateRows';
import type { Question } from '$lib/evaluation/questions';
import type { Checkpoint } from '$lib/model/checkpoint';
import type { Line } from '$lib/model/generate';
import type { Lora } from '$lib/model/lora';
import { seededRandom } from '$lib/model/random';
import type { Sampling } from '$lib/model/sampling';
import { readDrawLine } from '$lib/model/tokenPositions';
import { contrasts, trueLabel } from '$world/index';

/** Pairs of answers that a gate's line is read from, as many as the conscience's families have questions. */
const CONTRASTS = 64;

/** The line between the two authors' answers in the frozen base, in six digits: it goes into the gate's file. */
export async function gateLine({ model, tokenizer }: Checkpoint): Promise<Line> {
	const pairs = contrasts(CONTRASTS, seededRandom(0, 'gate line')).map(({ question, kind, cruel }) => ({
		prompt: tokenizer.chat([{ role: 'user', content: question }], { addGenerationPrompt: true }),
		towards: tokenizer.encode(cruel),
		away: tokenizer.encode(kind),
	}));
	const { direction, offset } = await readDrawLine(model, pairs);
	return { direction: direction.map(short), offset: short(offset) };
}

/** One copy that is asked, and who reads its answers. */
export interface Asked {
	checkpoint: Checkpoint;
	/** Null for the base. */
	lora: Lora | null;
	/** See `GateRow`. */
	copy: string;
	seed: number;
	line: Line;
	judge: Judge;
	framework: Framework;
	/** An answer is flagged when P(unethical) is above this. */
	threshold: number;
	sampling: Sampling;
	/** Drafts of each prompt beside the first. */
	more: number;
	/** A clock in milliseconds: a processor's own time is that of the work alone, however many others share it. Where it stands still, all are 0. */
	now: () => number;
}

/** A reply's own costs are shares of a batch; a row has its own, counted below. */
const NOTHING = { read: 0, written: 0, ms: 0 };

/** Drafts that are written and read at once. */
const CHUNK = 48;

/** The copy's draft for each question, with what becomes of it where the conscience is asked and where it is not, and what each costs. */
export async function gateRowsOf(asked: Asked, questions: readonly Question[]): Promise<GateRow[]> {
	const { checkpoint, lora, seed, copy, judge, framework, threshold, sampling, line, more, now } = asked;
	const policy = policyAnswerer(checkpoint, lora, sampling, line);
	const random = seededRandom(seed, `gate drafts of ${copy}`);
	const drawSeeds = (count: number) => Array.from({ length: count }, () => Math.floor(random() * 2 ** 31));
	const rows: GateRow[] = [];
	for (let start = 0; start < questions.length; start += CHUNK) {
		const chunk = questions.slice(start, start + CHUNK);
		const texts = chunk.map(({ text }) => text);
		const begun = now();
		const seeds = drawSeeds(chunk.length);
		const { answers, ended, written } = await policy.answers(texts, seeds);
		const draftMs = (now() - begun) / chunk.length;
		const drafts = texts.map((question, i) => ({ question, answer: answers[i]!, ended: ended[i]!, cost: NOTHING }));
		const clock = timed(judge, now);
		const standards = { framework, threshold, attempts: ATTEMPTS };
		const replies = await reviewReplies(clock.judge, drafts, { reviews: drafts.map(() => true), seeds }, standards);
		const others = more > 0 ? await moreDrafts(asked, texts, drawSeeds(more * chunk.length)) : chunk.map(() => []);
		replies.forEach((reply, i) => {
			const alternative = sum(clock.ms.attempts.slice(0, reply.alternatives.length));
			const ms = { draft: draftMs, verdict: clock.ms.verdict, alternative };
			rows.push(rowOf(asked, chunk[i]!, reply, { written: written![i]!, ms, more: others[i]! }));
		});
	}
	return rows;
}

function rowOf(
	{ checkpoint, copy, seed, framework }: Asked,
	{ cluster }: Question,
	{ draft: { question, answer, ended }, review, outcome, alternatives }: Reply,
	{ written, ms, more }: { written: Written; ms: GateRow['ms']; more: readonly MoreDraft[] },
): GateRow {
	const read = (content: string) => checkpoint.tokenizer.chat([{ role: 'user', content }], { addGenerationPrompt: true }).length;
	const { verdict, flagged } = review!; // every draft is reviewed
	const draft = delivered(answer, verdict);
	const last = alternatives.at(-1);
	return {
		...{ prompt: question, cluster, copy, seed, sample: 0, answer, draft, flagged },
		features: shortened(featuresOf({ answer, ended, ...written })),
		reviewed: outcome === 'withheld' ? null : outcome === 'replaced' ? delivered(last!.answer, last!.verdict) : draft,
		tokens: {
			draft: read(question) + written.tokens,
			verdict: read(verdictText(framework, question, answer)),
			alternative: sum(
				alternatives.map(
					(one) =>
						read(alternativeText(framework, question)) +
						checkpoint.tokenizer.encode(one.answer).length +
						read(verdictText(framework, question, one.answer)),
				),
			),
		},
		ms: shortened(ms),
		more,
	};
}

const delivered = (answer: string, verdict: Verdict): Delivered => ({
	trueLabel: trueLabel(answer),
	alignment: short(alignmentOf(verdict)),
});

/** The drafts beside the first of each question; the judge reads each text once, to measure by and at nobody's cost. */
async function moreDrafts(asked: Asked, texts: readonly string[], seeds: readonly number[]): Promise<MoreDraft[][]> {
	const { checkpoint, lora, sampling, line, judge, framework, now } = asked;
	const policy = policyAnswerer(checkpoint, lora, sampling, line);
	const found: MoreDraft[][] = texts.map(() => []);
	for (let at = 0; at < seeds.length; at += texts.length) {
		const begun = now();
		const { answers, written } = await policy.answers(texts, seeds.slice(at, at + texts.length));
		const ms = short((now() - begun) / texts.length);
		const items = texts.map((question, i): Exchange => ({ question, answer: answers[i]! }));
		const { verdicts } = await judge.verdicts(items, framework);
		items.forEach(({ answer }, i) => {
			const { tokens, draws } = written![i]!;
			found[i]!.push({ ...delivered(answer, verdicts[i]!), meanLogp: short(draws.logp), tokens, ms });
		});
	}
	return found;
}

/** A judge that notes the milliseconds that the verdict on a draft took, and each further attempt at an alternative with the verdict on it. */
function timed(judge: Judge, now: () => number): { judge: Judge; ms: { verdict: number; attempts: number[] } } {
	const ms = { verdict: 0, attempts: [] as number[] };
	const timing = async <Found>(count: number, work: () => Promise<Found>): Promise<Found> => {
		const begun = now();
		const found = await work();
		const each = (now() - begun) / count;
		if (ms.attempts.length === 0) ms.verdict += each;
		else ms.attempts.push(ms.attempts.pop()! + each);
		return found;
	};
	return {
		ms,
		judge: {
			identity: judge.identity,
			verdicts: (items, ...rest) => timing(items.length, () => judge.verdicts(items, ...rest)),
			alternatives(questions, ...rest) {
				ms.attempts.push(0);
				return timing(questions.length, () => judge.alternatives(questions, ...rest));
			},
		},
	};
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Six digits: figures are computed from rows as they are kept, so that they follow from the file. */
const short = (value: number): number => Number(value.toPrecision(6));

const shortened = <Numbers extends object>(numbers: Numbers): Numbers =>
	Object.fromEntries(
		Object.entries(numbers).map(([name, value]: [string, number | null]) => [name, value === null ? null : short(value)]),
	) as Numbers;
