/** The folder of a run, read again: what is in it is checked line by line. */
import * as v from 'valibot';

import type { VerdictFile } from '$lib/conscience/importedJudge';
import type { MemoryFile } from '$lib/conscience/memory';
import type { Evaluation } from '$lib/evaluation/evaluation';

import type { AdapterFolder } from './adapterFolder';
import type { RunEvent } from './events';
import type { FolderRun, RunFolder } from './folder';
import { answersOnly, AnswersLine, labelledPair, labelledVerdict } from './folderAnswers';
import { AboutRun, EvaluationLine, excerpt, faultInWords, LabelLine, LOG_ENTRIES, PairLine, PinLine, VerdictLine } from './folderLines';
import { MEMORY_FILE, readMemoryLines } from './memoryFile';
import { wantsMemory } from './memoryNamed';
import { asksOwn, type QuestionFile } from './ownQuestions';
import { QuestionFileError, QUESTIONS_FILE, readEntries } from './questionFile';
import { parseRows } from './rowFile';
import { type ChatRow, ROWS_FILE } from './rows';
import { type Experiment, ExperimentError, parseExperiment } from './schema';
import { parseVerdicts } from './verdictFile';

const VERDICT_FILE = /^imported-verdicts\/([0-9a-f]{64})\.jsonl$/;

/**
 * A folder that can't be read as a run: the message names the file and the line, what was expected there and what came. Or runs that make
 * no zip.
 */
export class FolderError extends Error {
	override name = 'FolderError';
}

/** The run that a folder holds; files that the lab does not know are passed over. @throws FolderError */
export function readRunFolder(files: RunFolder): FolderRun {
	const experiment = readExperiment(textOf(files, 'experiment.json'));
	const { verdictNames, questionsName, memoryName, ...about } = readAbout(files);
	const questions = readQuestions(files, experiment, questionsName);
	const memory = readMemory(files, experiment, memoryName);
	return {
		experiment,
		arm: experiment.arms[0]!,
		...about,
		events: readEvents(files),
		labels: new Map(readLines(files, 'labels.jsonl', by(LabelLine)).map(({ value: { verdictId, label } }) => [verdictId, label])),
		pins: new Set(readLines(files, 'pins.jsonl', by(PinLine)).map(({ value: { verdictId } }) => verdictId)),
		adapter: readAdapter(files),
		rows: experiment.data.source === 'rows' ? readRows(files) : null,
		verdictFiles: readVerdictFiles(files, verdictNames),
		...(questions && { questions }),
		...(memory && { memory }),
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
	memoryName: string;
};

function readAbout(files: RunFolder): About {
	const value = Object.hasOwn(files, 'run.json') ? parseJson(textOf(files, 'run.json'), 'run.json') : {};
	const { begun, status, rowsName = null, ...names } = checked(AboutRun, value, 'run.json');
	const { questionsName = QUESTIONS_FILE, memoryName = MEMORY_FILE, verdictNames = {} } = names;
	const begunAt = begun === undefined ? null : Date.parse(begun);
	return { begunAt, failed: status === 'failed', rowsName, questionsName, memoryName, verdictNames };
}

/** Follows the log and takes from the other files what it speaks of. */
function readEvents(files: RunFolder): RunEvent[] {
	textOf(files, 'metrics.jsonl'); // a folder without its log is no run
	const log = readLines(files, 'metrics.jsonl', by(v.record(v.string(), v.unknown())));
	const verdicts = taking(readLines(files, 'verdicts.jsonl', by(VerdictLine, labelledVerdict)), 'verdicts.jsonl', ({ id }) => id);
	const pairs = taking(readLines(files, 'pairs.jsonl', by(PairLine, labelledPair)), 'pairs.jsonl', ({ id }) => id);
	const evaluations = taking(readLines(files, 'evaluations.jsonl', readEvaluation), 'evaluations.jsonl', null);
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

function readMemory(files: RunFolder, experiment: Experiment, fileName: string): MemoryFile | null {
	if (!wantsMemory(experiment) || !Object.hasOwn(files, MEMORY_FILE)) return null;
	const { values, faults } = readMemoryLines(textOf(files, MEMORY_FILE));
	const [fault] = faults;
	if (fault) throw new FolderError(`${MEMORY_FILE}, line ${fault.line}: ${fault.message}.`);
	return { fileName, digest: experiment.conscience.memory.file, trajectories: values.map(({ value }) => value) };
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
function readLines<T>(files: RunFolder, name: string, read: (line: unknown, place: string) => T): { line: number; value: T }[] {
	if (!Object.hasOwn(files, name)) return [];
	return textOf(files, name)
		.split('\n')
		.flatMap((text, i) => {
			if (text.trim() === '') return [];
			const place = `${name}, line ${i + 1}`;
			return [{ line: i + 1, value: read(parseJson(text, place), place) }];
		});
}

/** A line that has to be of a schema, once it has what it may have come without. */
const by =
	<S extends v.GenericSchema>(schema: S, completed = (line: unknown) => line) =>
	(line: unknown, place: string): v.InferOutput<S> =>
		checked(schema, completed(line), place);

const readEvaluation = (line: unknown, place: string): v.InferOutput<typeof EvaluationLine> =>
	answersOnly(line) ? checked(AnswersLine, line, place) : checked(EvaluationLine, line, place);

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
