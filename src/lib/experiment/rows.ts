import type { ChatMessage } from '$lib/model/tokenizer';

/** What a run's own rows are called in its folder. */
export const ROWS_FILE = 'rows.jsonl';

/** One conversation to learn from: the last turn is the assistant's, and it alone carries the loss. */
export interface ChatRow {
	messages: ChatMessage[];
	/** Of a preference pair: the answer to which the last turn is preferred. */
	rejected?: string;
}

/** The pairs among the rows, each with its place in the file (counted from 0). */
export const pairsAmong = (rows: readonly ChatRow[]): { place: number; row: Required<ChatRow> }[] =>
	rows.flatMap(({ messages, rejected }, place) => (rejected === undefined ? [] : [{ place, row: { messages, rejected } }]));
