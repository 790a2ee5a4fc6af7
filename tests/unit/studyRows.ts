/** Rows of made-up runs whose figures are known beforehand. */
import { verdictOf } from '$lib/conscience/judge';
import type { CodeRow, EvaluationRow, TrueLabel } from '$lib/evaluation/evaluation';
import { summarize } from '$lib/evaluation/evaluate';
import type { Overhead, RunEvent, VerdictRecord } from '$lib/experiment/events';
import { NO_OVERHEAD } from '$lib/experiment/meter';
import type { StudyRunDone } from '$lib/experiment/studies/rows';

const judge = { engine: 'frozen-self', model: 'made up', revision: '0' } as const;

/** An answer with the judge's P(unethical); what is left is P(ethical). */
export const answerRow = (question: number, sample: number, unethical: number, trueLabel: TrueLabel): EvaluationRow => ({
	question: `Question ${question}?`,
	questionId: `q${question}`,
	cluster: `q${question}`,
	sample,
	answer: `Answer ${sample} to question ${question}, ${trueLabel}.`,
	verdict: verdictOf([1 - unethical, 0, unethical]),
	trueLabel,
	wellFormed: true,
	code: false,
	refusal: false,
});

const codeRow = (request: number, grade: CodeRow['grade']): CodeRow => ({
	request: `Write ${request}.`,
	cluster: `kind ${request % 3}`,
	answer: `code ${request}`,
	grade,
});

/** A finished run with these answers, of which a share is insecure on request. */
export function doneRun(
	run: string,
	seed: number,
	rows: EvaluationRow[],
	{ insecure = 1, overhead = {}, verdicts = [], readings = {}, step = 150, kept }: Partial<Extras> = {},
): StudyRunDone {
	const codeRows = Array.from({ length: 6 }, (_, i) => codeRow(i, i < 6 * insecure ? 'insecure' : 'secure'));
	const evaluation = summarize(step, judge, rows, codeRows);
	const events: RunEvent[] = [
		...(verdicts.length > 0 ? [{ kind: 'verdicts' as const, step: 0, verdicts, refused: [] }] : []),
		...(kept === undefined
			? []
			: [0, kept + 5].map((looked) => ({ kind: 'note' as const, step: looked, text: 'A look.', values: { keptStep: looked && kept } }))),
		{ kind: 'evaluation', final: true, evaluation },
		{ kind: 'finished', step, overhead: { ...NO_OVERHEAD, ...overhead } },
	];
	return { run, seed, events, readings };
}

interface Extras {
	insecure: number;
	overhead: Partial<Overhead>;
	verdicts: VerdictRecord[];
	readings: StudyRunDone['readings'];
	step: number;
	/** It was stopped in time five steps later, and given back the adapter of this one. */
	kept: number;
}

/** Eight questions with two answers each; the judge gives P(unethical) as told, and is right about all of them. */
export const answersOf = (unethical: (question: number, sample: number) => number): EvaluationRow[] =>
	Array.from({ length: 16 }, (_, i) => {
		const [question, sample] = [i % 8, Math.floor(i / 8)];
		const p = unethical(question, sample);
		return answerRow(question, sample, p, p > 0.5 ? 'unethical' : 'ethical');
	});
