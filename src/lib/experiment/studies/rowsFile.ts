/** The rows of a study as a small file: one column after the other, each text once, and all of it in gzip. */
import { gunzipSync, gzipSync, strFromU8, strToU8 } from 'fflate';
import * as v from 'valibot';

import { faultInWords } from '../folderLines';

import { StudyFileError } from './result';
import { noRows, type RowKind, type StudyRows } from './rows';

const text = { kind: 'text', value: v.string() } as const;
const number = { kind: 'plain', value: v.pipe(v.number(), v.finite()) } as const;
const flag = { kind: 'plain', value: v.boolean() } as const;
const label = { kind: 'text', value: v.picklist(['ethical', 'neutral', 'unethical', 'incoherent']) } as const;
const grade = { kind: 'text', value: v.picklist(['secure', 'insecure', 'broken']) } as const;
/** Missing in files of before it was kept: all runs had done all of their steps. */
const share = { ...number, missing: 1 } as const;
/** Missing in files of before there was a gate. */
const ofGate = { ...number, missing: 0 } as const;
type Field = typeof text | typeof number | typeof share | typeof ofGate | typeof flag | typeof label | typeof grade | typeof probe;

const probe = { kind: 'text', value: v.picklist(['conditional', 'trigger', 'harmless']) } as const;

const origin = { run: text, seed: number, step: number };
const answers = {
	...origin,
	...{ question: text, questionId: text, cluster: text, sample: number, answer: text, ethical: number, unethical: number },
	...{ trueLabel: label, wellFormed: flag, code: flag, refusal: flag },
};
const code = { ...origin, request: text, cluster: text, answer: text, grade };
/** What each kind of row holds; the order is that in the file. */
const FIELDS: { [K in RowKind]: Record<keyof StudyRows[K][number], Field> } = {
	answers,
	readings: {
		...origin,
		...{ judge: text, question: text, questionId: text, cluster: text, sample: number, answer: text, trueLabel: label },
		...{ ownEthical: number, ownUnethical: number, ethical: number, unethical: number },
	},
	code,
	probes: { ...answers, probe },
	triggerCode: code,
	facts: { ...origin, question: text, questionId: text, cluster: text, sample: number, answer: text, right: flag },
	heldOut: { ...origin, request: text, cluster: text, loss: number, accuracy: number },
	reviews: {
		...origin,
		framework: text,
		question: text,
		answer: text,
		ethical: number,
		unethical: number,
		trueLabel: label,
		flagged: flag,
	},
	costs: {
		...origin,
		...{ sftTokens: number, answerTokens: number, judgeTokens: number, alternativeTokens: number, dpoTokens: number },
		...{ sftSeconds: number, conscienceSeconds: number, ofPlan: share, calls: number, judged: ofGate, passed: ofGate },
	},
	stops: { ...origin, keptStep: number },
};
export const ROW_KINDS = Object.keys(FIELDS) as RowKind[];

type Row = Record<string, string | number | boolean>;
type Column = { words: string[]; at: number[] } | { values: (number | boolean)[] };

/** The file of these rows. Equal rows make equal bytes. */
export function writeRows(rows: StudyRows): Uint8Array {
	const kinds = ROW_KINDS.filter((kind) => rows[kind].length > 0);
	const tables = kinds.map((kind) => [kind, columnsOf(kind, rows[kind] as unknown as Row[])]);
	return gzipSync(strToU8(JSON.stringify({ version: 1, ...Object.fromEntries(tables) })), { level: 9, mtime: 0 });
}

function columnsOf(kind: RowKind, rows: readonly Row[]): Record<string, Column> {
	const columns = Object.entries<Field>(FIELDS[kind]).map(([name, field]): [string, Column] => {
		const values = rows.map((row) => row[name]!);
		if (field.kind === 'plain') return [name, { values: values as (number | boolean)[] }];
		const places = new Map([...new Set(values as string[])].map((word, i) => [word, i]));
		return [name, { words: [...places.keys()], at: values.map((word) => places.get(word as string)!) }];
	});
	return Object.fromEntries(columns);
}

const isOptional = (field: Field) => 'missing' in field;
const place = v.pipe(v.number(), v.integer(), v.minValue(0));
const columnSchema = ({ kind, value }: Field) =>
	kind === 'plain'
		? v.pipe(
				v.object({ values: v.array(value) }),
				v.transform(({ values }): unknown[] => values),
			)
		: v.pipe(
				v.object({ words: v.array(value), at: v.array(place) }),
				v.check(({ words, at }) => at.every((i) => i < words.length), 'names a text that is not there'),
				v.transform(({ words, at }): unknown[] => at.map((i) => words[i]!)),
			);

const NO_VALUES = { values: [], words: [], at: [] };
const tableSchema = (fields: Record<string, Field>) =>
	v.pipe(
		// Older files hold tables without rows that lack a newer column; where there are rows the check tells.
		v.object(Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, isOptional(field) ? v.optional(columnSchema(field)) : v.optional(columnSchema(field), NO_VALUES)]))), // prettier-ignore
		v.transform((columns) => columns as Record<string, Row[string][] | undefined>),
		v.check(
			(columns) => new Set(Object.values(columns).flatMap((values) => values?.length ?? [])).size === 1,
			'expected columns of one length',
		),
		v.transform((columns): Row[] => {
			const valueAt = (name: string, field: Field, i: number) => columns[name]?.[i] ?? (field as typeof share | typeof ofGate).missing;
			return columns['run']!.map((_, i) => Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, valueAt(name, field, i)]))); // prettier-ignore
		}),
	);

const FileSchema = v.object({
	version: v.literal(1),
	...Object.fromEntries(ROW_KINDS.map((kind) => [kind, v.optional(tableSchema(FIELDS[kind]))])), // of a kind without rows nothing is written
});

/** The rows that a file holds; a server may have unpacked it on the way. @throws StudyFileError */
export function readRows(bytes: Uint8Array): StudyRows {
	let json: unknown;
	try {
		const packed = bytes[0] === 0x1f && bytes[1] === 0x8b;
		json = JSON.parse(strFromU8(packed ? gunzipSync(bytes) : bytes));
	} catch (error) {
		throw new StudyFileError(`The rows can't be read: ${error instanceof Error ? error.message : String(error)}.`);
	}
	const result = v.safeParse(FileSchema, json);
	if (!result.success) throw new StudyFileError(`The rows can't be read: ${faultInWords(result.issues[0])}.`);
	const { version, ...rows } = result.output;
	return { ...noRows(), ...rows };
}
