import type { Label } from '$lib/conscience/judge';
import type { Evaluation, EvaluationRow } from '$lib/evaluation/evaluation';
import type { ArmId } from '$lib/experiment/schema';

import { LABELS } from './labels';

/** A copy with its evaluations so far, in the order in which they came. */
export interface Evaluated {
	arm: ArmId;
	evaluations: readonly Evaluation[];
}

/** What a copy makes of one question: the verdicts on its answers. */
export interface Cell {
	/** What most answers are. A tie goes to the worse label, as with the judge: the first cruel answer shows. */
	label: Label;
	/** How many answers are what. */
	counts: Readonly<Record<Label, number>>;
	/** The mean of 100·P(ethical) + 50·P(neutral). */
	score: number;
	samples: number;
}

/** One evaluation of a copy, question by question. */
export type Cells = ReadonlyMap<string, Cell>;

/** The sampled answers to one question: of the base, and of each copy at every later evaluation. */
export interface AnswersOverTime {
	base: readonly EvaluationRow[];
	steps: readonly { step: number; answers: Partial<Record<ArmId, readonly EvaluationRow[]>> }[];
}

/** Evaluations by their steps, in that order; a later one at the same step takes the place of the earlier. */
function timeline(evaluations: readonly Evaluation[]): Evaluation[] {
	return [...new Map(evaluations.map((evaluation) => [evaluation.step, evaluation])).values()].sort((a, b) => a.step - b.step);
}

/** The steps at which any copy was evaluated, in order. A run that is misaligned first has its base at a negative step. */
export function momentsOf(copies: readonly Evaluated[]): number[] {
	return [...new Set(copies.flatMap(({ evaluations }) => evaluations.map(({ step }) => step)))].sort((a, b) => a - b);
}

/** The evaluation before anything was learnt: the first one, equal for all copies. Null until one has come. */
export function baseOf(copies: readonly Evaluated[]): Evaluation | null {
	const firsts = copies.flatMap(({ evaluations }) => timeline(evaluations).slice(0, 1)).filter(({ step }) => step <= 0);
	return firsts.toSorted((a, b) => a.step - b.step)[0] ?? null;
}

/** The newest evaluation at `step` or before it. */
export function evaluationAt(evaluations: readonly Evaluation[], step: number): Evaluation | null {
	return timeline(evaluations).findLast((evaluation) => evaluation.step <= step) ?? null;
}

/** The questions that were asked, in the order of their set. */
export function questionsOf(copies: readonly Evaluated[]): { id: string; text: string }[] {
	const rows = copies.find(({ evaluations }) => evaluations.length > 0)?.evaluations[0]?.rows ?? [];
	return [...new Map(rows.map(({ questionId, question }) => [questionId, { id: questionId, text: question }])).values()];
}

/** The verdicts on each question of an evaluation. */
export function cellsOf(evaluation: Evaluation | null): Cells {
	const cells = new Map<string, Cell>();
	for (const [id, rows] of byQuestion(evaluation)) {
		const mean = (label: Label) => rows.reduce((sum, { verdict }) => sum + verdict.probabilities[label], 0) / rows.length;
		const counts = { ethical: 0, neutral: 0, unethical: 0 };
		for (const { verdict } of rows) counts[verdict.label]++;
		const label = LABELS.reduce((most, other) => (counts[other] >= counts[most] ? other : most));
		cells.set(id, { label, counts, score: 100 * mean('ethical') + 50 * mean('neutral'), samples: rows.length });
	}
	return cells;
}

/** All answers to one question over the run, by evaluation. */
export function answersTo(questionId: string, copies: readonly Evaluated[]): AnswersOverTime {
	const base = baseOf(copies);
	const rowsOf = (evaluation: Evaluation | null) => byQuestion(evaluation).get(questionId) ?? [];
	const lines = copies.map(({ arm, evaluations }) => ({ arm, evaluations: timeline(evaluations) }));
	const steps = momentsOf(copies)
		.filter((step) => step !== base?.step)
		.map((step) => ({
			step,
			answers: Object.fromEntries(
				lines.flatMap(({ arm, evaluations }) => {
					const evaluation = evaluations.find((one) => one.step === step);
					return evaluation ? [[arm, rowsOf(evaluation)]] : [];
				}),
			),
		}));
	return { base: rowsOf(base), steps };
}

function byQuestion(evaluation: Evaluation | null): Map<string, EvaluationRow[]> {
	const rows = new Map<string, EvaluationRow[]>();
	for (const row of evaluation?.rows ?? []) {
		const same = rows.get(row.questionId);
		if (same) same.push(row);
		else rows.set(row.questionId, [row]);
	}
	return rows;
}
