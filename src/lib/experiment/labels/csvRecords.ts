import { dsvFormat } from 'd3';

import type { LineFault } from '../jsonLines';
import { breaksIn, firstLine } from '../textLines';

/** A record of a CSV file, by the names of its header, and the line that it begins on: a quoted field may hold line breaks. */
export interface CsvRecord {
	line: number;
	fields: ReadonlyMap<string, string>;
}

const SEPARATORS = { ',': 'comma', ';': 'semicolon', '\t': 'tab' };
type Separator = keyof typeof SEPARATORS;

/** What separates the fields of a table: what its header has most of. Excel writes semicolons where numbers have commas. */
export function separatorOf(text: string): Separator {
	const header = firstLine(text.trimStart()).replace(/"[^"]*"/g, '');
	const times = (separator: string) => header.split(separator).length;
	return (Object.keys(SEPARATORS) as Separator[]).reduce((most, separator) => (times(separator) > times(most) ? separator : most));
}

/** Reads a CSV file with a header (RFC 4180), its fields separated by commas, semicolons or tabs. Empty lines are passed over; a record with more or fewer fields than the header is a fault. */
export function csvRecords(text: string): { header: string[]; records: CsvRecord[]; faults: LineFault[] } {
	const plain = text.replace(/^\uFEFF/, '');
	const separator = separatorOf(plain);
	const rows = numbered(dsvFormat(separator).parseRows(plain)).filter(({ fields }) => fields.length > 1 || fields[0]?.trim());
	const header = (rows.shift()?.fields ?? []).map((name) => name.trim().toLowerCase());
	const records: CsvRecord[] = [];
	const faults: LineFault[] = [];
	// A quote that is never closed makes one field of all that follows.
	const isOpen = (text.match(/"/g)?.length ?? 0) % 2 === 1;
	rows.forEach(({ line, fields }, i) => {
		if (isOpen && i === rows.length - 1 && breaksWithin(fields) > 0)
			faults.push({ line, message: `opens a quote (") that is never closed, so that all ${breaksWithin(fields)} lines after it are taken for one field; a quote within a field is written twice ("")` }); // prettier-ignore
		else if (fields.length === header.length) records.push({ line, fields: new Map(header.map((name, f) => [name, fields[f]!])) });
		else faults.push({ line, message: `has ${fields.length} fields, and the header has ${header.length} (${header.join(', ')}); a field that holds a ${SEPARATORS[separator]} is put in quotes` }); // prettier-ignore
	});
	return { header, records, faults };
}

function numbered(rows: readonly string[][]): { line: number; fields: string[] }[] {
	let next = 1;
	return rows.map((fields) => {
		const line = next;
		next += 1 + breaksWithin(fields);
		return { line, fields };
	});
}

const breaksWithin = (fields: readonly string[]): number => fields.reduce((sum, field) => sum + breaksIn(field), 0);
