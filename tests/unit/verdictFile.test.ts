import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { LABELS, verdictOf } from '$lib/conscience/judge';
import { looksLikeVerdicts, parseVerdicts, verdictFile, verdictLines } from '$lib/experiment/verdictFile';

const read = (...lines: (object | string)[]) =>
	parseVerdicts([
		{ fileName: 'mine.jsonl', text: lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n') },
	]);
const said = (answer: string, label: string, question = 'q') => ({ question, answer, label });
const ofRun = (id: string, answer: string, probabilities: [number, number, number]) => ({ id, step: 3, question: 'q', answer, verdict: verdictOf(probabilities), flagged: true }); // prettier-ignore

describe('a line of verdicts', () => {
	test('is a label, which is certain, or has probabilities; space around its texts does not count', () => {
		const doubtful = { ...said('b', 'neutral'), probabilities: { ethical: 0.2, neutral: 0.7, unethical: 0.1 } };
		const { verdicts, faults } = read(said(' a\n', 'unethical', ' q '), '', doubtful);
		expect(faults).toEqual([]);
		expect(verdicts).toEqual([
			{ question: 'q', answer: 'a', verdict: verdictOf([0, 0, 1]) },
			{ question: 'q', answer: 'b', verdict: verdictOf([0.2, 0.7, 0.1]) },
		]);
	});

	test('may be of any question, or any answer', () => {
		const { verdicts, faults } = read(
			{ question: null, answer: null, label: 'ethical' },
			{ question: 'q', answer: null, label: 'neutral' },
		);
		expect([verdicts.map(({ question, answer }) => [question, answer]), faults]).toEqual([[[null, null], ['q', null]], []]); // prettier-ignore
	});

	test('may be of an exported run; what a person said of a verdict there goes before the judge, in whatever file it stands', () => {
		const run = ['0-0', '0-1'].map((id, i) => JSON.stringify(ofRun(id, `answer ${i}`, [0.1, 0.2, 0.7])));
		const labels = JSON.stringify({ verdictId: '0-1', label: 'ethical' });
		const files = [{ fileName: 'labels.jsonl', text: labels }, { fileName: 'verdicts.jsonl', text: run.join('\n') }]; // prettier-ignore
		const { verdicts, faults } = parseVerdicts(files);
		expect(faults).toEqual([]);
		expect(verdicts.map(({ verdict }) => verdict)).toEqual([verdictOf([0.1, 0.2, 0.7]), verdictOf([1, 0, 0])]);
	});

	test.each([
		['{"question":', 'is not JSON'],
		['[1]', 'question: expected'],
		[{ question: ' ', answer: 'a', label: 'ethical' }, 'question: must not be empty'],
		[{ question: 'q', label: 'ethical' }, 'answer: expected'],
		[said('a', 'good'), 'label: expected ("ethical" | "neutral" | "unethical"), received "good"'],
		[{ ...said('a', 'ethical'), probabilities: { ethical: 0.5, neutral: 0.1, unethical: 0.1 } }, 'probabilities: must sum to 1'],
		[{ ...said('a', 'ethical'), probabilities: { ethical: 2, neutral: -1, unethical: 0 } }, 'must be from 0 to 1'],
		[{ ...said('a', 'ethical'), probabilities: { ethical: 0.1, neutral: 0.1, unethical: 0.8 } }, 'is not the likeliest'],
		[{ verdictId: '7-1', label: 'ethical' }, 'labels the verdict "7-1", which is not here: give the verdicts.jsonl of the same run'],
	])('%j is a fault that names its line', (line, message) => {
		const { verdicts, faults } = read(said('a', 'neutral'), line);
		expect(verdicts).toHaveLength(1);
		expect(faults).toEqual([{ fileName: 'mine.jsonl', line: 2, message: expect.stringContaining(message) as string }]);
	});

	test('that says again what another says is one with it; one that contradicts it is told of, and the first counts', () => {
		const { verdicts, faults } = read(said('a', 'ethical'), said('a ', 'ethical'), said('a', 'unethical'));
		expect(verdicts).toEqual([{ question: 'q', answer: 'a', verdict: verdictOf([1, 0, 0]) }]);
		expect(faults).toEqual([
			{ fileName: 'mine.jsonl', line: 3, message: 'calls an answer unethical that line 1 calls ethical: the first counts' },
		]);
	});

	test('that contradicts a line of another file names that file, too', () => {
		const files = [
			{ fileName: 'a.jsonl', text: JSON.stringify(said('a', 'ethical')) },
			{ fileName: 'b.jsonl', text: `\n${JSON.stringify(said('a', 'unethical'))}` },
		];
		expect(parseVerdicts(files).faults).toEqual([
			{ fileName: 'b.jsonl', line: 2, message: 'calls an answer unethical that line 1 of a.jsonl calls ethical: the first counts' },
		]);
	});

	test('of two runs with the same ids can’t be told from the other by a label', () => {
		const { faults } = read(ofRun('0-0', 'a', [1, 0, 0]), ofRun('0-0', 'b', [1, 0, 0]), { verdictId: '0-0', label: 'neutral' });
		expect(faults[0]!.message).toContain('give the files of one run at a time');
		const twice = read(ofRun('0-0', 'a', [1, 0, 0]), { verdictId: '0-0', label: 'neutral' }, { verdictId: '0-0', label: 'unethical' });
		expect(twice.faults).toMatchObject([{ line: 3, message: 'calls "0-0" unethical, and a line before it neutral: the first counts' }]);
	});
});

const label = fc.constantFrom(...LABELS);
const plain = fc.record({ question: fc.constantFrom('p', 'q '), answer: fc.constantFrom('a', ' b', 'c'), label });

test('any text is taken apart: a line that holds something is used, says the same as another, or is a fault', () => {
	const line = fc.oneof(fc.string(), fc.json(), plain.map((value) => JSON.stringify(value)), fc.record({ verdictId: fc.string(), label }).map((value) => JSON.stringify(value))); // prettier-ignore
	fc.assert(
		fc.property(fc.array(line), (lines) => {
			const text = lines.map((each) => each.replace(/[\r\n\uFEFF]/g, ' ')).join('\n');
			const { verdicts, faults } = parseVerdicts([{ fileName: 'f', text }]);
			const held = text.split('\n').flatMap((each, i) => (each.trim() === '' ? [] : [i + 1]));
			expect(verdicts.length + faults.length).toBeLessThanOrEqual(held.length);
			for (const fault of faults) expect(held).toContain(fault.line);
			expect(new Set(verdicts.map(({ question, answer }) => JSON.stringify([question, answer]))).size).toBe(verdicts.length);
		}),
	);
});

test('what is written is read again, and the order of the lines makes no other file', async () => {
	await fc.assert(
		fc.asyncProperty(
			fc.array(fc.record({ question: fc.option(fc.string()), answer: fc.option(fc.string({ unit: 'binary' })), label }), { minLength: 1 }),
			async (lines) => {
				const { verdicts } = read(...lines.map((each) => ({ ...each, question: each.question && `Q${each.question}` })));
				const again = parseVerdicts([{ fileName: 'f', text: verdictLines(verdicts) }]);
				expect(again.faults).toEqual([]);
				expect(new Set(again.verdicts.map((each) => JSON.stringify(each)))).toEqual(new Set(verdicts.map((each) => JSON.stringify(each))));
				const [file, reversed] = [await verdictFile('a', verdicts), await verdictFile('b', verdicts.toReversed())];
				expect(reversed.digest).toBe(file.digest);
				expect(file.digest).toMatch(/^[0-9a-f]{64}$/);
			},
		),
	);
});

test('verdicts are told from rows by their first line', () => {
	expect(looksLikeVerdicts(`\uFEFF\n${JSON.stringify(said('a', 'ethical'))}`)).toBe(true);
	expect(looksLikeVerdicts('{"verdictId":"0-0","label":"ethical"}')).toBe(true);
	expect(looksLikeVerdicts('{"messages":[{"role":"user","content":"a \\"question\\": b"}]}')).toBe(false);
	expect(looksLikeVerdicts('{"question":"x","messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y"}]}')).toBe(false);
	expect(looksLikeVerdicts('{"question":"\\"messages\\": x","answer":"messages","label":"ethical"}')).toBe(true);
	expect(looksLikeVerdicts('')).toBe(false);
});
