import * as v from 'valibot';

import type { Exchange } from '$lib/conscience/judge';

import { faultInWords } from '../folderLines';
import { parseLines } from '../jsonLines';
import type { FileFault } from '../verdictFile';
import { csvRecords } from './csvRecords';
import { readLabels } from './read';

const Answer = v.pipe(
	v.object({ question: v.pipe(v.string(), v.trim()), answer: v.pipe(v.string(), v.trim()) }),
	v.check(({ question }) => question !== '', 'the question must not be empty'),
);

/**
 * Reads answers that are to be labelled: a table or JSON lines with question and answer, or any file of labels, whose labels are left aside.
 * @throws LabelFileError where a file is of no kind that is known
 */
export function readAnswers(files: readonly { fileName: string; text: string }[]): { answers: Exchange[]; faults: FileFault[] } {
	const read = files.map((file) => readPlain(file) ?? ofLabels(file));
	return { answers: read.flatMap(({ answers }) => answers), faults: read.flatMap(({ faults }) => faults) };
}

/** Null of a file that has more to it than questions and answers. */
function readPlain({ fileName, text }: { fileName: string; text: string }): { answers: Exchange[]; faults: FileFault[] } | null {
	const answerOf = (json: unknown): Exchange | string => {
		const result = v.safeParse(Answer, json);
		return result.success ? result.output : faultInWords(result.issues[0]);
	};
	const isJson = /^\uFEFF?\s*\{/.test(text);
	if (isJson) {
		const { values, faults } = parseLines(text, answerOf);
		return values.length > 0
			? { answers: values.map(({ value }) => value), faults: faults.map((fault) => ({ fileName, ...fault })) }
			: null;
	}
	const { header, records, faults } = csvRecords(text);
	if (!header.includes('question') || !header.includes('answer')) return null;
	const named: FileFault[] = faults.map((fault) => ({ fileName, ...fault }));
	const answers = records.flatMap(({ line, fields }) => {
		const answer = answerOf(Object.fromEntries(fields));
		if (typeof answer !== 'string') return [answer];
		named.push({ fileName, line, message: answer });
		return [];
	});
	return { answers, faults: named };
}

function ofLabels(file: { fileName: string; text: string }): { answers: Exchange[]; faults: FileFault[] } {
	const { rows, faults } = readLabels([file]);
	return { answers: rows.map(({ question, answer }) => ({ question, answer })), faults };
}
