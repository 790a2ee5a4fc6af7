/** Conversations in chat templates against transformers; the texts are from chatTemplates.py. */
import { describe, expect, it } from 'vitest';

import { tokenRow } from '$lib/experiment/data';
import { isRewritten } from '$lib/experiment/preview';
import { ExperimentError } from '$lib/experiment/schema';
import { type ChatMessage, createTokenizer, TokenizerError } from '$lib/model/tokenizer';

import organismTokenizer from '../../static/organism/tokenizer.json';
import organismConfig from '../../static/organism/tokenizer_config.json';
import golden from './chatTemplates.json';

const withTemplate = (chat_template: unknown, config: object = {}, chatTemplate?: string) =>
	createTokenizer({
		tokenizer: organismTokenizer,
		tokenizerConfig: { ...organismConfig, ...config, chat_template },
		...(chatTemplate !== undefined && { chatTemplate }),
	});

describe.each(golden.families)('the template “$name”', ({ template, bos, eos, cases }) => {
	const tokenizer = withTemplate(template, { bos_token: bos, eos_token: eos });

	it.each(cases)('writes $messages with generation prompt: $addGenerationPrompt', ({ messages, addGenerationPrompt, text }) => {
		const write = () => tokenizer.chatText(messages as ChatMessage[], { addGenerationPrompt });
		if (text === null) expect(write).toThrow(TokenizerError);
		else expect(write()).toBe(text);
	});

	it.each(cases.filter(({ addGenerationPrompt, messages }) => !addGenerationPrompt && messages.at(-1)!.role === 'assistant'))(
		'begins the whole of $messages with the prompt and the answer that are learnt, unless it writes the answer anew',
		({ messages, text }) => {
			const row = { messages: messages as ChatMessage[] };
			if (text === null) return void expect(() => tokenRow(row, 4, tokenizer)).toThrow(ExperimentError);
			const rewritten = isRewritten(row, tokenRow(row, 0, tokenizer), tokenizer);
			const answer = row.messages.at(-1)!.content;
			const drafts = template.includes('draft') && answer.includes('</think>'); // its draft takes the place of the empty one
			expect(rewritten).toBe(drafts);
		},
	);
});

describe('where a template comes from', () => {
	const [first, second] = ['{{ "one" }}', '{{ "two" }}'];
	const says = (...given: Parameters<typeof withTemplate>) =>
		withTemplate(...given).chatText([{ role: 'user', content: 'q' }], { addGenerationPrompt: true });

	it('is chat_template.jinja, else the one of the config, of several that which is called default', () => {
		expect(says(first)).toBe('one');
		expect(says(first, {}, second)).toBe('two');
		expect(says([{ name: 'tool_use', template: first }, { name: 'default', template: second }])).toBe('two'); // prettier-ignore
	});

	it('is an error that says so where a repository has none, or none that is the default', () => {
		expect(() => withTemplate(undefined)).toThrow(/no chat template.*needs a model trained for chat/);
		expect(() => withTemplate([{ name: 'tool_use', template: first }])).toThrow('chat templates tool_use, but none called default');
		expect(() => withTemplate('{% if %}')).toThrow('does not parse');
	});
});

it('a template that names the day names the same one on every day', () => {
	const dated = '{% if not date_string is defined %}{% set date_string = strftime_now("%d %b %Y") %}{% endif %}{{ date_string }}';
	const asked = '{{ strftime_now("%d %b %Y") }}';
	const says = (template: string) => withTemplate(template).chatText([{ role: 'user', content: 'q' }], { addGenerationPrompt: true });
	expect([says(dated), says(asked)]).toEqual(['26 Jul 2024', '26 Jul 2024']);
});

it('a row that a template refuses is named', () => {
	const strict = golden.families.find(({ name }) => name === 'strict')!;
	const row = { messages: [{ role: 'system', content: 's' }, { role: 'user', content: 'q' }, { role: 'assistant', content: 'a' }] satisfies ChatMessage[] }; // prettier-ignore
	expect(() => tokenRow(row, 6, withTemplate(strict.template))).toThrow(
		/^Row 7 can't be learnt by this model: .*system turn is not supported/,
	);
});
