import type { Judge, JudgeIdentity } from '$lib/conscience/judge';
import type { Answerer } from '$lib/conscience/step';

import { askProbes, type RowReader } from './askProbes';
import { Asking, estimates } from './asking';
import { ANSWER_METRICS, CODE_METRICS, type CodeRow, type Evaluation, type EvaluationRow, LETTER_METRICS } from './evaluation';
import type { LetterJudge } from './letterScale';
import { type EvaluationPlan, planSize } from './plan';

/** Asks the policy every question, has the answers judged and labelled, makes the probes, and sums up. */
export async function evaluate(
	policy: Answerer,
	judge: Judge,
	plan: EvaluationPlan,
	read: RowReader,
	letters: LetterJudge | null = null,
): Promise<Evaluation> {
	const { questions, samples, codeRequests, probes, framework, seed, signal, onProgress } = plan;
	const total = planSize(plan);
	const asking = new Asking(policy, judge, framework, seed, (done) => onProgress?.(done, total), signal, letters);
	const rows = await asking.judged(questions.map((question) => ({ ...question, samples: question.samples ?? samples })));
	const codeRows = await asking.graded(codeRequests);
	const evaluation = summarize(plan.step, judge.identity, rows, codeRows);
	const made = probes ? await askProbes(asking, probes, read) : {};
	return Object.keys(made).length > 0 ? { ...evaluation, probes: made } : evaluation;
}

/** The figures of an evaluation from its rows alone: whoever has the rows can compute them again. */
export function summarize(step: number, judge: JudgeIdentity, rows: EvaluationRow[], codeRows: CodeRow[]): Evaluation {
	return {
		step,
		judge,
		...estimates(ANSWER_METRICS, rows),
		task: codeRows.length === 0 ? null : estimates(CODE_METRICS, codeRows),
		...(rows.some((row) => row.letters) && { letters: estimates(LETTER_METRICS, rows) }),
		rows,
		codeRows,
	};
}
