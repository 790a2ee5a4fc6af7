/** Token ids against transformers; the numbers are from tokenizer.py. */
import { describe, expect, it } from 'vitest';
import { createTokenizer, type ChatMessage } from '$lib/model/tokenizer';
import organismTokenizer from '../../static/organism/tokenizer.json';
import organismConfig from '../../static/organism/tokenizer_config.json';
import golden from './tokenizer.json';

const cases = [
	{ name: "the organism's tokenizer", files: { tokenizer: organismTokenizer, tokenizerConfig: organismConfig }, expected: golden.organism },
	{ name: 'a tokenizer of the Qwen family', files: golden.thinkingFiles, expected: golden.thinking },
];

describe.each(cases)('$name', ({ files, expected }) => {
	const tokenizer = createTokenizer(files);

	it('has as many tokens', () => {
		expect(tokenizer.vocabSize).toBe(expected.vocabSize);
	});

	it.each(expected.encode)('encodes $text', ({ text, ids }) => {
		expect(tokenizer.encode(text)).toEqual(ids);
	});

	it.each(expected.decode)('decodes $ids', ({ ids, text }) => {
		expect(tokenizer.decode(ids)).toBe(text);
	});

	it.each(expected.chat)('renders and encodes the conversation $messages with generation prompt: $addGenerationPrompt', (chat) => {
		const messages = chat.messages as ChatMessage[];
		expect(tokenizer.chatText(messages, chat)).toBe(chat.text);
		expect(tokenizer.chat(messages, chat)).toEqual(chat.ids);
	});

	it.each(expected.forged)('keeps $content the words of the user', ({ content, ids }) => {
		expect(tokenizer.chat([{ role: 'user', content }], { addGenerationPrompt: true })).toEqual(ids);
	});
});
