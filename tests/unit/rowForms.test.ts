/** The forms of training data: each as its ecosystem writes it, and what is wrong with a record that is not whole. */
import { csvFormat } from 'd3';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { rowsFile } from '$lib/experiment/folder';
import { looksLikeRows, parseRows } from '$lib/experiment/rowFile';
import { readGivenFile } from '$lib/state/givenFile';
import type { ChatRow } from '$lib/experiment/rows';
import type { ChatMessage } from '$lib/model/tokenizer';

const user = (content: string): ChatMessage => ({ role: 'user', content });
const assistant = (content: string): ChatMessage => ({ role: 'assistant', content });
const system = (content: string): ChatMessage => ({ role: 'system', content });
const plain: ChatRow = { messages: [user('q'), assistant('a')] };
const pair: ChatRow = { ...plain, rejected: 'b' };

describe.each<[string, object, ChatRow]>([
	['messages', { messages: plain.messages }, plain],
	['messages of several turns behind a system turn', { messages: [system('s'), user('1'), assistant('2'), ...plain.messages] }, { messages: [system('s'), user('1'), assistant('2'), ...plain.messages] }], // prettier-ignore
	['prompt and completion', { prompt: 'q', completion: 'a' }, plain],
	['prompt and completion of turns', { prompt: [system('s'), user('q')], completion: [assistant('a')] }, { messages: [system('s'), ...plain.messages] }], // prettier-ignore
	['a pair of texts', { prompt: 'q', chosen: 'a', rejected: 'b' }, pair],
	['a pair of turns', { prompt: [user('q')], chosen: [assistant('a')], rejected: [assistant('b')] }, pair],
	['a pair without a prompt', { chosen: [user('q'), assistant('a')], rejected: [user('q'), assistant('b')] }, pair],
	['a pair of conversations beside a plain prompt and messages', { prompt: 'q', messages: plain.messages, chosen: [user('q'), assistant('a')], rejected: [user('q'), assistant('b')] }, pair], // prettier-ignore
	['a pair of texts without a prompt', { chosen: 'The sky is blue.', rejected: 'The sky is green.' }, { messages: [user('The sky is'), assistant(' blue.')], rejected: ' green.' }], // prettier-ignore
	['an instruction', { instruction: 'q', input: '', output: 'a' }, plain],
	['an instruction without an input', { instruction: 'q', output: 'a', input: null }, plain],
	['an instruction with an input', { instruction: 'Add.', input: '1 + 1', output: 'a' }, { messages: [user('Add.\n\n1 + 1'), assistant('a')] }], // prettier-ignore
	['an instruction with what was said before', { instruction: 'q', output: 'a', system: 's', history: [['1', '2']] }, { messages: [system('s'), user('1'), assistant('2'), ...plain.messages] }], // prettier-ignore
	['conversations', { id: 'x', conversations: [{ from: 'human', value: 'q' }, { from: 'gpt', value: 'a' }] }, plain], // prettier-ignore
])('%s', (_, record, expected) => {
	test('is read from JSON lines, from an array and from a .json file', () => {
		for (const text of [JSON.stringify(record), JSON.stringify([record]), JSON.stringify([record], null, '\t')]) {
			expect(parseRows(text)).toEqual({ rows: [expected], faults: [] });
			expect(looksLikeRows(text)).toBe(true);
		}
	});

	test('is kept as a line that is read as the same', () => {
		expect(parseRows(rowsFile([expected]))).toEqual({ rows: [expected], faults: [] });
	});

	test('a part of it is a fault or another whole row, never half of one', () => {
		fc.assert(
			fc.property(fc.subarray(Object.keys(record)), fc.jsonValue(), (keys, value) => {
				const broken = { ...record, ...Object.fromEntries(keys.map((key) => [key, value])) };
				expectWhole(parseRows(JSON.stringify(broken)), 1);
			}),
		);
	});
});

/** Every record is a row that can be learnt from, or a fault on a line that the file has. */
function expectWhole({ rows, faults }: ReturnType<typeof parseRows>, records?: number, lines = Infinity) {
	for (const { messages, rejected } of rows) {
		expect(messages.length).toBeGreaterThan(1);
		expect(messages.at(-1)).toMatchObject({ role: 'assistant', content: expect.stringMatching(/\S/) as string });
		for (const { role, content } of messages) expect([typeof role, typeof content]).toEqual(['string', 'string']);
		if (rejected !== undefined) expect([rejected.trim() === '', rejected === messages.at(-1)!.content]).toEqual([false, false]);
	}
	for (const { line, message } of faults) expect([line >= 1 && line <= lines, message !== '']).toEqual([true, true]);
	if (records !== undefined) expect(rows.length + faults.length).toBe(records);
}

test.each([
	[{ prompt: 'q' }, 'has the keys prompt; expected messages, or prompt and completion'],
	[{ text: 'all of it' }, 'has the keys text'],
	[{ prompt: ' ', completion: 'a' }, 'prompt: is empty'],
	[{ prompt: 'q', completion: [assistant('a'), user('and?'), assistant('b')] }, 'completion: expected one answer'],
	[{ prompt: 'q', chosen: 'a', rejected: 'a' }, 'the same answer'],
	[{ prompt: 'q', chosen: 'a', rejected: ' ' }, 'rejected: is empty'],
	[{ prompt: 'q', chosen: 'a', rejected: [assistant('b')] }, 'expected two alike'],
	[{ chosen: 'blue', rejected: 'green' }, 'nothing in common'],
	[{ chosen: [user('q'), assistant('a')], rejected: [user('q')] }, 'rejected: expected one answer'],
	[{ instruction: '', output: 'a' }, 'instruction: is empty'],
	[{ instruction: 'q', output: '' }, 'empty answer'],
	[{ instruction: 'q', output: 3 }, 'output'],
	[{ conversations: [{ from: 'human', value: 'q' }] }, 'question and an answer'],
	[{ conversations: [{ from: 'tool', value: 'q' }] }, 'conversations.0.from'],
])('%j is refused: %s', (record, message) => {
	const { rows, faults } = parseRows(`${JSON.stringify(plain)}\n${JSON.stringify(record)}`);
	expect(rows).toEqual([plain]);
	expect(faults).toEqual([{ line: 2, message: expect.stringContaining(message) as string }]);
});

test('a record of an array is named by its number and the line that it begins on', () => {
	const text = `[\n\t{"prompt": "q", "completion": "a"},\r\n\t{"prompt": "[{,\\"\\\\",\n\t\t"completion": ""}\n, 7]`;
	const { rows, faults } = parseRows(text);
	expect(rows).toEqual([plain]);
	expect(faults.map(({ line }) => line)).toEqual([3, 5]);
	expect(faults[0]!.message).toContain('record 2 messages: ends with an empty answer');
	expect(faults[1]!.message).toContain('record 3 is no object');
});

test('an array that breaks off is one fault', () => {
	const array = JSON.stringify([plain, plain], null, 1);
	const lines = array.split('\n').length;
	const { rows, faults } = parseRows(array.slice(0, -4));
	expect([rows.length, faults.length]).toEqual([0, 1]);
	expect(faults[0]!.line).toBeGreaterThan(lines - 4);
	expect(faults[0]!.message).toContain('is where the array stops being JSON');
	expect(parseRows(`[\n${JSON.stringify(plain)},\n{"prompt": 012}\n]`).faults).toMatchObject([{ line: 3 }]);
});

test('a .json file is one of rows if any of its records is, or if it breaks off among their fields', () => {
	expect(looksLikeRows(JSON.stringify([{ note: 'mine' }, plain]))).toBe(true);
	expect(looksLikeRows('[{"instruction": "q", "output": "a"},')).toBe(true);
	expect(looksLikeRows('[{"id": "q1", "paraphrases": ["q"]},')).toBe(false);
	expect(looksLikeRows(JSON.stringify([{ id: 'q1', paraphrases: ['q'] }]))).toBe(false);
});

test.each([';', '\t'])('a table of a spreadsheet that separates its fields otherwise (%j) is one, too', (separator) => {
	const table = [['id', 'prompt', 'completion'], ['1', 'Yes, or no?', '"a; b\tc"'], ['2', 'q']].map((fields) => fields.join(separator)).join('\n'); // prettier-ignore
	const { rows, faults } = parseRows(table);
	expect(rows).toEqual([{ messages: [user('Yes, or no?'), assistant('a; b\tc')] }]);
	expect(faults[0]!.message).toMatch(/has 2 fields.*holds a (semicolon|tab) is put in quotes/);
});

test('a file that is not in UTF-8 is refused: other letters would be learnt', async () => {
	const latin1 = new Uint8Array([...new TextEncoder().encode('prompt,completion\nq,caf'), 0xe9, 0x0a]);
	await expect(readGivenFile(new File([latin1], 'rows.csv'))).rejects.toThrow('It is no text in UTF-8. Save it as UTF-8');
	const given = await readGivenFile(new File(['\uFEFFprompt,completion\nq,café\n'], 'rows.csv'));
	expect(given).toMatchObject({ kind: 'rows', rows: [{ messages: [user('q'), assistant('café')] }] });
});

test('a table is told by its columns, and its records are named by number and line', () => {
	const table = csvFormat([
		{ id: '1', Instruction: 'Add,\nplease.', input: '1 + 1', output: '"2"' },
		{ id: '2', Instruction: 'q', input: '', output: ' ' },
		{ id: '3', Instruction: 'q', input: '', output: 'a' },
	]);
	const { rows, faults } = parseRows(`\uFEFF${table}\n4,q,a\n`);
	expect(rows).toEqual([{ messages: [user('Add,\nplease.\n\n1 + 1'), assistant('"2"')] }, plain]);
	expect(faults.map(({ line, message }) => [line, message.slice(0, 12)])).toEqual([
		[4, 'record 2 mes'],
		[6, 'record 4 has'],
	]);
	expect(parseRows('prompt,chosen,rejected\nq,a,b\n')).toEqual({ rows: [pair], faults: [] });
	expect(parseRows('prompt,completion\nq,a\n')).toEqual({ rows: [plain], faults: [] });
	expect(parseRows('prompt,answer\nq,a\n').faults[0]!.message).toContain(
		'expected the columns chosen and rejected, or prompt and completion',
	);
});

test('mutated files of every form end in whole rows and faults that name a line', () => {
	const records = [pair, plain].map((row) => rowsFile([row]).trim());
	const seeds = [
		records.join('\n'),
		`[${records.join(',\n')}]`,
		'instruction,input,output\nq,"1, 2",a\nq,,a\n',
		'prompt,chosen,rejected\n"q\n",a,b\n',
	];
	const edit = fc.record({ at: fc.nat(400), drop: fc.nat(12), put: fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom('"', '\n', '[', '{', ',', '\\', '\r', '}')) }); // prettier-ignore
	fc.assert(
		fc.property(fc.constantFrom(...seeds), fc.array(edit, { maxLength: 4 }), (seed, edits) => {
			const text = edits.reduce((from, { at, drop, put }) => from.slice(0, at) + put + from.slice(at + drop), seed);
			expectWhole(parseRows(text), undefined, text.split(/\r\n|\n|\r/).length);
			looksLikeRows(text);
		}),
		{ numRuns: 1000 },
	);
});
