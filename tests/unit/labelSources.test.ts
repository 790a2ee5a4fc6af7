import fc from 'fast-check';
import { gzipSync, strToU8 } from 'fflate';
import { describe, expect, test } from 'vitest';

import { LABELS } from '$lib/conscience/judge';
import { csvRecords } from '$lib/experiment/labels/csvRecords';
import { LabelFileError, readLabels, textOfLabels } from '$lib/experiment/labels/read';

const read = (...lines: (string | object)[]) =>
	readLabels([{ fileName: 'given', text: lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n') }]);

describe('which value means unethical', () => {
	test('ETHICS, commonsense: 1 is wrong', () => {
		const { rows, faults } = read('label,input,is_short,edited', '1,"I lied, and was glad.",True,False', '0,I helped.,True,False');
		expect(faults).toEqual([]);
		expect(rows).toEqual([
			{ question: 'What did you do?', answer: 'I lied, and was glad.', label: 'unethical', source: 'ethics-commonsense' },
			{ question: 'What did you do?', answer: 'I helped.', label: 'ethical', source: 'ethics-commonsense' },
		]);
	});

	test.each(['label,scenario', 'label,scenario,excuse'])(
		'another part of ETHICS (%s) is not guessed at: its 1 may mean the opposite',
		(header) => {
			expect(() => read(header, '1,x,y')).toThrow(/another part of ETHICS .* commonsense alone/);
		},
	);

	test('Moral Stories: the immoral action, of a story that holds both or one', () => {
		const story = { ID: '1', norm: 'It is good to share.', situation: 'Ann has bread.', intention: 'Ann wants to eat.' };
		const { rows } = read(
			{ ...story, moral_action: 'Ann shares.', immoral_action: 'Ann hides it.', label: '1' },
			{ ...story, immoral_action: 'Ann throws it away.', label: '0' },
		);
		const question = 'Ann has bread. Ann wants to eat. What do you do?';
		expect(rows.map(({ answer, label }) => [answer, label])).toEqual([
			['Ann shares.', 'ethical'],
			['Ann hides it.', 'unethical'],
			['Ann throws it away.', 'unethical'],
		]);
		expect(new Set(rows.map((row) => row.question))).toEqual(new Set([question]));
	});

	test('BeaverTails: is_safe false', () => {
		const { rows } = read({ prompt: 'p', response: 'bad', category: {}, is_safe: false }, { prompt: 'p', response: 'good', is_safe: true });
		expect(rows.map(({ answer, label }) => [answer, label])).toEqual([['bad', 'unethical'], ['good', 'ethical']]); // prettier-ignore
	});

	test('PKU-SafeRLHF: each of the two responses by its own word, whichever is better', () => {
		const pair = { prompt: 'p', response_0: 'a', response_1: 'b', better_response_id: 1, safer_response_id: 0 };
		const { rows } = read({ ...pair, is_response_0_safe: true, is_response_1_safe: false });
		expect(rows.map(({ answer, label }) => [answer, label])).toEqual([['a', 'ethical'], ['b', 'unethical']]); // prettier-ignore
	});

	test('a table and lines of one’s own say it in words, with a labeller if they like', () => {
		const table = read('Question,Answer,Label,Labeller', 'q,a,Unethical,ida', 'q,b, neutral ,');
		expect(table.rows).toEqual([
			{ question: 'q', answer: 'a', label: 'unethical', labeller: 'ida', source: 'csv' },
			{ question: 'q', answer: 'b', label: 'neutral', source: 'csv' },
		]);
		const lines = read({ question: 'q', answer: 'a', label: 'ethical', labeller: 'ida' });
		expect(lines.rows).toEqual([{ question: 'q', answer: 'a', label: 'ethical', labeller: 'ida', source: 'jsonl' }]);
	});
});

describe('a run’s own files', () => {
	const verdicts = {
		fileName: 'verdicts.jsonl',
		text: ['0-0', '0-1'].map((id, i) => JSON.stringify({ id, question: 'q', answer: `a${i}`, verdict: { label: 'ethical' } })).join('\n'),
	};

	test('give the answers that people labelled, and nothing that its judge said', () => {
		const labels = { fileName: 'labels.jsonl', text: JSON.stringify({ verdictId: '0-1', label: 'unethical' }) };
		expect(readLabels([labels, verdicts])).toEqual({
			rows: [{ question: 'q', answer: 'a1', label: 'unethical', labeller: 'its reader', source: 'run' }],
			faults: [],
		});
	});

	test('without labels give what the judge said, under its name', () => {
		expect(readLabels([verdicts]).rows).toHaveLength(2);
		expect(readLabels([verdicts]).rows[0]).toMatchObject({ answer: 'a0', label: 'ethical', labeller: 'its judge' });
	});

	test('a label of a verdict that is not there is a fault, and so is one that two runs could mean', () => {
		const labels = { fileName: 'labels.jsonl', text: JSON.stringify({ verdictId: '9-9', label: 'neutral' }) };
		expect(readLabels([labels, verdicts]).faults).toEqual([{ fileName: 'labels.jsonl', line: 1, message: expect.stringContaining('"9-9", which is not here') as string }]); // prettier-ignore
		const both = { fileName: 'labels.jsonl', text: JSON.stringify({ verdictId: '0-0', label: 'neutral' }) };
		expect(readLabels([both, verdicts, verdicts]).faults[0]!.message).toContain('two lines are called that');
	});
});

describe('a line that can’t be used', () => {
	test.each([
		[['label,input', '0,fine', '2,hm'], 3, 'label: expected 0 (not wrong) or 1 (wrong), received "2"'],
		[['label,input', '0,"two', 'lines"', '1,', '1,fine'], 4, 'input: must not be empty'],
		[['question,answer,label', 'q,a,ethical', 'q,a,good'], 3, 'label: expected ethical, neutral, unethical, received "good"'],
		[['question,answer,label', 'q,a, b,ethical', 'q,a,ethical'], 2, 'has 4 fields, and the header has 3 (question, answer, label)'],
		[['question,answer,label', 'q,a,ethical', 'q,"a,ethical', 'q,b,ethical'], 3, 'opens a quote (") that is never closed'],
		[
			['{"prompt":"p","response":"r","is_safe":true}', '{"prompt":"p","response":"r","is_safe":"no"}'],
			2,
			'is_safe: expected boolean, received "no"',
		],
		[['{"prompt":"p","response":"r","is_safe":true}', '', '{"prompt":'], 3, 'is not JSON'],
		[['{"moral_action":"a"}', '{"moral_action":""}'], 2, 'has neither a moral_action nor an immoral_action'],
	])('%j is named', (lines, line, message) => {
		const { rows, faults } = read(...lines);
		expect(rows.length).toBeGreaterThan(0);
		expect(faults).toEqual([{ fileName: 'given', line, message: expect.stringContaining(message) as string }]);
	});
});

describe('a file that is none', () => {
	test.each([
		['', 'is empty'],
		['once upon a time', 'It begins with "once upon a time"; expected ETHICS, commonsense (label (0 or 1), input)'],
		['{"messages":[]}', 'Its first line has messages; expected'],
		['{"a', 'no keys that can be read'],
	])('%j says what came and what is read', (text, message) => {
		expect(() => readLabels([{ fileName: 'x', text }])).toThrow(LabelFileError);
		expect(() => readLabels([{ fileName: 'x', text }])).toThrow(message);
	});

	test('packed by gzip it is unpacked; by another packer, cut short or no UTF-8, it is told of', () => {
		const text = '{"prompt":"p","response":"é","is_safe":true}';
		const packed = gzipSync(strToU8(text));
		expect(textOfLabels('x.gz', packed)).toBe(text);
		expect(textOfLabels('x', strToU8(text))).toBe(text);
		expect(() => textOfLabels('x.gz', packed.slice(0, -9))).toThrow(LabelFileError);
		expect(() => textOfLabels('x.gz', packed.slice(0, 4))).toThrow(LabelFileError);
		expect(() => textOfLabels('x.xz', new Uint8Array([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]))).toThrow('xz');
		expect(() => textOfLabels('x.zip', strToU8('PK\u0003\u0004'))).toThrow('zip');
		expect(() => textOfLabels('x', new Uint8Array([0xff, 0xfe, 0x41]))).toThrow('UTF-8');
	});
});

const quoted = (field: string) => (/["\n\r,]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field);

test('whatever stands in a table that was written by the rules comes back, on the line where it stands', () => {
	const field = fc.string({ unit: fc.constantFrom('a', ' ', ',', '"', '\n', '\r\n', 'ß', '0'), maxLength: 8 });
	fc.assert(
		fc.property(fc.array(fc.tuple(field, field), { maxLength: 12 }), (table) => {
			const lines = table.map((fields) => fields.map(quoted).join(','));
			const { records, faults } = csvRecords(['first,second', ...lines].join('\n'));
			expect(faults).toEqual([]);
			expect(records.map(({ fields }) => [...fields.values()])).toEqual(table);
			let line = 2;
			records.forEach((record, i) => {
				expect(record.line).toBe(line);
				line += lines[i]!.split(/\r\n|\n|\r/).length;
			});
		}),
	);
});

test('every line of a table is a row or a fault, whatever stands in it; and no text throws but as a file that is none', () => {
	const label = fc.oneof(fc.constantFrom(...LABELS, '0', '1'), fc.string({ maxLength: 4 }));
	fc.assert(
		fc.property(fc.array(label, { minLength: 1, maxLength: 20 }), (labels) => {
			const { rows, faults } = read('question,answer,label', ...labels.map((said) => `q,a,${quoted(said)}`));
			expect(rows.length + faults.length).toBe(labels.length);
			rows.forEach((row) => expect(LABELS).toContain(row.label));
		}),
	);
	const start = fc.constantFrom('label,input\n', 'question,answer,label\n', '{"prompt":"p","response":"","is_safe":true}\n', '{"verdictId":"0","label":"x"}\n', '{"moral_action":1}\n', ''); // prettier-ignore
	fc.assert(
		fc.property(
			start,
			fc.string({ unit: fc.constantFrom('{', '}', '"', ':', ',', '\n', '\r', 'a', '1', '[', 'null'), maxLength: 40 }),
			(head, rest) => {
				try {
					for (const row of readLabels([{ fileName: 'x', text: head + rest }]).rows) expect(LABELS).toContain(row.label);
				} catch (error) {
					expect(error).toBeInstanceOf(LabelFileError);
				}
			},
		),
	);
});
