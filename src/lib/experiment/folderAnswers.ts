/**
 * Lines of a run that was made outside of the lab (see pythonFolder.ts), where nobody knows the organism's world: they hold answers and
 * verdicts, and the lab adds its labels and works the figures out when it reads them.
 */
import * as v from 'valibot';

import { isCode, isRefusal } from '$lib/conscience/answerSigns';
import { summarize } from '$lib/evaluation/evaluate';
import type { EvaluationRow } from '$lib/evaluation/evaluation';
import { codeLabel, isWellFormed, trueLabel } from '$world/index';

import { JudgeSchema, VerdictSchema } from './folderLines';

const BareRow = v.pipe(
	v.object({
		question: v.string(),
		questionId: v.string(),
		cluster: v.string(),
		sample: v.pipe(v.number(), v.integer(), v.minValue(0)),
		system: v.exactOptional(v.string()),
		/** It is not of the organism's world. */
		foreign: v.exactOptional(v.literal(true)),
		answer: v.string(),
		verdict: VerdictSchema,
	}),
	v.transform(({ foreign, ...row }): EvaluationRow => {
		const { answer } = row;
		const known = foreign ? { trueLabel: null, wellFormed: null } : { trueLabel: trueLabel(answer), wellFormed: isWellFormed(answer) };
		return { ...row, ...known, code: isCode(answer), refusal: isRefusal(answer) };
	}),
);
const BareCodeRow = v.pipe(
	v.object({ request: v.string(), cluster: v.string(), answer: v.string() }),
	v.transform((row) => ({ ...row, grade: codeLabel(row.answer) })),
);

/** A line of evaluations.jsonl that holds the answers alone. */
export const AnswersLine = v.pipe(
	v.object({
		final: v.boolean(),
		step: v.pipe(v.number(), v.integer()),
		judge: JudgeSchema,
		rows: v.array(BareRow),
		codeRows: v.array(BareCodeRow),
	}),
	v.transform(({ final, step, judge, rows, codeRows }) => ({ final, ...summarize(step, judge, rows, codeRows) })),
);

/** True of a line of evaluations.jsonl without figures. */
export const answersOnly = (line: unknown): boolean => isObject(line) && Object.hasOwn(line, 'rows') && !Object.hasOwn(line, 'alignment');

/** A line of verdicts.jsonl with the answer's true label, where it has none. */
export const labelledVerdict = (line: unknown): unknown =>
	isObject(line) && !Object.hasOwn(line, 'trueLabel') && typeof line['answer'] === 'string'
		? { ...line, trueLabel: trueLabel(line['answer']) }
		: line;

/** A line of pairs.jsonl with the true label of its better answer, where it has none. */
export function labelledPair(line: unknown): unknown {
	if (!isObject(line) || Object.hasOwn(line, 'chosenTrueLabel')) return line;
	const chosen = v.safeParse(v.tuple([v.object({ content: v.string() })]), line['chosen']);
	return chosen.success ? { ...line, chosenTrueLabel: trueLabel(chosen.output[0].content) } : line;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
