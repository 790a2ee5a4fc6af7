/**
 * Text to token ids and back, and messages to the prompt that a model was trained on, as transformers does it.
 *
 * One deliberate difference: transformers turns "<|im_end|>" into the special token wherever it stands, so that a
 * data row or a question could close its own turn and speak as somebody else. Here only the template makes
 * special tokens; inside a message their names are text.
 */
import { Template } from '@huggingface/jinja';
import * as v from 'valibot';

import { openTokenizer, parseTokenizerFile, type RawTokenizer, TokenizerError, type TokenizerFile } from './tokenizerFile';

export { TokenizerError } from './tokenizerFile';

export interface ChatMessage {
	role: 'system' | 'user' | 'assistant';
	content: string;
}

export interface Tokenizer {
	/** Ids run from 0 to vocabSize - 1; the embedding may have more rows. */
	vocabSize: number;
	/** The ids of plain text: no token is added, and the name of a special token stays text. */
	encode(text: string): number[];
	/** The text of ids, without special tokens and without ids that no token has. */
	decode(ids: number[]): string;
	/** The text that each id adds, special tokens by their names; a character of several tokens comes with the last of them. */
	pieces(ids: number[]): string[];
	/** The ids of a conversation in the model's chat template; `addGenerationPrompt` opens the assistant's turn. */
	chat(messages: ChatMessage[], options: ChatOptions): number[];
	/** The same as the text that `chat` encodes, for people to read. */
	chatText(messages: ChatMessage[], options: ChatOptions): string;
	/** Each of them ends an answer; at least one. */
	eosTokenIds: number[];
	/** Fills a batch's rows on the right; masked, so that which one it is has no effect. */
	padTokenId: number;
}

export interface ChatOptions {
	addGenerationPrompt: boolean;
}

/** The parsed files of a checkpoint, and the text of `chat_template.jinja`, where newer checkpoints keep their template. */
export interface TokenizerFiles {
	tokenizer: unknown;
	tokenizerConfig: unknown;
	generationConfig?: unknown;
	config?: unknown;
	chatTemplate?: string;
}

const Token = v.nullish(
	v.union([
		v.string(),
		v.pipe(
			v.object({ content: v.string() }),
			v.transform((token) => token.content),
		),
	]),
);
const TokenizerConfig = v.looseObject({
	chat_template: v.nullish(v.union([v.string(), v.array(v.object({ name: v.string(), template: v.string() }))])),
	clean_up_tokenization_spaces: v.nullish(v.boolean()),
	bos_token: Token,
	eos_token: Token,
	pad_token: Token,
	unk_token: Token,
});
type TokenizerConfig = v.InferOutput<typeof TokenizerConfig>;
const TokenIds = v.nullish(v.union([v.number(), v.array(v.number())]));
const TokenIdConfig = v.looseObject({ eos_token_id: TokenIds, pad_token_id: v.nullish(v.number()) });

/** The day that templates are told which name one (Llama 3.2's): tomorrow a run has to go on with the prompts of today. */
const TODAY = '26 Jul 2024';
const DAY_FUNCTION = 'lab_strftime_now';

/** The tokenizer of a checkpoint; throws TokenizerError where a file is not what it should be. */
export function createTokenizer(files: TokenizerFiles): Tokenizer {
	const file = parseTokenizerFile(files.tokenizer);
	const config = parse(TokenizerConfig, files.tokenizerConfig, 'tokenizer_config.json');
	const library = openTokenizer(file, config);
	const encoder = createEncoder(file, config, library);
	const template = compileTemplate(files.chatTemplate ?? pickTemplate(config));
	const specialTokens = {
		bos_token: config.bos_token,
		eos_token: config.eos_token,
		pad_token: config.pad_token,
		unk_token: config.unk_token,
	};

	const render = (messages: ChatMessage[], options: ChatOptions): string => {
		try {
			// Absent tokens stay undefined, as in transformers. Thinking is off (Qwen3): the lab trains and judges answers, not drafts.
			const given = Object.fromEntries(Object.entries(specialTokens).filter(([, token]) => token != null));
			const fixed = { enable_thinking: false, date_string: TODAY, [DAY_FUNCTION]: () => TODAY };
			return template.render({ ...given, ...fixed, messages, add_generation_prompt: options.addGenerationPrompt });
		} catch (error) {
			const roles = messages.map((message) => message.role).join(', ');
			throw new TokenizerError(`the chat template refused the messages (${roles}): ${(error as Error).message}`);
		}
	};
	const generation = parse(TokenIdConfig, files.generationConfig ?? {}, 'generation_config.json');
	const model = parse(TokenIdConfig, files.config ?? {}, 'config.json');
	const eosTokenIds = endTokenIds([tokenId(library, config.eos_token), generation.eos_token_id, model.eos_token_id]);
	return {
		vocabSize: library.size,
		encode: encoder.encodeText,
		decode(ids) {
			const known = ids.filter((id) => library.has(id));
			if (known.length === 0) return ''; // the library throws on none
			return library.decode(known, {
				skip_special_tokens: true,
				clean_up_tokenization_spaces: config.clean_up_tokenization_spaces ?? false,
			});
		},
		pieces: (ids) => piecesOf(ids, (some) => library.decode(some, { skip_special_tokens: false, clean_up_tokenization_spaces: false })),
		chat(messages, options) {
			const { hidden, reveal, isForeign } = encoder.hideSpecials(messages);
			const text = render(hidden, options);
			return isForeign ? encoder.encodeSections(text, reveal) : encoder.encodeWhole(text);
		},
		chatText: render,
		eosTokenIds,
		padTokenId: tokenId(library, config.pad_token) ?? generation.pad_token_id ?? model.pad_token_id ?? eosTokenIds[0]!,
	};
}

/** What each id adds to the text of those before it; tokens can't be decoded one by one, since some hold half a character. */
function piecesOf(ids: number[], decode: (ids: number[]) => string): string[] {
	let told = 0;
	return ids.map((_, i) => {
		const text = decode(ids.slice(0, i + 1));
		if (text.endsWith('\uFFFD') && i + 1 < ids.length) return '';
		const piece = text.slice(told);
		told = text.length;
		return piece;
	});
}

/** Ways to encode text that differ in who may write a special token. */
interface Encoder {
	/** Everybody may: exactly as transformers encodes a rendered template. */
	encodeWhole: (text: string) => number[];
	/** Nobody may. */
	encodeText: (text: string) => number[];
	/** Only names that are still there count; those behind `reveal` are text again. */
	encodeSections: (text: string, reveal: (section: string) => string) => number[];
	/** The messages with each special token's name replaced by a character that they do not hold. */
	hideSpecials: (messages: ChatMessage[]) => { hidden: ChatMessage[]; reveal: (section: string) => string; isForeign: boolean };
}

function createEncoder(file: TokenizerFile, config: TokenizerConfig, library: RawTokenizer): Encoder {
	const specials = file.added_tokens.filter((token) => token.special);
	const idOf = new Map(specials.map((token) => [token.content, token.id]));
	// Longest first: where one name begins with another, transformers takes the longer match.
	const names = [...idOf.keys()].filter((name) => name !== '').sort((a, b) => b.length - a.length);
	const anySpecial = names.length === 0 ? /(?!)/u : new RegExp(`(${names.map(escapeRegExp).join('|')})`, 'gu');
	let withoutSpecials: RawTokenizer | undefined; // a second vocabulary in memory, made when the first special name in a text needs it

	const encodeWhole = (text: string) => library.encode(text);
	const encodeText = (text: string) => {
		if (text.search(anySpecial) === -1) return encodeWhole(text);
		withoutSpecials ??= openTokenizer({ ...file, added_tokens: file.added_tokens.filter((token) => !token.special) }, config);
		return withoutSpecials.encode(text);
	};
	return {
		encodeWhole,
		encodeText,
		encodeSections: (text, reveal) =>
			text.split(anySpecial).flatMap((section) => (idOf.has(section) ? idOf.get(section)! : encodeText(reveal(section)))),
		hideSpecials(messages) {
			const contents = messages.map((message) => message.content).join('\n');
			if (contents.search(anySpecial) === -1) return { hidden: messages, reveal: (section) => section, isForeign: false };
			const marks = unusedCharacters(contents, names.length);
			const markOf = new Map(names.map((name, i) => [name, marks[i]!]));
			return {
				hidden: messages.map(({ role, content }) => ({ role, content: content.replace(anySpecial, (name) => markOf.get(name)!) })),
				reveal: (section) => names.reduce((restored, name) => restored.replaceAll(markOf.get(name)!, () => name), section),
				isForeign: true,
			};
		},
	};
}

/** `count` characters of Unicode's private planes that `text` does not hold. */
function unusedCharacters(text: string, count: number): string[] {
	const unused: string[] = [];
	for (let point = 0xf0000; unused.length < count; point++) {
		const character = String.fromCodePoint(point); // a RangeError past U+10FFFF: no message holds 131,000 different ones
		if (!text.includes(character)) unused.push(character);
	}
	return unused;
}

function pickTemplate(config: TokenizerConfig): string {
	const { chat_template: template } = config;
	if (typeof template === 'string') return template;
	const named = template?.find(({ name }) => name === 'default');
	if (named) return named.template;
	const names = template?.map(({ name }) => name).join(', ');
	throw new TokenizerError(
		names
			? `tokenizer_config.json has the chat templates ${names}, but none called default`
			: 'the tokenizer has no chat template, in tokenizer_config.json or in chat_template.jinja: the lab needs a model trained for chat',
	);
}

function compileTemplate(source: string): Template {
	try {
		return new Template(source.replaceAll(/\bstrftime_now\b/g, DAY_FUNCTION)); // the library's own tells the true day, and can't be shadowed
	} catch (error) {
		throw new TokenizerError(`the chat template does not parse: ${(error as Error).message}`);
	}
}

/** Whatever the checkpoint's files say ends an answer; they often name different tokens, and each of them does. */
function endTokenIds(named: (number | number[] | null | undefined)[]): number[] {
	const ids = new Set(named.flatMap((id) => id ?? []));
	if (ids.size === 0) throw new TokenizerError('no file of the checkpoint names an eos token: without one an answer never ends');
	return [...ids];
}

function tokenId(library: RawTokenizer, token: string | null | undefined): number | undefined {
	return token == null ? undefined : library.idOf(token);
}

function parse<const Schema extends v.GenericSchema>(schema: Schema, json: unknown, name: string): v.InferOutput<Schema> {
	const result = v.safeParse(schema, json);
	if (result.success) return result.output;
	const [issue] = result.issues;
	throw new TokenizerError(`${name}: ${v.getDotPath(issue) ?? 'the file'}: ${issue.message}`);
}

function escapeRegExp(text: string): string {
	return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
