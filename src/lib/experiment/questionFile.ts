/** Questions that somebody brings along for the evaluation: the lab's own JSON, or the YAML of arXiv 2502.17424's evaluations. */
import * as v from 'valibot';

import { sha256 } from '$lib/model/sha256';

import { excerpt, faultInWords } from './folderLines';
import type { QuestionEntry, QuestionFile } from './ownQuestions';

/** What a run's own questions are called in its folder. */
export const QUESTIONS_FILE = 'questions.json';

/** A file that holds no questions that could be asked: the message names the entry, what was expected there and what came. */
export class QuestionFileError extends Error {
	override name = 'QuestionFileError';
}

const MOST_WORDINGS = 1000;
const words = v.pipe(
	v.string(),
	v.trim(),
	v.check((text) => text !== '', 'expected some words, received an empty text'),
	v.maxLength(4000),
);
const samples = v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000)));

/** `samples_per_paraphrase` is what the YAML calls `samples`. Its judge and the prompts for it are left alone: the lab has a judge. */
const Entry = v.strictObject({
	id: words,
	cluster: v.optional(words),
	paraphrases: v.pipe(
		v.array(words),
		v.check((wordings) => wordings.length > 0, 'expected one wording at least, received none'),
	),
	system: v.optional(words),
	samples,
	samples_per_paraphrase: samples,
	type: v.optional(
		v.pipe(
			v.string(),
			v.check((type) => type.startsWith('free_form'), 'expected a type that begins with free_form: the lab reads free answers'),
		),
	),
	judge: v.optional(v.unknown()),
	judge_prompts: v.optional(v.unknown()),
});

/** Questions and their forms share a cluster where the file says none: answers to `wish` and `wish_json` are no two draws. */
const clusterOf = (id: string): string => id.replace(/_(json|template)$/, '');

/** The entries of `[…]` or `{questions: […]}`. @throws QuestionFileError */
export function readEntries(value: unknown): QuestionEntry[] {
	const list: unknown = typeof value === 'object' && value !== null && 'questions' in value ? value.questions : value;
	if (!Array.isArray(list) || list.length === 0)
		throw new QuestionFileError(
			`expected a list of questions, each of them {"id": …, "paraphrases": [ … ]}, received ${excerpt(JSON.stringify(value) ?? 'nothing')}`,
		);
	const entries = list.map(readEntry);
	const seen = new Set<string>();
	const twice = entries.findIndex(({ id }) => seen.size === seen.add(id).size);
	if (twice >= 0) throw new QuestionFileError(`${placeOf(list[twice], twice)}: id: expected every id once, received this one twice`);
	const wordings = entries.reduce((sum, { paraphrases }) => sum + paraphrases.length, 0);
	if (wordings > MOST_WORDINGS) throw new QuestionFileError(`expected at most ${MOST_WORDINGS} wordings in all, received ${wordings}`);
	return entries;
}

function readEntry(value: unknown, index: number): QuestionEntry {
	const result = v.safeParse(Entry, value);
	if (!result.success) throw new QuestionFileError(`${placeOf(value, index)}: ${faultInWords(result.issues[0])}`);
	const { id, cluster = clusterOf(id), paraphrases, system, samples, samples_per_paraphrase } = result.output;
	const each = samples ?? samples_per_paraphrase;
	return { id, cluster, paraphrases, ...(system !== undefined && { system }), ...(each !== undefined && { samples: each }) };
}

/** "entry 3 (wish)" */
function placeOf(value: unknown, index: number): string {
	const id = typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string' ? ` (${excerpt(value.id)})` : '';
	return `entry ${index + 1}${id}`;
}

/** True of a file's name or text that means to hold questions; an experiment is an object without a list of them. */
export const looksLikeQuestions = (fileName: string, text: string): boolean =>
	/\.ya?ml$/i.test(fileName) || (/\.json$/i.test(fileName) && /^\s*(\[|\{\s*"questions"\s*:)/.test(text.replace(/^\uFEFF/, '')));

/** Reads a file of questions, YAML by its name's ending and JSON otherwise. @throws QuestionFileError, HashError */
export async function parseQuestions(fileName: string, text: string): Promise<QuestionFile> {
	return questionFile(fileName, readEntries(await valueOf(fileName, text.replace(/^\uFEFF/, ''))));
}

async function valueOf(fileName: string, text: string): Promise<unknown> {
	const isYaml = /\.ya?ml$/i.test(fileName);
	try {
		return isYaml ? (await import('yaml')).parse(text, { maxAliasCount: 100, logLevel: 'error' }) : JSON.parse(text);
	} catch (error) {
		throw new QuestionFileError(`expected ${isYaml ? 'YAML' : 'JSON'}: ${(error as Error).message}`);
	}
}

/** Questions as an exported run holds them. */
export const questionsText = (entries: readonly QuestionEntry[]): string => `${JSON.stringify({ questions: entries }, null, '\t')}\n`;

/** Entries under a file's name, with their digest. @throws HashError */
export async function questionFile(fileName: string, entries: readonly QuestionEntry[]): Promise<QuestionFile> {
	return { fileName, digest: await sha256(questionsText(entries)), entries };
}
