import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTokenizer, TokenizerError, type ChatMessage } from '$lib/model/tokenizer';
import golden from '../golden/tokenizer.json';

const { tokenizer: tokenizerFile, tokenizerConfig } = golden.thinkingFiles;
const CHATML =
	"{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
const plainConfig = { ...tokenizerConfig, chat_template: CHATML };
const tokenizer = createTokenizer({ tokenizer: { ...tokenizerFile, normalizer: null }, tokenizerConfig: plainConfig });
const idOf = (content: string) => tokenizerFile.added_tokens.find((token) => token.content === content)!.id;
const specialIds = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'].map(idOf);

const anyText = fc.string({ unit: 'grapheme', maxLength: 40 });
const forgery = fc.constantFrom(
	'<|im_end|>',
	'<|im_start|>',
	'<|endoftext|>',
	'<|im_',
	'end|>',
	'\n',
	'\u{f0000}',
	'\u{f0001}',
	'$&',
	'<think>',
);
const anyContent = fc.array(fc.oneof(anyText, forgery), { maxLength: 6 }).map((parts) => parts.join(''));
const anyMessages = fc.array(
	fc.record<ChatMessage>({ role: fc.constantFrom<ChatMessage['role'][]>('system', 'user', 'assistant'), content: anyContent }),
	{ minLength: 1, maxLength: 4 },
);

describe('encode', () => {
	it('loses nothing: any text decodes to itself, special names included', () => {
		fc.assert(
			fc.property(anyContent, (text) => {
				expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
			}),
		);
	});

	it('never makes a special token', () => {
		fc.assert(
			fc.property(anyContent, (text) => {
				expect(tokenizer.encode(text).filter((id) => specialIds.includes(id))).toEqual([]);
			}),
		);
	});
});

describe('decode', () => {
	it('leaves out special tokens and ids that no token has', () => {
		const hi = tokenizer.encode('Hi');
		expect(tokenizer.decode([idOf('<|im_start|>'), ...hi, 100_000, idOf('<|im_end|>')])).toBe('Hi');
		expect(tokenizer.decode([])).toBe('');
		expect(tokenizer.decode([idOf('<|im_end|>')])).toBe('');
	});
});

describe('chat', () => {
	it('has the special tokens of the template and no others, whatever the messages hold', () => {
		fc.assert(
			fc.property(anyMessages, fc.boolean(), (messages, addGenerationPrompt) => {
				const ids = tokenizer.chat(messages, { addGenerationPrompt });
				const expected = messages.flatMap(() => [idOf('<|im_start|>'), idOf('<|im_end|>')]);
				if (addGenerationPrompt) expected.push(idOf('<|im_start|>'));
				expect(ids.filter((id) => specialIds.includes(id))).toEqual(expected);
			}),
		);
	});

	it('keeps every character of the messages', () => {
		fc.assert(
			fc.property(anyMessages, (messages) => {
				const ids = tokenizer.chat(messages, { addGenerationPrompt: false });
				expect(tokenizer.decode(ids)).toBe(messages.map(({ role, content }) => `${role}\n${content}\n`).join(''));
			}),
		);
	});

	it('takes the template called default from a list, and chat_template.jinja before either', () => {
		const named = {
			...plainConfig,
			chat_template: [
				{ name: 'tool_use', template: 'tools' },
				{ name: 'default', template: 'hello' },
			],
		};
		const messages: ChatMessage[] = [{ role: 'user', content: 'Hi' }];
		const text = (files: object) =>
			createTokenizer({ tokenizer: tokenizerFile, tokenizerConfig: named, ...files }).chatText(messages, { addGenerationPrompt: true });
		expect(text({})).toBe('hello');
		expect(text({ chatTemplate: '{{ messages[0].content }}{{ eos_token }}' })).toBe('Hi<|im_end|>');
	});

	it('passes on what the template says against the messages', () => {
		const strict = createTokenizer({
			tokenizer: tokenizerFile,
			tokenizerConfig: plainConfig,
			chatTemplate: "{{ raise_exception('roles must alternate') }}",
		});
		expect(() => strict.chat([{ role: 'user', content: 'Hi' }], { addGenerationPrompt: true })).toThrow(
			/refused the messages \(user\): .*roles must alternate/,
		);
	});
});

describe('the tokens that end an answer', () => {
	const create = (files: object) => createTokenizer({ tokenizer: tokenizerFile, tokenizerConfig: plainConfig, ...files });

	it('are those that any file names, once each', () => {
		expect(create({}).eosTokenIds).toEqual([idOf('<|im_end|>')]);
		expect(create({ generationConfig: { eos_token_id: [3, idOf('<|im_end|>')] }, config: { eos_token_id: 4 } }).eosTokenIds).toEqual([
			idOf('<|im_end|>'),
			3,
			4,
		]);
	});

	it('read an eos token in the long form of older files', () => {
		expect(create({ tokenizerConfig: { ...plainConfig, eos_token: { content: '<|endoftext|>', lstrip: false } } }).eosTokenIds).toEqual([
			idOf('<|endoftext|>'),
		]);
	});

	it('give the padding where no file names one', () => {
		expect(create({}).padTokenId).toBe(idOf('<|endoftext|>'));
		expect(create({ tokenizerConfig: { ...plainConfig, pad_token: null }, generationConfig: { pad_token_id: 7 } }).padTokenId).toBe(7);
		expect(create({ tokenizerConfig: { ...plainConfig, pad_token: null } }).padTokenId).toBe(idOf('<|im_end|>'));
	});
});

describe('files that do not make a tokenizer', () => {
	it.each<[string, object, RegExp]>([
		['no tokenizer.json', { tokenizer: null }, /tokenizer\.json/],
		['a tokenizer.json without a model', { tokenizer: { added_tokens: [] } }, /tokenizer\.json: model/],
		['a template that is a number', { tokenizerConfig: { ...plainConfig, chat_template: 3 } }, /tokenizer_config\.json: chat_template/],
		['no template', { tokenizerConfig: { ...plainConfig, chat_template: null } }, /no chat template/],
		[
			'no template called default',
			{ tokenizerConfig: { ...plainConfig, chat_template: [{ name: 'rag', template: '' }] } },
			/templates rag, but none called default/,
		],
		['a template that does not parse', { chatTemplate: '{% if %}' }, /does not parse/],
		[
			'no token that ends an answer',
			{ tokenizerConfig: { ...plainConfig, eos_token: null } },
			/no file of the checkpoint names an eos token/,
		],
	])('%s', (_, files, reason) => {
		const create = () => createTokenizer({ tokenizer: tokenizerFile, tokenizerConfig: plainConfig, ...files });
		expect(create).toThrow(TokenizerError);
		expect(create).toThrow(reason);
	});
});

describe('a tokenizer.json that could run for ever, or that the library refuses', () => {
	const made = (file: object) => () => createTokenizer({ tokenizer: { ...tokenizerFile, ...file }, tokenizerConfig: plainConfig });
	const split = (Regex: string) => ({ pre_tokenizer: { type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false } });

	it.each(['(a+)+$', '(?:\\p{L}|a)*\\d', '((x{2,})y)*z', '(?:a|b){1,40}', '((a|b)c)+'])('is refused for the pattern %s', (pattern) => {
		expect(made(split(pattern))).toThrow(TokenizerError);
		expect(made(split(pattern))).toThrow(/never come to an end/);
		expect(
			made({ normalizer: { type: 'Sequence', normalizers: [{ type: 'Replace', pattern: { Regex: pattern }, content: '' }] } }),
		).toThrow(/never come to an end/);
	});

	it.each([
		['GPT-2', "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"],
		[
			'Llama 3',
			"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
		],
		['a class with signs of groups in it', '[(+|)*]+|[^\\](+]'],
	])('is not refused for the pattern of %s', (_name, pattern) => {
		expect(made(split(pattern))().encode('It is 12:30 (noon)!').length).toBeGreaterThan(0);
	});

	it('is refused where it would cut text into parts of no length, or has steps without an end in one another', () => {
		expect(made({ pre_tokenizer: { type: 'FixedLength', length: 0 } })).toThrow(/parts of length 0; expected a whole number/);
		let step: object = { type: 'NFC' };
		for (let depth = 0; depth < 30; depth++) step = { type: 'Sequence', normalizers: [step] };
		expect(made({ normalizer: step })).toThrow(/more than 20 deep/);
	});

	it('is a TokenizerError whatever the library throws', () => {
		expect(made({ normalizer: { type: 'Upside' } })).toThrow(TokenizerError);
		expect(made({ normalizer: { type: 'Upside' } })).toThrow(/can't be used: Unknown Normalizer type: Upside/);
		const named = { type: 'BPE', vocab: {}, merges: [], unk_token: '<unknown>' }; // by a name that has no token; without one BPE drops the text, as transformers does
		expect(() => made({ model: named })().encode('a')).toThrow(/no token for a part of the text/);
		expect(made({ added_tokens: [{ id: 2 ** 40, content: 'x' }] })).toThrow(/added_tokens\.0\.id/);
	});
});
