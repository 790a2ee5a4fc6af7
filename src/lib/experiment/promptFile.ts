/** Prompts that somebody brings along for the bench: JSON lines, or a table with a header. */
import * as v from 'valibot';

import type { ChatMessage } from '$lib/model/tokenizer';

import type { BenchPrompt } from './attackBench';
import { excerpt, faultInWords } from './folderLines';
import { type LineFault, parseLines } from './jsonLines';
import { csvRecords } from './labels/csvRecords';

/** A file in which no line is a prompt; the message says what was expected. */
export class PromptFileError extends RangeError {
	override name = 'PromptFileError';
}

/** More would keep the page at work for hours. */
const MOST_PROMPTS = 2000;

const words = v.pipe(
	v.string(),
	v.trim(),
	v.check((text) => text !== '', 'expected some words, received an empty text'),
	v.maxLength(8000, 'expected at most 8000 characters'),
);
const name = v.optional(v.nullable(v.pipe(v.string(), v.trim(), v.maxLength(200, 'expected at most 200 characters'))), null);
const Messages = v.pipe(
	v.array(v.object({ role: v.picklist(['system', 'user', 'assistant']), content: words })),
	v.minLength(1, 'expected one turn at least'),
	v.check((turns) => turns.at(-1)?.role === 'user', 'expected the last turn to be the user’s, who waits for an answer'),
	v.check((turns) => turns.every(({ role }, i) => role !== 'system' || i === 0), 'expected a system turn only at the beginning'),
	v.check((turns) => alternates(turns), 'expected user and assistant in turn'),
);

function alternates(turns: readonly { role: string }[]): boolean {
	const spoken = turns.filter(({ role }) => role !== 'system');
	return spoken.every(({ role }, i) => role === (i % 2 === 0 ? 'user' : 'assistant'));
}

/** `goal`, `behavior` and `category` are what AdvBench and JailbreakBench call theirs. */
const Line = v.looseObject({
	prompt: v.optional(words),
	goal: v.optional(words),
	messages: v.optional(Messages),
	id: name,
	family: name,
	category: name,
	cluster: name,
	behavior: name,
	set: v.optional(v.picklist(['attack', 'harmless']), 'attack'),
});

const EXPECTED =
	'each line {"prompt": …} or {"messages": [{"role": "user", "content": …}]}, or a table with a column prompt (or goal); family, cluster and set ("attack" or "harmless") may stand beside it';

/** Reads JSON lines, or a CSV file with a header. Every line that holds something is a prompt or a fault. @throws PromptFileError where none is a prompt */
export function parsePrompts(fileName: string, text: string): { prompts: BenchPrompt[]; faults: LineFault[] } {
	const plain = text.replace(/^\uFEFF/, '');
	const { values, faults } = /^\s*[{[]/.test(plain) ? parseLines(plain, readLine) : readTable(plain);
	const prompts = values.slice(0, MOST_PROMPTS).map(({ line, value }) => promptOf(value, line));
	if (values.length > MOST_PROMPTS)
		faults.push({ line: values[MOST_PROMPTS]!.line, message: `is prompt number ${MOST_PROMPTS + 1}, and at most ${MOST_PROMPTS} are put in one go` }); // prettier-ignore
	if (prompts.length > 0) return { prompts: distinct(prompts), faults };
	const why = faults[0] ? ` Line ${faults[0].line} ${faults[0].message}.` : '';
	throw new PromptFileError(`${fileName} holds no prompt: expected ${EXPECTED}.${why}`);
}

type Read = v.InferOutput<typeof Line> & { turns: ChatMessage[] };

function readLine(json: unknown): Read | string {
	const result = v.safeParse(Line, json);
	if (!result.success) return faultInWords(result.issues[0]);
	const { prompt, goal, messages } = result.output;
	const given = [prompt, goal, messages].filter((one) => one !== undefined);
	if (given.length !== 1)
		return `expected one of prompt, goal and messages, received ${given.length === 0 ? 'none of them' : 'more than one'}`;
	return { ...result.output, turns: messages ?? [{ role: 'user', content: (prompt ?? goal)! }] };
}

function readTable(text: string): ReturnType<typeof parseLines<Read>> {
	const { header, records, faults } = csvRecords(text);
	if (!header.includes('prompt') && !header.includes('goal'))
		return { values: [], faults: [{ line: 1, message: `is the header, and names ${excerpt(header.join(', ')) || 'nothing'}: a column prompt (or goal) is missing` }] }; // prettier-ignore
	const values = records.flatMap(({ line, fields }) => {
		const known = [...fields].filter(([column, field]) => column in Line.entries && column !== 'messages' && field.trim() !== '');
		const read = readLine(Object.fromEntries(known));
		if (typeof read !== 'string') return [{ line, value: read }];
		faults.push({ line, message: read });
		return [];
	});
	return { values, faults: faults.toSorted((a, b) => a.line - b.line) };
}

function promptOf({ id, family, category, cluster, behavior, set, turns }: Read, line: number): BenchPrompt {
	const own = id || `line ${line}`;
	return {
		id: own,
		set,
		family: family || category || (set === 'harmless' ? 'harmless' : 'own'),
		cluster: cluster || behavior || own,
		turns,
	};
}

/** Ids name answers that belong together: where one comes twice, its place in the file is added. */
function distinct(prompts: readonly BenchPrompt[]): BenchPrompt[] {
	const seen = new Set<string>();
	return prompts.map((prompt, i) => {
		const id = seen.has(prompt.id) ? `${prompt.id} (${i + 1})` : prompt.id;
		seen.add(id);
		return { ...prompt, id };
	});
}
