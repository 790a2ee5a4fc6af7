/** Reads training data of the user's own: JSON lines, a JSON array or a table, told apart by what the file begins with. */
import { type LineFault, parseLines } from './jsonLines';
import { csvRecords, separatorOf } from './labels/csvRecords';
import { hasForm, readRow, TABLE_COLUMNS, TABLE_FORMS } from './rowForms';
import type { ChatRow } from './rows';
import { breaksIn, firstLine } from './textLines';

/** What could be read, and what could not. */
export interface ReadRows {
	rows: ChatRow[];
	faults: LineFault[];
}

/** Every record that holds something is a row or a fault that names its line. */
export function parseRows(text: string): ReadRows {
	const plain = text.replace(/^\uFEFF/, '');
	if (plain.trimStart().startsWith('[')) {
		const whole = parseArray(plain);
		if (whole) return whole;
	}
	return readTable(plain) ?? readLines(plain);
}

/** A field of rows that nothing else has which the lab reads; for an array that breaks off. */
const NAMES_A_FIELD = /"(messages|prompt|instruction|conversations)"\s*:/;

/** True of a .json file that holds rows: an array of them, a single one, or lines of them. */
export function looksLikeRows(text: string): boolean {
	const plain = text.replace(/^\uFEFF/, '').trim();
	const whole = jsonOf(plain) ?? jsonOf(firstLine(plain));
	if (whole === undefined) return plain.startsWith('[') && NAMES_A_FIELD.test(plain);
	return Array.isArray(whole) ? whole.some(hasForm) : hasForm(whole);
}

function readLines(text: string): ReadRows {
	const { values, faults } = parseLines(text, readRow);
	return { rows: values.map(({ value }) => value), faults };
}

/** The records of a JSON array; null where the text is none, but perhaps lines that begin with a bracket. */
function parseArray(text: string): ReadRows | null {
	let records: unknown;
	try {
		records = JSON.parse(text);
	} catch (error) {
		if (jsonOf(firstLine(text.trimStart())) !== undefined) return null;
		return { rows: [], faults: [{ line: lineOfError(text, error as Error), message: `is where the array stops being JSON: ${(error as Error).message.slice(0, 200)}` }] }; // prettier-ignore
	}
	const lines = linesOfRecords(text);
	const read = (records as unknown[]).map((record, i) => ({ line: lines[i] ?? 1, record: i + 1, value: readRow(record) }));
	return {
		rows: read.flatMap(({ value }) => (typeof value === 'string' ? [] : [value])),
		faults: read.flatMap(({ line, record, value }) => (typeof value === 'string' ? [{ line, message: `record ${record} ${value}` }] : [])),
	};
}

/** Engines tell where they stopped as `position 12`, or not at all where that is the end. */
function lineOfError(text: string, { message }: Error): number {
	const position = /position (\d+)/.exec(message)?.[1];
	return 1 + breaksIn(text.slice(0, position === undefined ? text.length : Number(position)));
}

/** Undefined for what is no JSON. */
function jsonOf(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/** The line on which each record of a JSON array begins; the text is known to be one. */
function linesOfRecords(text: string): number[] {
	const lines: number[] = [];
	let [line, depth, quoted, awaits] = [1, 0, false, true];
	for (let i = 0; i < text.length; i++) {
		const character = text[i]!;
		if (quoted) {
			if (character === '\\') i++;
			else quoted = character !== '"';
			continue;
		}
		if (character === '\n' || (character === '\r' && text[i + 1] !== '\n')) line++;
		if (/\s/.test(character)) continue;
		if (depth === 1 && awaits && character !== ']') [awaits] = [false, lines.push(line)];
		if (character === '"') quoted = true;
		else if (character === '[' || character === '{') depth++;
		else if (character === ']' || character === '}') depth--;
		else if (character === ',' && depth === 1) awaits = true;
	}
	return lines;
}

/** The records of a table; null where the text is none. */
function readTable(text: string): ReadRows | null {
	const first = text.trimStart();
	if (first.startsWith('{') || first.startsWith('[')) return null;
	const heading = firstLine(first).toLowerCase();
	const names = heading.split(separatorOf(heading)).map((name) => name.trim().replaceAll('"', ''));
	if (!TABLE_COLUMNS.some((column) => names.includes(column))) return null;
	const { header, records, faults } = csvRecords(text);
	if (!TABLE_FORMS.some((form) => form.every((column) => header.includes(column)))) {
		const forms = TABLE_FORMS.map((form) => form.join(' and ')).join(', or ');
		return { rows: [], faults: [{ line: 1, message: `is a header with ${header.join(', ').slice(0, 200)}; expected the columns ${forms}` }] }; // prettier-ignore
	}
	const inOrder = [...records, ...faults].map(({ line }) => line).toSorted((a, b) => a - b);
	const numbers = new Map(inOrder.map((line, i) => [line, i + 1]));
	const named = (line: number, message: string) => ({ line, message: `record ${numbers.get(line)} ${message}` });
	const misread = faults.map(({ line, message }) => named(line, message));
	const rows = records.flatMap(({ line, fields }) => {
		const known = [...fields].filter(([column, field]) => TABLE_COLUMNS.includes(column) && (field !== '' || column !== 'prompt'));
		const row = readRow(Object.fromEntries(known));
		if (typeof row !== 'string') return [row];
		misread.push(named(line, row));
		return [];
	});
	return { rows, faults: misread.toSorted((a, b) => a.line - b.line) };
}
