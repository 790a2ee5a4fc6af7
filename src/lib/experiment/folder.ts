/**
 * A run as a folder of files that open without the lab: `npm run experiment` writes it as it goes, the page exports and imports it as a
 * zip. One format, both ways, with nothing lost but progress.
 */
import * as v from 'valibot';

import type { VerdictFile } from '$lib/conscience/importedJudge';
import type { Evaluation } from '$lib/evaluation/evaluation';

import type { AdapterFolder } from './adapterFolder';
import type { Label, Overhead, RunEvent } from './events';
import {
	AboutRun,
	EvaluationLine,
	excerpt,
	faultInWords,
	LabelLine,
	LINE_FILES,
	type LineFile,
	linesOf,
	LOG_ENTRIES,
	PairLine,
	PinLine,
	VerdictLine,
} from './folderLines';
import { asksOwn, type QuestionFile } from './ownQuestions';
import { QuestionFileError, QUESTIONS_FILE, questionsText, readEntries } from './questionFile';
import { type ChatRow, parseRows, ROWS_FILE } from './rows';
import { type ArmId, type Experiment, ExperimentError, parseExperiment } from './schema';
import { parseVerdicts, verdictLines } from './verdictFile';

export { LINE_FILES, linesOf } from './folderLines';

/** Files by their path in the folder: text, or its bytes. */
export type RunFolder = Record<string, string | Uint8Array>;

/** One copy's run, as a folder holds it. */
export interface FolderRun {
	/** As it was begun; its only arm is the run's. */
	experiment: Experiment;
	arm: ArmId;
	/** Milliseconds since 1970; null in folders from before it was told. */
	begunAt: number | null;
	/** An error stopped it. Of any other run its events tell whether it came to its end. */
	failed: boolean;
	events: readonly RunEvent[];
	/** What people said of answers that the conscience had read, by verdict. */
	labels: ReadonlyMap<string, Label>;
	/** The verdicts whose answers are pinned. */
	pins: ReadonlySet<string>;
	adapter: AdapterFolder | null;
	/** The user's own rows that it learnt from; null where the experiment names others, and in folders from before they were kept. */
	rows: readonly ChatRow[] | null;
	/** What the user's file with these rows was called; null where it had the name that it has in the folder. */
	rowsName: string | null;
	/** The user's verdicts that it was judged by, by their digest, which is checked where they come in. */
	verdictFiles: readonly VerdictFile[];
	/** The user's questions that it was asked, by the digest in the experiment, which is checked where they come in; missing where the lab's were. */
	questions?: QuestionFile;
}

/** Where verdicts of the user's own lie in it, each file under its SHA-256. */
const VERDICT_FILE = /^imported-verdicts\/([0-9a-f]{64})\.jsonl$/;
export const verdictPath = ({ digest }: Pick<VerdictFile, 'digest'>): string => `imported-verdicts/${digest}.jsonl`;

/**
 * A folder that can't be read as a run: the message names the file and the line, what was expected there and what came. Or runs that make
 * no zip.
 */
export class FolderError extends Error {
	override name = 'FolderError';
}

/** experiment.json: the experiment of this one copy. */
export const experimentFile = (experiment: Experiment, arm: ArmId): string =>
	`${JSON.stringify({ ...experiment, arms: [arm] }, null, '\t')}\n`;

/** run.json: what neither the experiment nor the events tell of a run; nothing of what is null. */
export function aboutFile({
	begunAt,
	failed,
	rowsName,
	verdictFiles,
	questions,
}: Pick<FolderRun, 'begunAt' | 'failed' | 'rowsName' | 'verdictFiles' | 'questions'>): string {
	const about: v.InferInput<typeof AboutRun> = {
		...(begunAt !== null && { begun: new Date(begunAt).toISOString() }),
		...(failed && { status: 'failed' }),
		...(rowsName !== null && { rowsName }),
		...(questions && { questionsName: questions.fileName }),
		...(verdictFiles.length > 0 && { verdictNames: Object.fromEntries(verdictFiles.map(({ digest, fileName }) => [digest, fileName])) }),
	};
	return `${JSON.stringify(about)}\n`;
}

/** evaluation.json: every metric as `{mean, se, ci, clusters}`, then the rows that they were computed from. */
export const evaluationFile = (evaluation: Evaluation, overhead: Overhead | null): string =>
	`${JSON.stringify({ ...evaluation, overhead }, null, '\t')}\n`;

/** rows.jsonl: the user's own rows, a line each, as they may be given to a run again. */
export const rowsFile = (rows: readonly ChatRow[]): string => rows.map(({ messages }) => `${JSON.stringify({ messages })}\n`).join('');

/** What a run's folder is called. */
export const folderName = ({ name, seed }: Experiment, arm: ArmId): string => `${name}-${arm}-seed${seed}`;

/** The folder of a run. */
export function runFolder(run: FolderRun): RunFolder {
	const { experiment, arm, events, labels, pins, adapter, rows, verdictFiles, questions } = run;
	const files: RunFolder = { 'experiment.json': experimentFile(experiment, arm) };
	if (run.begunAt !== null || run.failed || run.rowsName !== null || questions || verdictFiles.length > 0)
		files['run.json'] = aboutFile(run);
	const lines = new Map<LineFile, string[]>(LINE_FILES.map((file) => [file, []]));
	for (const event of events) for (const { file, text } of linesOf(event)) lines.get(file)!.push(text);
	for (const [file, texts] of lines) files[file] = texts.map((text) => `${text}\n`).join('');
	const latest = events.findLast((event) => event.kind === 'evaluation')?.evaluation;
	const overhead = events.findLast((event) => event.kind === 'finished')?.overhead ?? null;
	if (latest) files['evaluation.json'] = evaluationFile(latest, overhead);
	const said = [...labels].map(([verdictId, label]) => JSON.stringify({ verdictId, label }));
	if (said.length > 0) files['labels.jsonl'] = inOrder(said);
	if (pins.size > 0) files['pins.jsonl'] = inOrder([...pins].map((verdictId) => JSON.stringify({ verdictId })));
	if (rows && experiment.data.source === 'rows') files[ROWS_FILE] = rowsFile(rows);
	if (questions && asksOwn(experiment)) files[QUESTIONS_FILE] = questionsText(questions.entries);
	for (const file of verdictFiles) files[verdictPath(file)] = verdictLines(file.verdicts);
	for (const [name, content] of Object.entries(adapter ?? {}) as [string, string | Uint8Array][]) files[`adapter/${name}`] = content;
	return files;
}

/** What readers have said makes the same file in whatever order they said it. */
const inOrder = (lines: readonly string[]): string =>
	lines
		.toSorted()
		.map((line) => `${line}\n`)
		.join('');

/** The run that a folder holds; files that the lab does not know are passed over. @throws FolderError */
export function readRunFolder(files: RunFolder): FolderRun {
	const experiment = readExperiment(textOf(files, 'experiment.json'));
	const { verdictNames, questionsName, ...about } = readAbout(files);
	const questions = readQuestions(files, experiment, questionsName);
	return {
		experiment,
		arm: experiment.arms[0]!,
		...about,
		events: readEvents(files),
		labels: new Map(readLines(files, 'labels.jsonl', LabelLine).map(({ value: { verdictId, label } }) => [verdictId, label])),
		pins: new Set(readLines(files, 'pins.jsonl', PinLine).map(({ value: { verdictId } }) => verdictId)),
		adapter: readAdapter(files),
		rows: experiment.data.source === 'rows' ? readRows(files) : null,
		verdictFiles: readVerdictFiles(files, verdictNames),
		...(questions && { questions }),
	};
}

function readExperiment(text: string): Experiment {
	try {
		const experiment = parseExperiment(parseJson(text, 'experiment.json'));
		if (experiment.arms.length === 1) return experiment;
	} catch (error) {
		if (error instanceof ExperimentError) throw new FolderError(`experiment.json: ${error.message}`);
		throw error;
	}
	throw new FolderError('experiment.json: arms: expected the one arm whose run this folder holds. Each copy has a folder of its own.');
}

type About = Pick<FolderRun, 'begunAt' | 'failed' | 'rowsName'> & {
	verdictNames: Record<string, string>;
	questionsName: string;
};

function readAbout(files: RunFolder): About {
	const value = Object.hasOwn(files, 'run.json') ? parseJson(textOf(files, 'run.json'), 'run.json') : {};
	const { begun, status, rowsName = null, questionsName = QUESTIONS_FILE, verdictNames = {} } = checked(AboutRun, value, 'run.json');
	return { begunAt: begun === undefined ? null : Date.parse(begun), failed: status === 'failed', rowsName, questionsName, verdictNames };
}

/** Follows the log and takes from the other files what it speaks of. */
function readEvents(files: RunFolder): RunEvent[] {
	textOf(files, 'metrics.jsonl'); // a folder without its log is no run
	const log = readLines(files, 'metrics.jsonl', v.record(v.string(), v.unknown()));
	const verdicts = taking(readLines(files, 'verdicts.jsonl', VerdictLine), 'verdicts.jsonl', ({ id }) => id);
	const pairs = taking(readLines(files, 'pairs.jsonl', PairLine), 'pairs.jsonl', ({ id }) => id);
	const evaluations = taking(readLines(files, 'evaluations.jsonl', EvaluationLine), 'evaluations.jsonl', null);
	let lastStep = 0;
	const events = log.map(({ line, value }): RunEvent => {
		const place = `metrics.jsonl, line ${line}`;
		const entry = readEntry(value, place);
		if ('kind' in entry) {
			if (entry.step <= lastStep) throw new FolderError(`${place}: step: expected a step after ${lastStep}, received ${entry.step}.`);
			lastStep = entry.step;
			return entry;
		}
		if ('started' in entry) return { kind: 'started', ...entry.started };
		if ('change' in entry) return { kind: 'change', ...entry.change };
		if ('note' in entry) return { kind: 'note', ...entry.note };
		if ('finished' in entry) return { kind: 'finished', ...entry.finished };
		if ('verdicts' in entry) return verdictsEvent(entry.verdicts.step, verdicts.take(entry.verdicts.count, place));
		if ('pairs' in entry) return { kind: 'pairs', step: entry.pairs.step, pairs: pairs.take(entry.pairs.count, place) };
		const { inside } = entry;
		const [{ final, ...evaluation }] = evaluations.take(1, place) as [v.InferOutput<typeof EvaluationLine>];
		if (evaluation.step !== entry.evaluation.step || final !== entry.final) {
			throw new FolderError(`${place} tells of another evaluation than evaluations.jsonl, whose next one is of step ${evaluation.step}.`);
		}
		checkRows(evaluation, place);
		return { kind: 'evaluation', final, evaluation, ...(inside && { inside }) };
	});
	for (const rest of [verdicts, pairs, evaluations]) rest.end();
	return events;
}

function readEntry(value: Record<string, unknown>, place: string) {
	const kinds = Object.keys(LOG_ENTRIES) as (keyof typeof LOG_ENTRIES)[];
	const kind = kinds.find((key) => Object.hasOwn(value, key));
	if (!kind)
		throw new FolderError(`${place}: expected an object with one of ${kinds.join(', ')}, received ${excerpt(JSON.stringify(value))}.`);
	return checked(LOG_ENTRIES[kind], value, place);
}

function verdictsEvent(step: number, lines: v.InferOutput<typeof VerdictLine>[]): RunEvent {
	const refused = lines.flatMap(({ id, refused }) => (refused ? [{ verdictId: id, ...refused }] : []));
	return { kind: 'verdicts', step, verdicts: lines.map(({ refused, ...record }) => record), refused };
}

/** Answers are found by their question and number, so no two may share them. */
function checkRows({ rows, step }: Evaluation, place: string): void {
	const twice = firstTwice(rows.map(({ questionId, sample }) => `${questionId}, sample ${sample}`));
	if (twice) throw new FolderError(`${place}: the evaluation of step ${step} holds question ${excerpt(twice)} twice.`);
}

/** A file's lines, handed out in order as the log speaks of them. `idOf` names what must be there once only. */
function taking<T>(lines: readonly { line: number; value: T }[], file: string, idOf: ((value: T) => string) | null) {
	const twice = idOf && firstTwice(lines.map(({ value }) => idOf(value)));
	if (twice) throw new FolderError(`${file}: expected every id once, received ${excerpt(twice)} twice.`);
	let next = 0;
	return {
		take(count: number, place: string): T[] {
			const taken = lines.slice(next, (next += count));
			if (taken.length === count) return taken.map(({ value }) => value);
			throw new FolderError(`${file}: expected ${count} more lines, as ${place} says, received ${taken.length}.`);
		},
		end(): void {
			const left = lines[next];
			if (left) throw new FolderError(`${file}, line ${left.line}: metrics.jsonl says nothing of this line.`);
		},
	};
}

function firstTwice(ids: readonly string[]): string | null {
	const seen = new Set<string>();
	return ids.find((id) => seen.size === seen.add(id).size) ?? null;
}

function readRows(files: RunFolder): ChatRow[] | null {
	if (!Object.hasOwn(files, ROWS_FILE)) return null;
	const { rows, faults } = parseRows(textOf(files, ROWS_FILE));
	const [fault] = faults;
	if (fault) throw new FolderError(`${ROWS_FILE}, line ${fault.line}: ${fault.message}.`);
	if (rows.length === 0) throw new FolderError(`${ROWS_FILE}: expected the rows that the run has learnt from, received an empty file.`);
	return rows;
}

/** @throws FolderError that names the entry which is no question */
function readQuestions(files: RunFolder, experiment: Experiment, fileName: string): QuestionFile | null {
	if (!asksOwn(experiment) || !Object.hasOwn(files, QUESTIONS_FILE)) return null;
	try {
		const entries = readEntries(parseJson(textOf(files, QUESTIONS_FILE), QUESTIONS_FILE));
		return { fileName, digest: experiment.evaluation.questionFile, entries };
	} catch (error) {
		if (error instanceof QuestionFileError) throw new FolderError(`${QUESTIONS_FILE}: ${error.message}.`);
		throw error;
	}
}

function readVerdictFiles(files: RunFolder, names: Readonly<Record<string, string>>): VerdictFile[] {
	return Object.keys(files)
		.toSorted()
		.flatMap((path): VerdictFile[] => {
			const digest = VERDICT_FILE.exec(path)?.[1];
			if (digest === undefined) return [];
			const { verdicts, faults } = parseVerdicts([{ fileName: path, text: textOf(files, path) }]);
			const [fault] = faults;
			if (fault) throw new FolderError(`${path}, line ${fault.line}: ${fault.message}.`);
			return [{ fileName: (Object.hasOwn(names, digest) && names[digest]) || path, digest, verdicts }];
		});
}

const ADAPTER_TEXTS = ['adapter_config.json', 'experiment.json', 'README.md'] as const;

function readAdapter(files: RunFolder): AdapterFolder | null {
	if (!Object.keys(files).some((name) => name.startsWith('adapter/'))) return null;
	const [config, experiment, card] = ADAPTER_TEXTS.map((name) => textOf(files, `adapter/${name}`)) as [string, string, string];
	const weights = files['adapter/adapter_model.safetensors'];
	if (!(weights instanceof Uint8Array)) throw new FolderError('adapter/adapter_model.safetensors is missing or is no binary file.');
	return {
		'adapter_config.json': config,
		'adapter_model.safetensors': new Uint8Array(weights),
		'experiment.json': experiment,
		'README.md': card,
	};
}

function textOf(files: RunFolder, name: string): string {
	const content = Object.hasOwn(files, name) ? files[name] : undefined;
	if (content === undefined) throw new FolderError(`${name} is missing: every run's folder holds it.`);
	if (typeof content === 'string') return content;
	try {
		return new TextDecoder('utf-8', { fatal: true }).decode(content);
	} catch {
		throw new FolderError(`${name} is damaged: it is no UTF-8 text.`);
	}
}

/** Every line that isn't empty, with its number, counted from 1. A file that is not there has none. */
function readLines<S extends v.GenericSchema>(files: RunFolder, name: string, schema: S): { line: number; value: v.InferOutput<S> }[] {
	if (!Object.hasOwn(files, name)) return [];
	return textOf(files, name)
		.split('\n')
		.flatMap((text, i) => {
			if (text.trim() === '') return [];
			const place = `${name}, line ${i + 1}`;
			return [{ line: i + 1, value: checked(schema, parseJson(text, place), place) }];
		});
}

function parseJson(text: string, place: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		throw new FolderError(`${place}: expected JSON, received ${excerpt(text)}.`);
	}
}

function checked<S extends v.GenericSchema>(schema: S, value: unknown, place: string): v.InferOutput<S> {
	const result = v.safeParse(schema, value);
	if (result.success) return result.output;
	throw new FolderError(`${place}: ${faultInWords(result.issues[0])}.`);
}
