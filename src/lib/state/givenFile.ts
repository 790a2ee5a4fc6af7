import type { VerdictFile } from '$lib/conscience/importedJudge';
import type { MemoryFile } from '$lib/conscience/memory';
import type { LineFault } from '$lib/experiment/jsonLines';
import type { QuestionFile } from '$lib/experiment/ownQuestions';
import { looksLikeMemory, memoryFile, parseMemory } from '$lib/experiment/memoryFile';
import { looksLikeQuestions, parseQuestions } from '$lib/experiment/questionFile';
import { looksLikeRows, parseRows } from '$lib/experiment/rowFile';
import { type Experiment, parseExperiment } from '$lib/experiment/schema';
import { type FileFault, labelledVerdicts, looksLikeVerdicts, parseVerdicts, verdictFile } from '$lib/experiment/verdictFile';
import type { Rows } from '$lib/worker/protocol';

import type { Card } from './cards';
import type { Labels } from './labels';

/** A file of rows that holds lines which are none: it waits for the reader's consent to leave them out. */
export interface FaultyRows extends Rows {
	faults: readonly LineFault[];
}

/** Verdicts of files that hold lines which are none: they wait likewise. */
export interface FaultyVerdicts extends VerdictFile {
	faults: readonly FileFault[];
}

/** A memory that holds lines which are none: it waits likewise. */
export interface FaultyMemory extends MemoryFile {
	faults: readonly LineFault[];
}

/** A file with lines of verdicts: what they say may depend on another one that is given with it. */
export interface VerdictText {
	fileName: string;
	text: string;
}

/** What a file that is given to the page may hold: an experiment.json, questions, rows of training data (JSON lines, a JSON array or CSV), or as JSON lines verdicts or a class's memory. */
export type GivenFile =
	| { kind: 'experiment'; experiment: Experiment }
	| ({ kind: 'questions' } & QuestionFile)
	| ({ kind: 'memory' } & FaultyMemory)
	| ({ kind: 'rows' } & FaultyRows)
	| ({ kind: 'verdicts' } & VerdictText);

/** A zip was given where the lab takes experiments and rows. */
export class ZipError extends RangeError {
	override name = 'ZipError';
}

/** What rows may be beside messages. */
const ROW_FORMS = 'prompt and completion, prompt, chosen and rejected, instruction, input and output, or conversations';

/** How every zip begins. */
const ZIP = 'PK\u0003\u0004';

/** @throws Error that says why the file can't be used, for a reader */
export async function readGivenFile(file: File): Promise<GivenFile> {
	const fileName = file.name;
	if ((await readable(file.slice(0, ZIP.length).text())) === ZIP) {
		throw new ZipError(
			'It is a zip. If it holds a run that was exported, add it on the page “Runs”; if it holds an adapter, unzip it and open the experiment.json in it here. Verdicts of a run judge when its verdicts.jsonl and labels.jsonl are given, unzipped, together.',
		);
	}
	const text = await textOf(file);
	const isRows = /\.json$/i.test(fileName) && looksLikeRows(text);
	if (!isRows && looksLikeQuestions(fileName, text)) return { kind: 'questions', ...(await parseQuestions(fileName, text)) };
	if (!isRows && /\.json$/i.test(fileName)) return { kind: 'experiment', experiment: parseExperiment(JSON.parse(text)) };
	if (looksLikeMemory(text)) return { kind: 'memory', ...(await readMemory(fileName, text)) };
	if (looksLikeVerdicts(text)) return { kind: 'verdicts', fileName, text };
	const { rows, faults } = parseRows(text);
	if (rows.length > 0) return { kind: 'rows', fileName, rows, faults };
	const why = faults[0] ? ` Line ${faults[0].line} ${faults[0].message}.` : '';
	throw new RangeError(
		`It holds no rows: each must be {"messages":[{"role":"user","content":…},{"role":"assistant","content":…}]}, or have ${ROW_FORMS}. Nor does it hold verdicts, each of them {"question":…,"answer":…,"label":"ethical"}.${why}`,
	);
}

/** @throws RangeError where nothing in it can be used */
async function readMemory(fileName: string, text: string): Promise<FaultyMemory> {
	const { trajectories, faults } = await parseMemory(text);
	if (trajectories.length > 0) return { ...(await memoryFile(fileName, trajectories)), faults };
	const [{ line, message }] = faults as [LineFault]; // what looks like a memory has a line
	throw new RangeError(`It holds nothing that a class has reviewed. Line ${line}: ${message}.`);
}

/** The verdicts of files that were given together. @throws RangeError where there are none */
export async function readVerdicts(files: readonly VerdictText[]): Promise<FaultyVerdicts> {
	const { verdicts, faults } = parseVerdicts(files);
	if (verdicts.length > 0) return { ...(await verdictFile(namesOf(files), verdicts)), faults };
	const [{ line, message }] = faults as [FileFault]; // what looks like verdicts has a line
	throw new RangeError(
		`It holds no verdict that can be used: each line must be {"question":…,"answer":…,"label":"ethical"}, or neutral, or unethical. Line ${line}: ${message}.`,
	);
}

/** What a person said of these answers, as verdicts. @throws HashError */
export const labelsAsVerdicts = (fileName: string, cards: readonly Card[], labels: Labels): Promise<VerdictFile> =>
	verdictFile(fileName, labelledVerdicts(cards, labels));

const namesOf = (files: readonly { fileName: string }[]): string => files.map(({ fileName }) => fileName).join(' + ');

/** @throws RangeError where it is no text in UTF-8: other letters would be learnt in the place of those that were meant */
async function textOf(file: Blob): Promise<string> {
	const bytes = await readable(file.arrayBuffer());
	try {
		return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
	} catch (cause) {
		throw new RangeError('It is no text in UTF-8. Save it as UTF-8 (in Excel: “CSV UTF-8”), and give it again.', { cause });
	}
}

async function readable<T>(reading: Promise<T>): Promise<T> {
	try {
		return await reading;
	} catch (error) {
		throw new RangeError('The browser can’t read it. If it is a folder, give the files in it; if it was moved or changed, give it again.', {
			cause: error,
		});
	}
}
