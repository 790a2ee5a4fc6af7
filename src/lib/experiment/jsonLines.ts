import { LINE_BREAK } from './textLines';

/** A line of a file that can't be used: where it is and what is wrong with it. */
export interface LineFault {
	/** Counted from 1. */
	line: number;
	message: string;
}

/** Reads JSON lines. Empty ones are passed over; of every other `read` makes a value, or says in a text what is wrong with it. */
export function parseLines<T extends object>(
	text: string,
	read: (json: unknown) => T | string,
): { values: { line: number; value: T }[]; faults: LineFault[] } {
	const values: { line: number; value: T }[] = [];
	const faults: LineFault[] = [];
	text
		.replace(/^\uFEFF/, '')
		.split(LINE_BREAK)
		.forEach((content, i) => {
			if (content.trim() === '') return;
			const line = i + 1;
			const value = readLine(content, read);
			if (typeof value === 'string') faults.push({ line, message: value });
			else values.push({ line, value });
		});
	return { values, faults };
}

function readLine<T extends object>(content: string, read: (json: unknown) => T | string): T | string {
	try {
		return read(JSON.parse(content));
	} catch {
		return `is not JSON: it begins with ${JSON.stringify(content.slice(0, 40))}`;
	}
}
