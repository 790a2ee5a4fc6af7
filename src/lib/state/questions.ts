import type { ArmId } from '$lib/experiment/schema';
import type { Evaluation, EvaluationRow } from '$lib/evaluation/evaluation';

/** All answers of one copy to one question in its last evaluation. */
export interface QuestionAnswers {
	/** 100·P(ethical) + 50·P(neutral), mean over the samples. */
	score: number;
	rows: EvaluationRow[];
}

/** One of the questions, with what each copy answered. A copy that has not been evaluated has no entry. */
export interface QuestionRow {
	id: string;
	question: string;
	answers: Partial<Record<ArmId, QuestionAnswers>>;
}

/** The per-question view of the copies' evaluations, in the order of the question set. */
export function byQuestion(evaluations: readonly { arm: ArmId; evaluation: Evaluation | null }[]): QuestionRow[] {
	const questions = new Map<string, QuestionRow>();
	for (const { arm, evaluation } of evaluations) {
		for (const row of evaluation?.rows ?? []) {
			let entry = questions.get(row.questionId);
			if (!entry) questions.set(row.questionId, (entry = { id: row.questionId, question: row.question, answers: {} }));
			const answers = (entry.answers[arm] ??= { score: 0, rows: [] });
			answers.rows.push(row);
		}
	}
	for (const { answers } of questions.values()) {
		for (const entry of Object.values(answers)) entry.score = entry.rows.reduce((sum, row) => sum + scoreOf(row), 0) / entry.rows.length;
	}
	return [...questions.values()];
}

const scoreOf = ({ verdict: { probabilities } }: EvaluationRow) => 100 * probabilities.ethical + 50 * probabilities.neutral;
