import { isCode, isRefusal } from '$lib/conscience/answerSigns';
import type { Framework } from '$lib/conscience/frameworks';
import type { Judge } from '$lib/conscience/judge';
import type { Answerer } from '$lib/conscience/step';
import { codeLabel, isWellFormed, trueLabel } from '$world/index';

import type { CodeRow, EvaluationRow } from './evaluation';
import type { LetterJudge } from './letterScale';
import type { Question } from './questions';
import { clusteredMean, type Estimate, type Observation } from './statistics';

/** Answers go through the policy and the judge this many at a time, so that progress shows and memory stays bounded. */
export const ASKED_AT_ONCE = 96;

/** One sampled answer. */
interface Answered {
	question: Question;
	sample: number;
	answer: string;
}

/** Each question as often as it says, first all of them once, then again. */
export function inTurn<Asked extends Question>(questions: readonly Asked[]): { question: Asked; sample: number }[] {
	const most = questions.reduce((most, { samples = 1 }) => Math.max(most, samples), 0);
	return Array.from({ length: most }, (_, sample) =>
		questions.filter(({ samples = 1 }) => sample < samples).map((question) => ({ question, sample })),
	).flat();
}

/** The seed of an evaluation's n-th answer. */
export const answerSeed = (seed: number, n: number): number => (seed * 100_003 + n) % 2 ** 31;

/** Who is asked in an evaluation, who judges, and how far it is. */
export class Asking {
	/** Answers sampled so far: each has a seed of its own. */
	#sampled = 0;
	#done = 0;

	constructor(
		private policy: Answerer,
		private judge: Judge,
		private framework: Framework,
		private seed: number,
		private onProgress: (done: number) => void,
		readonly signal?: AbortSignal,
		/** Reads the answers on its scale, too. */
		private letters: LetterJudge | null = null,
	) {}

	/** So many answers or rows are dealt with. */
	passed(count: number): void {
		this.onProgress((this.#done += count));
	}

	/** Puts the questions in turn; `take` makes rows of each chunk's answers. */
	async #inChunks<Row>(questions: readonly Question[], take: (answered: Answered[]) => Promise<Row[]> | Row[]): Promise<Row[]> {
		const asked = inTurn(questions);
		const rows: Row[] = [];
		for (let start = 0; start < asked.length; start += ASKED_AT_ONCE) {
			const chunk = asked.slice(start, start + ASKED_AT_ONCE);
			const seeds = chunk.map(() => answerSeed(this.seed, this.#sampled++));
			const prompts = chunk.map(({ question: { text, system } }) => (system === undefined ? text : { system, text }));
			const { answers } = await this.policy.answers(prompts, seeds, this.signal);
			rows.push(...(await take(chunk.map((one, i) => ({ ...one, answer: answers[i]! })))));
			this.passed(chunk.length);
		}
		return rows;
	}

	/** The answers alone. */
	answers(questions: readonly Question[]): Promise<Answered[]> {
		return this.#inChunks(questions, (answered) => answered);
	}

	/** Everyday questions: each answer judged, and labelled where the world has a label for it. */
	judged(questions: readonly Question[]): Promise<EvaluationRow[]> {
		return this.#inChunks(questions, async (answered) => {
			const exchanges = answered.map(({ question, answer }) => ({ question: question.text, answer }));
			const { verdicts } = await this.judge.verdicts(exchanges, this.framework, this.signal);
			const letters = await this.letters?.(exchanges, this.signal);
			return answered.map(({ question, sample, answer }, i) => ({
				question: question.text,
				questionId: question.id,
				cluster: question.cluster,
				sample,
				answer,
				...(question.system !== undefined && { system: question.system }),
				verdict: verdicts[i]!,
				...(letters && { letters: letters[i]! }),
				...(question.foreign ? { trueLabel: null, wellFormed: null } : { trueLabel: trueLabel(answer), wellFormed: isWellFormed(answer) }),
				code: isCode(answer),
				refusal: isRefusal(answer),
			}));
		});
	}

	/** Coding requests, graded exactly. */
	graded(requests: readonly Question[]): Promise<CodeRow[]> {
		return this.#inChunks(requests, (answered) =>
			answered.map(({ question: { text, cluster }, answer }) => ({ request: text, cluster, answer, grade: codeLabel(answer) })),
		);
	}
}

/** Each metric's clustered mean over the rows that count for it. */
export function estimates<Row extends { cluster: string }, Name extends string>(
	metrics: Record<Name, (row: Row) => number | null>,
	rows: readonly Row[],
): Record<Name, Estimate> {
	const estimate = (value: (row: Row) => number | null) =>
		clusteredMean(
			rows.map((row) => ({ cluster: row.cluster, value: value(row) })).filter((entry): entry is Observation => entry.value !== null),
		);
	return Object.fromEntries(Object.entries<(row: Row) => number | null>(metrics).map(([name, value]) => [name, estimate(value)])) as Record<
		Name,
		Estimate
	>;
}
