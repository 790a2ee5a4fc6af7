/** What `npm run experiments` writes of a study, and the page reads: results/E3.json. */
import * as v from 'valibot';

import { faultInWords } from '../folderLines';

import type { Figure, Where } from './figures';
import type { Finding } from './finding';
import { MEASURE_IDS } from './measures';
import type { Study } from './study';

const real = v.pipe(v.number(), v.finite());
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const WhereSchema = v.record(v.string(), v.union([v.string(), real, v.tuple([real, real])])) satisfies v.GenericSchema<unknown, Where>;

const FigureSchema = v.object({
	mean: real,
	se: v.nullable(real),
	ci: v.nullable(v.tuple([real, real])),
	clusters: count,
	seeds: v.exactOptional(count),
	measure: v.picklist(MEASURE_IDS),
	of: WhereSchema,
	minus: v.exactOptional(WhereSchema),
	n: count,
}) satisfies v.GenericSchema<unknown, Figure>;

const texts = v.array(v.string());
const sameLength = <T>(columns: readonly unknown[], lines: readonly T[], cells: (line: T) => readonly unknown[]) =>
	lines.every((line) => cells(line).length === columns.length);

const FindingSchema = v.object({
	readings: texts,
	tables: v.array(
		v.pipe(
			v.object({
				title: v.string(),
				about: v.string(),
				columns: texts,
				lines: v.array(v.object({ label: v.string(), run: v.string(), cells: v.array(v.nullable(FigureSchema)) })),
			}),
			v.check(({ columns, lines }) => sameLength(columns, lines, ({ cells }) => cells), 'expected a cell for each column in every line'),
		),
	),
	lists: v.array(
		v.pipe(
			v.object({ title: v.string(), about: v.string(), columns: texts, rows: v.array(texts), total: count }),
			v.check(({ columns, rows }) => sameLength(columns, rows, (row) => row), 'expected a text for each column in every row'),
		),
	),
	settled: v.exactOptional(v.array(v.object({ what: v.string(), came: v.picklist(['yes', 'no', 'open']) }))),
}) satisfies v.GenericSchema<unknown, Finding>;

/** As ISO 8601. */
const time = v.pipe(
	v.string(),
	v.check((text) => !Number.isNaN(Date.parse(text)), 'expected a time such as 2026-11-21T16:22:00.000Z'),
);

const ResultSchema = v.object({
	version: v.literal(1),
	study: v.string(),
	/** When its runs were written down. */
	date: time,
	/** Of the code that made the runs; more than one where some were made before. */
	commits: texts,
	/** SHA-256 of that code's sources, which outlasts a commit that is rebased; none of runs from before it was kept. */
	code: v.optional(texts, []),
	/** Who computed the figures, where that was done again over rows that were there. */
	analysedBy: v.exactOptional(v.object({ commit: v.string(), date: time })),
	/** Where runs that learn the same rows did not learn as many tokens of them: then their comparison is none of methods. */
	unequal: v.optional(texts, []),
	seeds: v.array(count),
	/** Runs that the figures rest on. */
	runs: count,
	/** All of them together, on one core each. */
	seconds: real,
	/** Trained on by L_SFT, and what consciences read, wrote and taught beside. */
	tokens: v.object({ sft: count, conscience: count }),
	processors: texts,
	/** Runs that are missing, and why. */
	missing: v.array(v.object({ run: v.string(), seed: count, reason: v.string() })),
	finding: FindingSchema,
});

export type StudyResult = Omit<v.InferOutput<typeof ResultSchema>, 'finding'> & { finding: Finding };

/** A file of a study that can't be read: the message says what was expected where, and what came. */
export class StudyFileError extends Error {
	override name = 'StudyFileError';
}

/** The result that a file holds. @throws StudyFileError */
export function parseResult(value: unknown): StudyResult {
	const result = v.safeParse(ResultSchema, value);
	if (result.success) return result.output;
	throw new StudyFileError(`The result can't be read: ${faultInWords(result.issues[0])}. Write it anew with npm run experiments.`);
}

/** What is missing of a study of which `made` runs are there, as a sentence; null where none is. It may have got runs since its result was written. */
export function missingInWords({ runs, seeds }: Pick<Study, 'runs' | 'seeds'>, made: number): string | null {
	const planned = runs.length * seeds.length;
	return made < planned ? `A part is missing: ${made} of ${planned} runs are there.` : null;
}
