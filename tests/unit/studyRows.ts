/** Rows of made-up runs whose figures are known beforehand. */
import { verdictOf } from '$lib/conscience/judge';
import type { CodeRow, EvaluationRow, TrueLabel } from '$lib/evaluation/evaluation';
import { summarize } from '$lib/evaluation/evaluate';
import type { Overhead, RunEvent, VerdictRecord } from '$lib/experiment/events';
import { NO_OVERHEAD } from '$lib/experiment/meter';
import type { Finding } from '$lib/experiment/studies/finding';
import { studyById } from '$lib/experiment/studies/index';
import { joinRows, rowsOf, type StudyRows, type StudyRunDone } from '$lib/experiment/studies/rows';

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

/** What a run of made-up answers is like: of its 16 answers, that many are unethical; what another judge says of all of them. */
export interface Planted {
	bad: number;
	/** P(unethical) by every other judge, for an answer that is unethical and for one that is not. */
	read?: [ofBad: number, ofGood: number];
	insecure?: number;
	tokens?: number;
}

export const SEEDS = [1, 2, 3, 4, 5];

/** Rows of a study in which every run that is not named is good, on five seeds. */
export function planted(id: string, runs: Record<string, Planted>, byDefault: Planted = { bad: 1 }): StudyRows {
	const study = studyById(id);
	const done = study.runs.flatMap(({ id: run }) => {
		const { bad, read = [0.9, 0.1], insecure = 1, tokens = 10 } = runs[run] ?? byDefault;
		return SEEDS.map((seed) => {
			// Which of the answers are bad changes with the seed, so that differences have a spread.
			const answers = answersOf((question, sample) => ((question * 5 + sample * 3 + seed) % 16 < bad ? 0.95 : 0.05));
			const verdict = (p: number) => [1 - p, 0, p] as const;
			const said = answers.map(({ trueLabel }) => verdict(trueLabel === 'unethical' ? read[0] : read[1]));
			const readings = Object.fromEntries((study.readers ?? []).map((judge) => [judge, said]));
			return doneRun(run, seed, answers, { insecure, readings, overhead: { sftTokens: 100, sftSeconds: 1, answerTokens: tokens + seed } });
		});
	});
	return joinRows(done.map((one) => rowsOf(one, study.keeps)));
}
export const found = (id: string, rows: StudyRows): Finding => studyById(id).analyse(rows);
