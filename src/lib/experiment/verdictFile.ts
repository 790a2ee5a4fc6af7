/** Verdicts that somebody brings along to be the conscience: their own, another judge's, or those of a run and what people said of them. */
import * as v from 'valibot';

import { exchangeKey, type GivenVerdict, type VerdictFile } from '$lib/conscience/importedJudge';
import { certain, type Label, LABELS, type Verdict } from '$lib/conscience/judge';
import { sha256 } from '$lib/model/sha256';

import type { VerdictRecord } from './events';
import { excerpt, faultInWords } from './folderLines';
import { verdictFileOf } from './judgeFile';
import { type LineFault, parseLines } from './jsonLines';
import { type Experiment, ExperimentError } from './schema';

/** A fault, and the file that it is in: several may be read as one. */
export interface FileFault extends LineFault {
	fileName: string;
}

const text = v.pipe(v.string(), v.trim());
const probability = v.pipe(
	v.number(),
	v.check((share) => share >= 0 && share <= 1, 'must be from 0 to 1'),
);
const LabelSchema = v.picklist(LABELS);
const Judged = v.pipe(
	v.object({
		label: LabelSchema,
		probabilities: v.optional(
			v.pipe(
				v.object({ ethical: probability, neutral: probability, unethical: probability }),
				v.check((shares) => Math.abs(LABELS.reduce((sum, label) => sum + shares[label], 0) - 1) < 1e-3, 'must sum to 1'),
			),
		),
	}),
	v.check(
		({ label, probabilities }) => !probabilities || probabilities[label] >= Math.max(...Object.values(probabilities)),
		'the label is not the likeliest by its probabilities',
	),
	v.transform(({ label, probabilities }): Verdict => (probabilities ? { label, probabilities } : certain(label))),
);
const Spoken = v.object({
	id: v.optional(v.string()),
	question: v.nullable(
		v.pipe(
			text,
			v.check((question) => question !== '', 'must not be empty'),
		),
	),
	answer: v.nullable(text),
});
const OfRun = v.object({ ...Spoken.entries, verdict: Judged });
const LabelOfRun = v.object({ verdictId: v.string(), label: LabelSchema });

/** What a line says of an exchange; in a run's files it has an id, by which labels name it. */
interface Said extends GivenVerdict {
	id?: string | undefined;
}

/** A line is of a run's labels, of its verdicts, or plain. */
function readLine(json: unknown): Said | v.InferOutput<typeof LabelOfRun> | string {
	const has = (key: string) => typeof json === 'object' && json !== null && Object.hasOwn(json, key);
	if (has('verdictId')) return checked(LabelOfRun, json);
	if (has('verdict')) return checked(OfRun, json);
	const said = checked(Spoken, json);
	const verdict = checked(Judged, json);
	if (typeof said === 'string') return said;
	return typeof verdict === 'string' ? verdict : { ...said, verdict };
}

function checked<S extends v.GenericSchema>(schema: S, json: unknown): v.InferOutput<S> | string {
	const result = v.safeParse(schema, json);
	return result.success ? result.output : faultInWords(result.issues[0]);
}

/** A line that says something of an exchange, with its place; in the end its verdict may be a person's. */
interface Entry {
	fileName: string;
	line: number;
	said: Said;
	byPerson: boolean;
}

/**
 * Reads JSON lines of `{question, answer, label, probabilities?}` (null for any question, or any answer), of a run's verdicts.jsonl, and of
 * its labels.jsonl, in which a person's word goes before the judge's. Every line that holds something is used, says again what another has
 * said, or is a fault.
 */
export function parseVerdicts(files: readonly { fileName: string; text: string }[]): { verdicts: GivenVerdict[]; faults: FileFault[] } {
	const read = files.map(({ fileName, text }) => ({ fileName, ...parseLines(text, readLine) }));
	const lines = read.flatMap(({ fileName, values }) => values.map(({ line, value }) => ({ fileName, line, value })));
	const faults = read.flatMap(({ fileName, faults }) => faults.map((fault): FileFault => ({ fileName, ...fault })));
	const entries = lines.flatMap(({ value, ...place }): Entry[] =>
		'verdictId' in value ? [] : [{ ...place, said: value, byPerson: false }],
	);
	const called = new Map<string, Entry[]>();
	for (const entry of entries) if (entry.said.id !== undefined) called.set(entry.said.id, [...(called.get(entry.said.id) ?? []), entry]);
	for (const { value, ...place } of lines) {
		const fault = 'verdictId' in value && faultOfLabel(called.get(value.verdictId) ?? [], value.verdictId, value.label);
		if (fault) faults.push({ ...place, message: fault });
	}
	const verdicts = mergedVerdicts(entries, faults);
	const order = (fault: FileFault) => files.findIndex(({ fileName }) => fileName === fault.fileName);
	return { verdicts, faults: faults.sort((a, b) => order(a) - order(b) || a.line - b.line) };
}

/** Takes a person's word on the verdict that is called `id` over; null, or why that can't be. */
function faultOfLabel([entry, ...others]: readonly Entry[], id: string, label: Label): string | null {
	const name = excerpt(JSON.stringify(id));
	if (!entry) return `labels the verdict ${name}, which is not here: give the verdicts.jsonl of the same run with it`;
	if (others.length > 0) return `labels the verdict ${name}, and two lines are called that: give the files of one run at a time`;
	if (entry.byPerson && entry.said.verdict.label !== label)
		return `calls ${name} ${label}, and a line before it ${entry.said.verdict.label}: the first counts`;
	entry.said = { ...entry.said, verdict: certain(label) };
	entry.byPerson = true;
	return null;
}

/** One verdict for each exchange: a person's, else the first. A line that contradicts it with equal right is a fault. */
function mergedVerdicts(entries: readonly Entry[], faults: FileFault[]): GivenVerdict[] {
	const known = new Map<string, Entry>();
	for (const entry of entries) {
		const { fileName, line, said, byPerson } = entry;
		const other = known.get(exchangeKey(said));
		if (!other || (byPerson && !other.byPerson)) known.set(exchangeKey(said), entry);
		else if (byPerson === other.byPerson && said.verdict.label !== other.said.verdict.label) {
			const where = `line ${other.line}${other.fileName === fileName ? '' : ` of ${other.fileName}`}`;
			const message = `calls an answer ${said.verdict.label} that ${where} calls ${other.said.verdict.label}: the first counts`;
			faults.push({ fileName, line, message });
		}
	}
	return [...known.values()].map(({ said: { question, answer, verdict } }) => ({ question, answer, verdict }));
}

/** What a person said of answers of a run, as verdicts; of two labels for one exchange the later counts. */
export function labelledVerdicts(records: readonly VerdictRecord[], labels: ReadonlyMap<string, Label>): GivenVerdict[] {
	const said = records.flatMap(({ id, question, answer }): GivenVerdict[] => {
		const label = labels.get(id);
		return label ? [{ question: question.trim(), answer: answer.trim(), verdict: certain(label) }] : [];
	});
	return [...new Map(said.map((verdict) => [exchangeKey(verdict), verdict])).values()];
}

/** True of a text that means to hold verdicts, by its first line. A row with messages may have a question beside them. */
export const looksLikeVerdicts = (content: string): boolean =>
	/^\s*\{(?![^\n\r]*"messages"\s*:)[^\n\r]*"(question|verdictId)"\s*:/.test(content.replace(/^\uFEFF/, ''));

/** Verdicts as an exported run holds them, a line each: the same verdicts make the same text, in whatever order they came. */
export const verdictLines = (verdicts: readonly GivenVerdict[]): string =>
	verdicts
		.map(({ question, answer, verdict: { label, probabilities } }) => `${JSON.stringify({ question, answer, label, probabilities })}\n`)
		.toSorted()
		.join('');

/** Verdicts under a file's name, with the digest by which an experiment names them. @throws HashError */
export async function verdictFile(fileName: string, verdicts: readonly GivenVerdict[]): Promise<VerdictFile> {
	return { fileName, digest: await sha256(verdictLines(verdicts)), verdicts };
}

/** The file that the experiment judges by. @throws ExperimentError where it is not among these */
export function verdictFileFor(experiment: Experiment, files: readonly VerdictFile[]): VerdictFile {
	const file = verdictFileOf(experiment, files);
	if (file) return file;
	const { verdictFile: digest } = experiment.conscience;
	const wanted = digest ? `the file with the SHA-256 ${digest.slice(0, 8)}…` : 'a file';
	const given = files.length > 0 ? `another was given (${files.map((other) => other.digest.slice(0, 8)).join(', ')}…)` : 'none was given';
	throw new ExperimentError(
		`The experiment is judged by verdicts of ${wanted}, and ${given}. Load the file with these verdicts, or choose another judge.`,
	);
}
