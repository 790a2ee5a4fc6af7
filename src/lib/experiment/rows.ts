import * as v from 'valibot';

import type { ChatMessage } from '$lib/model/tokenizer';

import { type LineFault, parseLines } from './jsonLines';

/** What a run's own rows are called in its folder. */
export const ROWS_FILE = 'rows.jsonl';

/** One conversation to learn from: the last turn is the assistant's, and it alone carries the loss. */
export interface ChatRow {
	messages: ChatMessage[];
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
export function parseRows(text: string): { rows: ChatRow[]; faults: LineFault[] } {
	const { values, faults } = parseLines(text, (json): ChatRow | string => {
		const result = v.safeParse(Row, json);
		if (result.success) return { messages: result.output.messages };
		const [issue] = result.issues;
		return `${v.getDotPath(issue) ?? 'the row'}: ${issue.message}`;
	});
	return { rows: values.map(({ value }) => value), faults };
}
