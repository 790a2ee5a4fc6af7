/**
 * A run as a folder of files that open without the lab: `npm run experiment` writes it as it goes, the page exports and imports it as a
 * zip. One format, both ways, with nothing lost but progress.
 */
import type * as v from 'valibot';

import type { VerdictFile } from '$lib/conscience/importedJudge';
import type { MemoryFile } from '$lib/conscience/memory';
import type { Evaluation } from '$lib/evaluation/evaluation';

import type { AdapterFolder } from './adapterFolder';
import type { Label, Overhead, RunEvent } from './events';
import { type AboutRun, LINE_FILES, type LineFile, linesOf } from './folderLines';
import { MEMORY_FILE, memoryLines } from './memoryFile';
import { asksOwn, type QuestionFile } from './ownQuestions';
import { QUESTIONS_FILE, questionsText } from './questionFile';
import { type ChatRow, ROWS_FILE } from './rows';
import type { ArmId, Experiment } from './schema';
import { verdictLines } from './verdictFile';

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
	/** The memory that it took along, by the digest in the experiment, which is checked where it comes in; missing where it took none. */
	memory?: MemoryFile;
}

/** Where verdicts of the user's own lie in it, each file under its SHA-256. */
export const verdictPath = ({ digest }: Pick<VerdictFile, 'digest'>): string => `imported-verdicts/${digest}.jsonl`;

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
	memory,
}: Pick<FolderRun, 'begunAt' | 'failed' | 'rowsName' | 'verdictFiles' | 'questions' | 'memory'>): string {
	const about: v.InferInput<typeof AboutRun> = {
		...(begunAt !== null && { begun: new Date(begunAt).toISOString() }),
		...(failed && { status: 'failed' }),
		...(rowsName !== null && { rowsName }),
		...(questions && { questionsName: questions.fileName }),
		...(memory && { memoryName: memory.fileName }),
		...(verdictFiles.length > 0 && { verdictNames: Object.fromEntries(verdictFiles.map(({ digest, fileName }) => [digest, fileName])) }),
	};
	return `${JSON.stringify(about)}\n`;
}

/** evaluation.json: every metric as `{mean, se, ci, clusters}`, then the rows that they were computed from. */
export const evaluationFile = (evaluation: Evaluation, overhead: Overhead | null): string =>
	`${JSON.stringify({ ...evaluation, overhead }, null, '\t')}\n`;

/** rows.jsonl: the user's own rows, a line each, as they may be given to a run again; a pair as TRL writes one. */
export const rowsFile = (rows: readonly ChatRow[]): string => rows.map((row) => `${JSON.stringify(lineOf(row))}\n`).join('');

const lineOf = ({ messages, rejected }: ChatRow): object =>
	rejected === undefined
		? { messages }
		: { prompt: messages.slice(0, -1), chosen: messages.slice(-1), rejected: [{ role: 'assistant', content: rejected }] };

/** What a run's folder is called. */
export const folderName = ({ name, seed }: Experiment, arm: ArmId): string => `${name}-${arm}-seed${seed}`;

/** The folder of a run. */
export function runFolder(run: FolderRun): RunFolder {
	const { experiment, arm, events, labels, pins, adapter, rows, verdictFiles, questions, memory } = run;
	const files: RunFolder = { 'experiment.json': experimentFile(experiment, arm) };
	if (run.begunAt !== null || run.failed || run.rowsName !== null || questions || memory || verdictFiles.length > 0)
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
	if (memory) files[MEMORY_FILE] = memoryLines(memory.trajectories);
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
