import * as v from 'valibot';

import type { ChatMessage } from '$lib/model/tokenizer';

/** One conversation to learn from: the last turn is the assistant's, and it alone carries the loss. */
export interface ChatRow {
	messages: ChatMessage[];
}

/** A line of a file that is no row: where it is and what is wrong with it. */
export interface RowFault {
	/** Counted from 1. */
	line: number;
	message: string;
}

const Row = v.object({
	messages: v.pipe(
		v.array(v.object({ role: v.picklist(['system', 'user', 'assistant']), content: v.string() })),
		v.minLength(2, 'needs a question and an answer'),
		v.check((messages) => messages.at(-1)?.role === 'assistant', 'must end with an assistant turn, which is what is learnt'),
		v.check((messages) => messages.at(-1)?.content.trim() !== '', 'ends with an empty answer, so there is nothing to learn'),
	),
});

/** Reads JSON lines of `{"messages":[{"role","content"},…]}`. Empty lines are passed over; every other line is a row or a fault. */
export function parseRows(text: string): { rows: ChatRow[]; faults: RowFault[] } {
	const rows: ChatRow[] = [];
	const faults: RowFault[] = [];
	text
		.replace(/^\uFEFF/, '')
		.split(/\r\n|\n|\r/)
		.forEach((line, i) => {
			if (line.trim() === '') return;
			const row = parseRow(line);
			if (typeof row === 'string') faults.push({ line: i + 1, message: row });
			else rows.push(row);
		});
	return { rows, faults };
}

function parseRow(line: string): ChatRow | string {
	let json: unknown;
	try {
		json = JSON.parse(line);
	} catch {
		return `is not JSON: it begins with ${JSON.stringify(line.slice(0, 40))}`;
	}
	const result = v.safeParse(Row, json);
	if (result.success) return { messages: result.output.messages };
	const [issue] = result.issues;
	return `${v.getDotPath(issue) ?? 'the row'}: ${issue.message}`;
}
