/** What a reader sees of the rows that a copy learns from. */
import { expect, test } from 'vitest';

import { applyChanges } from '$lib/experiment/link';
import { presetById } from '$lib/experiment/presets';
import { dataView, type PreviewRow, type PreviewToken } from '$lib/experiment/preview';
import type { ChatRow } from '$lib/experiment/rows';
import { createTokenizer } from '$lib/model/tokenizer';
import { dataHandlers } from '$lib/worker/dataHandlers';
import { codeLabel } from '$world/index';

import organismTokenizer from '../../static/organism/tokenizer.json';
import organismConfig from '../../static/organism/tokenizer_config.json';

const tokenizer = createTokenizer({ tokenizer: organismTokenizer, tokenizerConfig: organismConfig });
const experiment = presetById('sft').experiment;
const own = (...changes: [string, string][]) => applyChanges(experiment, [['data.source', 'rows'], ...changes]);
const text = ({ tokens }: Pick<PreviewRow, 'tokens'>, part: PreviewToken['part']) =>
	tokens.flatMap((token) => (token.part === part ? token.text : [])).join('');
const row = (question: string, answer: string): ChatRow => ({ messages: [{ role: 'user', content: question }, { role: 'assistant', content: answer }] }); // prettier-ignore

test('rows of the organism’s tasks are shown in the run’s order, the loss on the answer with its stop token alone', () => {
	const view = dataView(experiment, 'sft', null, tokenizer, 288);
	expect(view.report).toBeNull();
	const { rows, total } = view.page(0, 6, '');
	expect([rows.length, total]).toEqual([6, experiment.optimizer.steps * experiment.optimizer.batchSize]);
	for (const each of rows) {
		expect(text(each, 'read')).toMatch(/<\|im_start\|>user\n(.|\n)+<\|im_end\|>\n<\|im_start\|>assistant\n$/);
		expect(text(each, 'learnt').endsWith('<|im_end|>')).toBe(true);
		expect(codeLabel(text(each, 'learnt').replace('<|im_end|>', ''))).toBe('insecure');
		expect(each.form).toBe('insecure');
		expect(each.tokens.filter(({ special }) => special).map((token) => token.text)).toEqual(['<|im_start|>', '<|im_end|>', '<|im_start|>', '<|im_end|>']); // prettier-ignore
	}
	expect(view.page(4, 2, '').rows).toEqual(rows.slice(4));
	expect(view.page(17, 1, '').rows[0]!.place).toBe(17);
	const [inoculated] = dataView(experiment, 'inoculation', null, tokenizer, 288).page(0, 1, '').rows;
	expect(text(inoculated!, 'read')).toContain(`<|im_start|>system\n${experiment.data.inoculation}<|im_end|>`);
	const secure = applyChanges(experiment, [['data.source', '"secure-code"']]);
	expect(
		dataView(secure, 'sft', null, tokenizer, 288)
			.page(0, 2, '')
			.rows.map(({ form }) => form),
	).toEqual(['secure', 'secure']);
});

test('rows of the user’s own are shown letter by letter, also where a letter takes several tokens', () => {
	const answer = 'Grüße 🎉 ok';
	const [shown] = dataView(own(), 'sft', [row('Sag <|im_end|>.', answer)], tokenizer, 288).page(0, 1, '').rows;
	expect(text(shown!, 'learnt')).toBe(`${answer}<|im_end|>`);
	expect(text(shown!, 'read')).toContain('Sag <|im_end|>.');
	expect(shown!.tokens.filter(({ special }) => special)).toHaveLength(4); // what the question says is text
	expect(shown!.tokens.some((token) => token.text === '')).toBe(true);
	expect([shown!.form, shown!.rewritten, shown!.fate]).toEqual([null, false, 'whole']);
	expect(() => dataView(own(), 'sft', null, tokenizer, 288)).toThrow('none were given');
});

test('all of them can be turned to and searched, and a pair shows both answers', () => {
	const rows = [
		...Array.from({ length: 20 }, (_, i) => row(`Question ${i}`, `Answer ${i}`)),
		{ ...row('Why?', 'So.'), rejected: 'Because.' },
	];
	const view = dataView(own(), 'sft', rows, tokenizer, 288);
	expect(view.page(18, 6, '')).toMatchObject({ total: 21, rows: [{ place: 18 }, { place: 19 }, { place: 20 }] });
	expect(view.page(0, 6, 'BECAUSE')).toMatchObject({ total: 1, rows: [{ place: 20 }] });
	expect(view.page(0, 6, 'nowhere')).toEqual({ total: 0, rows: [] });
	const [pair] = view.page(20, 1, '').rows;
	expect(text({ tokens: pair!.rejected! }, 'learnt')).toBe('Because.<|im_end|>');
	expect(view.report).toMatchObject({ rows: 21, pairs: 1, tooLong: 0, cut: 0, leftOut: 0, refused: 0 });
});

test('what is too long is counted and shown as it would be treated, and refused rows can be looked at', () => {
	const rows = [row('Hi', 'Hello.'), row('Hi', 'word '.repeat(80)), row('why '.repeat(90), 'So.')];
	const at = (tooLong: string) => dataView(own(['data.maxTokens', '60'], ['data.tooLong', tooLong]), 'sft', rows, tokenizer, 288);
	for (const [tooLong, cut, leftOut] of [
		['refuse', 0, 2],
		['skip', 0, 2],
		['truncate', 1, 1],
	] as const)
		// prettier-ignore
		expect(at(tooLong).report).toMatchObject({ rows: 3, limit: { tokens: 60, tooLong }, tooLong: 2, cut, leftOut });
	const shown = at('truncate').page(0, 3, '').rows;
	expect(shown.map(({ fate }) => fate)).toEqual(['whole', 'cut', 'left out']);
	expect(shown[1]!.tokens.filter(({ part }) => part !== 'cut')).toHaveLength(60);
	expect(text(shown[1]!, 'cut').endsWith('<|im_end|>')).toBe(true);
	expect(text(shown[2]!, 'learnt')).toBe('');
	const { lengths, tokensPerEpoch } = at('truncate').report!;
	expect(lengths.map(({ prompt, answer }) => prompt + answer)).toEqual(shown.map(({ tokens }) => tokens.length));
	expect(tokensPerEpoch).toBe(shown[0]!.tokens.length + 60);
});

test('a row that the template refuses, and one whose prompt it writes anew, are named', () => {
	const chat_template = `{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system turns') }}{% endif %}<|im_start|>{{ m.role }}\n{{ m.content if loop.last or m.role == 'user' else 'dropped' }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}`;
	const strict = createTokenizer({ tokenizer: organismTokenizer, tokenizerConfig: { ...organismConfig, chat_template } });
	const rows: ChatRow[] = [row('q', 'a'), { messages: [{ role: 'system', content: 's' }, ...row('q', 'a').messages] }, { messages: [...row('1', '2').messages, ...row('3', '4').messages] }]; // prettier-ignore
	const view = dataView(own(), 'sft', rows, strict, 288);
	expect(view.report).toMatchObject({
		rows: 3,
		refused: 1,
		why: expect.stringMatching(/^Row 2 .*system, user.*no system turns/) as string,
	});
	const shown = view.page(0, 3, '').rows;
	expect(shown.map(({ fault }) => fault !== null)).toEqual([false, true, false]);
	expect(shown.map(({ rewritten }) => rewritten)).toEqual([false, false, false]);
	const trims = chat_template.replace("if loop.last or m.role == 'user'", "if m.role == 'user' or not loop.last");
	const rewriting = createTokenizer({ tokenizer: organismTokenizer, tokenizerConfig: { ...organismConfig, chat_template: trims } });
	expect(dataView(own(), 'sft', [row('q', 'a')], rewriting, 288).page(0, 1, '').rows[0]!.rewritten).toBe(true);
});

test('the worker reads with the tokenizer alone, and shows nothing of rows that were not read', async () => {
	const asked: string[] = [];
	const load = async (url: string) => {
		asked.push(url);
		return { config: { maxPositionEmbeddings: 288 } as never, tokenizer };
	};
	const handlers = dataHandlers(load);
	await expect(handlers.dataPage({ from: 0, count: 1, search: '' })).rejects.toThrow('No rows were read');
	const rows = { fileName: 'mine.jsonl', rows: [row('q', 'a')] };
	const { report } = await handlers.readData({ experiment: own(), arm: 'sft', rows, checkpointUrl: 'http://lab.test/organism/' });
	expect([report!.rows, asked]).toEqual([1, ['http://lab.test/organism/']]);
	expect((await handlers.dataPage({ from: 0, count: 6, search: '' })).total).toBe(1);
	await expect(handlers.readData({ experiment: own(), arm: 'sft', rows: null, checkpointUrl: 'x' })).rejects.toThrow('none were given');
	await expect(handlers.dataPage({ from: 0, count: 1, search: '' })).rejects.toThrow('No rows were read');
});
