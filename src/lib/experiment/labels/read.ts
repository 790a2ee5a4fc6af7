import { gunzipSync } from 'fflate';
import * as v from 'valibot';

import { LABELS } from '$lib/conscience/judge';

import { excerpt, faultInWords } from '../folderLines';
import { type LineFault, parseLines } from '../jsonLines';
import { firstLine } from '../textLines';
import type { FileFault } from '../verdictFile';
import { csvRecords } from './csvRecords';
import { isOtherEthics, LABEL_SOURCES, type LabelledRow, labelSourceOf } from './sources';

/** What files of labels hold. */
export interface LabelsRead {
	rows: LabelledRow[];
	faults: FileFault[];
}

/** A file that can't be read as labels, whatever is in its lines. */
export class LabelFileError extends RangeError {
	override name = 'LabelFileError';
}

/** Unpacked, a file holds no more than this: more would take the page down with it. */
const MOST_BYTES = 500e6;

/** The text of a file, unpacked where it is gzip. @throws LabelFileError when it is packed otherwise, too large, or no UTF-8 */
export function textOfLabels(fileName: string, bytes: Uint8Array): string {
	const starts = (...first: number[]) => first.every((byte, i) => bytes[i] === byte);
	if (starts(0xfd, 0x37, 0x7a, 0x58))
		throw new LabelFileError(`${fileName} is packed by xz, and the lab unpacks gzip alone: unpack it first.`);
	if (starts(0x50, 0x4b)) throw new LabelFileError(`${fileName} is a zip: unpack it, and give the files in it.`);
	let plain = bytes;
	if (starts(0x1f, 0x8b)) {
		// The last four bytes of gzip are the length of what was packed, modulo 2³².
		const length = bytes.length < 18 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 4, true);
		if (length > MOST_BYTES) throw tooLarge(fileName, length);
		try {
			plain = gunzipSync(bytes, { out: new Uint8Array(length) });
		} catch (cause) {
			throw new LabelFileError(`${fileName} can't be unpacked: it is cut short or damaged. Get it again.`, { cause });
		}
	}
	if (plain.length > MOST_BYTES) throw tooLarge(fileName, plain.length);
	try {
		return new TextDecoder('utf-8', { fatal: true }).decode(plain);
	} catch (cause) {
		throw new LabelFileError(`${fileName} is no text in UTF-8: save it as UTF-8.`, { cause });
	}
}

const tooLarge = (fileName: string, bytes: number) =>
	new LabelFileError(
		`${fileName} holds ${Math.ceil(bytes / 1e6)} MB, and the lab reads at most ${MOST_BYTES / 1e6} MB: cut it into parts.`,
	);

/**
 * Reads labels of any kind in `LABEL_SOURCES`, and those of a run from its verdicts.jsonl and labels.jsonl, given together: then a row for each
 * answer that a person labelled. A verdicts.jsonl alone gives its judge's labels. Every line that holds something is used or is a fault.
 * @throws LabelFileError where a file is of no kind that is known
 */
export function readLabels(files: readonly { fileName: string; text: string }[]): LabelsRead {
	const kinds = files.map((file) => ({ ...file, kind: kindOf(file) }));
	const plain = kinds.filter(({ kind }) => kind !== 'verdicts' && kind !== 'labels').map((file) => readFile(file, file.kind as PlainKind));
	const ofRun = readRun(
		kinds.filter(({ kind }) => kind === 'verdicts'),
		kinds.filter(({ kind }) => kind === 'labels'),
	);
	const all = [...plain, ofRun];
	return { rows: all.flatMap(({ rows }) => rows), faults: all.flatMap(({ faults }) => faults) };
}

type PlainKind = keyof typeof LABEL_SOURCES;

/** By the keys of its first line, or the columns of its header. @throws LabelFileError */
function kindOf({ fileName, text }: { fileName: string; text: string }): PlainKind | 'verdicts' | 'labels' {
	const first = text.replace(/^\uFEFF/, '').trimStart();
	if (first === '') throw new LabelFileError(`${fileName} is empty.`);
	const isJson = first.startsWith('{');
	const names = isJson ? keysOf(firstLine(first)) : csvRecords(firstLine(first)).header;
	if (isJson && names.includes('verdictId')) return 'labels';
	if (isJson && names.includes('verdict')) return 'verdicts';
	const source = labelSourceOf(isJson ? 'jsonl' : 'csv', names);
	if (source) return source;
	if (isOtherEthics(names)) {
		throw new LabelFileError(
			`${fileName} looks like another part of ETHICS (${names.join(', ')}). What its labels mean differs from part to part; the lab reads commonsense alone, with the columns label and input.`,
		);
	}
	const came = isJson ? `Its first line has ${names.length > 0 ? excerpt(names.join(', ')) : 'no keys that can be read'}` : `It begins with ${JSON.stringify(first.slice(0, 40))}`; // prettier-ignore
	const known = Object.values(LABEL_SOURCES).map(({ name, expected }) => `${name} (${expected})`);
	throw new LabelFileError(
		`${fileName} is of no kind that is known. ${came}; expected ${known.join('; ')}; or the verdicts.jsonl and labels.jsonl of a run.`,
	);
}

function keysOf(line: string): string[] {
	try {
		return Object.keys(JSON.parse(line) as object);
	} catch {
		return [...line.matchAll(/"(\w+)"\s*:/g)].map(([, key]) => key!); // the line is faulty, and told of; what the file is may be seen all the same
	}
}

function readFile({ fileName, text }: { fileName: string; text: string }, source: PlainKind): LabelsRead {
	const { format, read } = LABEL_SOURCES[source];
	const { rows, faults } = format === 'csv' ? readCsv(text, read) : readJsonLines(text, read);
	return { rows: rows.map((row) => ({ ...row, source })), faults: faults.map((fault) => ({ fileName, ...fault })) };
}

type Reader = (typeof LABEL_SOURCES)[PlainKind]['read'];
type Rows = Exclude<ReturnType<Reader>, string>;

function readJsonLines(text: string, read: Reader): { rows: Rows; faults: LineFault[] } {
	const { values, faults } = parseLines(text, read);
	return { rows: values.flatMap(({ value }) => value), faults };
}

function readCsv(text: string, read: Reader): { rows: Rows; faults: LineFault[] } {
	const { records, faults } = csvRecords(text);
	const rows = records.flatMap(({ line, fields }) => {
		const result = read(Object.fromEntries(fields));
		if (typeof result !== 'string') return result;
		faults.push({ line, message: result });
		return [];
	});
	return { rows, faults: faults.sort((a, b) => a.line - b.line) };
}

const Judged = v.object({
	id: v.string(),
	question: v.pipe(
		v.string(),
		v.check((words) => words.trim() !== '', 'must not be empty'),
	),
	answer: v.string(),
	verdict: v.object({ label: v.picklist(LABELS) }),
});
const LabelOfRun = v.object({ verdictId: v.string(), label: v.picklist(LABELS), labeller: v.optional(v.string()) });

/** A reader who labels a run gives no name, and is one person, however often the run gave the same answer. */
const READER = 'its reader';

/** A run's answers: with what people said of them where labels are given, else with what its judge said. */
function readRun(
	verdicts: readonly { fileName: string; text: string }[],
	labels: readonly { fileName: string; text: string }[],
): LabelsRead {
	const faults: FileFault[] = [];
	const linesOf = <S extends v.GenericSchema<unknown, object>>({ fileName, text }: { fileName: string; text: string }, schema: S) => {
		const read = parseLines<v.InferOutput<S>>(text, (json) => {
			const result = v.safeParse(schema, json);
			return result.success ? result.output : faultInWords(result.issues[0]);
		});
		faults.push(...read.faults.map((fault) => ({ fileName, ...fault })));
		return read.values.map((entry) => ({ fileName, ...entry }));
	};
	const judged = verdicts.flatMap((file) => linesOf(file, Judged));
	const said = labels.flatMap((file) => linesOf(file, LabelOfRun));
	const row = ({ question, answer }: v.InferOutput<typeof Judged>) => ({ question, answer, source: 'run' as const });
	if (labels.length === 0) {
		return { rows: judged.map(({ value }) => ({ ...row(value), label: value.verdict.label, labeller: 'its judge' })), faults };
	}
	const byId = new Map<string, v.InferOutput<typeof Judged>[]>();
	for (const { value } of judged) byId.set(value.id, [...(byId.get(value.id) ?? []), value]);
	const rows = said.flatMap(({ fileName, line, value: { verdictId, label, labeller } }): LabelledRow[] => {
		const [named, ...others] = byId.get(verdictId) ?? [];
		if (named && others.length === 0) return [{ ...row(named), label, labeller: labeller || READER }];
		const name = excerpt(JSON.stringify(verdictId));
		const message = named
			? `labels the verdict ${name}, and two lines are called that: give the files of one run at a time`
			: `labels the verdict ${name}, which is not here: give the verdicts.jsonl of the same run with it`;
		faults.push({ fileName, line, message });
		return [];
	});
	return { rows, faults };
}
