/**
 * tokenizer.json, before and behind the library that runs it. The file may come from anywhere and is nearly a program: it brings regular
 * expressions, and steps in steps. What could run for ever is refused before it begins, and whatever the library throws is told as what it is,
 * a file that can't be used.
 */
import { Tokenizer as Library } from '@huggingface/tokenizers';
import * as v from 'valibot';

/** The tokenizer's files do not fit together, or its chat template refuses the messages; the message says why. */
export class TokenizerError extends Error {
	override name = 'TokenizerError';
}

/** The largest vocabulary in use has a quarter of a million tokens. */
const MAX_ID = 10_000_000;
const MAX_PATTERN = 5000;
/** Of steps within steps; the deepest in use is two. */
const MAX_DEPTH = 20;

const Id = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_ID));
const TokenizerFile = v.looseObject({
	model: v.looseObject({ type: v.string() }),
	added_tokens: v.array(v.looseObject({ id: Id, content: v.string(), special: v.optional(v.boolean()) })),
});
export type TokenizerFile = v.InferOutput<typeof TokenizerFile>;

/** @throws TokenizerError */
export function parseTokenizerFile(json: unknown): TokenizerFile {
	const result = v.safeParse(TokenizerFile, json);
	if (!result.success) {
		const [issue] = result.issues;
		throw new TokenizerError(`tokenizer.json: ${v.getDotPath(issue) ?? 'the file'}: ${issue.message}`);
	}
	const { normalizer, pre_tokenizer: preTokenizer, post_processor: postProcessor, decoder } = result.output;
	for (const step of [normalizer, preTokenizer, postProcessor, decoder]) checkStep(step, 0);
	return result.output;
}

/** Text to ids and back by the library. */
export interface RawTokenizer {
	/** A name of a special token counts as that token. */
	encode(text: string): number[];
	decode(ids: number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
	idOf(token: string): number | undefined;
	has(id: number): boolean;
	size: number;
}

/** @throws TokenizerError, as its functions do */
export function openTokenizer(file: TokenizerFile, config: object): RawTokenizer {
	const library = told(() => new Library(file, config));
	return {
		encode(text) {
			const { ids } = told(() => library.encode(text, { add_special_tokens: false }));
			const place = ids.findIndex((id) => !Number.isInteger(id));
			if (place >= 0) throw new TokenizerError('tokenizer.json has no token for a part of the text, nor an unknown token to stand for it');
			return ids;
		},
		decode: (ids, options) => told(() => library.decode(ids, options)),
		idOf: (token) => library.token_to_id(token),
		has: (id) => library.id_to_token(id) !== undefined,
		size: told(() => library.get_vocab(true).size),
	};
}

function told<T>(work: () => T): T {
	try {
		return work();
	} catch (error) {
		throw new TokenizerError(`tokenizer.json can't be used: ${(error as Error).message}`);
	}
}

/** Looks for what never ends in a step, and in the steps that it is made of. */
function checkStep(step: unknown, depth: number): void {
	if (typeof step !== 'object' || step === null) return;
	if (depth > MAX_DEPTH) throw new TokenizerError(`tokenizer.json has steps within steps, more than ${MAX_DEPTH} deep`);
	const { Regex: pattern, type, length } = step as Record<string, unknown>;
	if (typeof pattern === 'string') checkPattern(pattern);
	if (type === 'FixedLength' && !(Number.isInteger(length) && (length as number) > 0))
		throw new TokenizerError(`tokenizer.json cuts text into parts of length ${String(length)}; expected a whole number from 1 up`);
	for (const inner of Object.values(step)) checkStep(inner, depth + 1);
}

/**
 * Refuses a pattern that repeats, without an end, a group which itself repeats something without an end, or leaves a choice: on a text that does
 * not match, the engine of regular expressions may then try as many ways as 2 to the power of its length. No tokenizer of the families that the
 * lab runs has one. (A pattern without such a group takes a time that grows by a power of the text's length, at worst.)
 */
function checkPattern(pattern: string): void {
	if (pattern.length > MAX_PATTERN)
		throw new TokenizerError(`tokenizer.json has a pattern of ${pattern.length} characters; at most ${MAX_PATTERN} are read`);
	const groups = [{ forks: false }];
	for (let i = 0; i < pattern.length; i++) {
		const character = pattern[i]!;
		if (character === '\\') i++;
		else if (character === '[') i = endOfClass(pattern, i);
		else if (character === '(') groups.push({ forks: false });
		else if (character === '|') groups.at(-1)!.forks = true;
		else if (isEndless(pattern, i)) groups.at(-1)!.forks = true;
		else if (character === ')' && groups.length > 1) {
			const { forks } = groups.pop()!;
			const repeats = isEndless(pattern, i + 1);
			if (repeats && forks)
				throw new TokenizerError(
					`tokenizer.json has the pattern ${JSON.stringify(pattern.slice(0, 80))}, in which a group that is repeated has a choice or a repetition in it: on some texts it would never come to an end`,
				);
			if (repeats || forks) groups.at(-1)!.forks = true;
		}
	}
}

/** True where `*`, `+`, `{n,}` or a count above nine stands at `i`. */
const isEndless = (pattern: string, i: number): boolean => /^([*+]|\{\d*,\}|\{\d*,?\d{2,}\})/.test(pattern.slice(i, i + 24));

/** Where the class of characters that begins at `start` ends; classes may stand in one another. */
function endOfClass(pattern: string, start: number): number {
	let depth = 0;
	for (let i = start; i < pattern.length; i++) {
		if (pattern[i] === '\\') i++;
		else if (pattern[i] === '[') depth++;
		else if (pattern[i] === ']' && --depth === 0) return i;
	}
	return pattern.length;
}
