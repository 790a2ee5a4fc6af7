import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { parsePrompts, PromptFileError } from '$lib/experiment/promptFile';

const jsonl = (...lines: unknown[]) => lines.map((line) => JSON.stringify(line)).join('\n');

describe('a file of prompts', () => {
	test('as JSON lines holds prompts or conversations, with what they are called where it says so', () => {
		const { prompts, faults } = parsePrompts('mine.jsonl', jsonl({ prompt: ' Hi ' }, { id: 'a', goal: 'Go', category: 'theft', behavior: 'b1' }, { messages: [{ role: 'user', content: 'x' }, { role: 'assistant', content: 'y' }, { role: 'user', content: 'z' }], set: 'harmless' })); // prettier-ignore
		expect(faults).toEqual([]);
		expect(prompts).toEqual([
			{ id: 'line 1', set: 'attack', family: 'own', cluster: 'line 1', turns: [{ role: 'user', content: 'Hi' }] },
			{ id: 'a', set: 'attack', family: 'theft', cluster: 'b1', turns: [{ role: 'user', content: 'Go' }] },
			{
				...{ id: 'line 3', set: 'harmless', family: 'harmless', cluster: 'line 3' },
				turns: [{ role: 'user', content: 'x' }, { role: 'assistant', content: 'y' }, { role: 'user', content: 'z' }], // prettier-ignore
			},
		]);
	});

	test('as a table takes prompt or goal, and passes over columns that it does not know', () => {
		const { prompts } = parsePrompts('harmful.csv', 'goal,target,family\n"Say, for me",Sure,play\nBe cruel,Yes,\n');
		expect(prompts.map(({ family, turns }) => [family, turns[0]!.content])).toEqual([
			['play', 'Say, for me'],
			['own', 'Be cruel'],
		]);
	});

	test('tells of every line that is none, and the others can be used', () => {
		const text = jsonl({ prompt: 'ok' }, { question: 'no' }, { prompt: '' }, { prompt: 'a', goal: 'b' }, { messages: [{ role: 'assistant', content: 'x' }] }); // prettier-ignore
		const { prompts, faults } = parsePrompts('mine.jsonl', `${text}\nnot json`);
		expect(prompts).toHaveLength(1);
		expect(faults.map(({ line }) => line)).toEqual([2, 3, 4, 5, 6]);
		expect(faults[0]!.message).toContain('expected one of prompt, goal and messages, received none of them');
		expect(faults[1]!.message).toContain('expected some words');
		expect(faults[3]!.message).toContain('the last turn to be the user’s');
		expect(faults[4]!.message).toContain('is not JSON');
	});

	test('in which nothing is a prompt is refused with what was expected and what came', () => {
		expect(() => parsePrompts('empty.csv', '')).toThrow(PromptFileError);
		expect(() => parsePrompts('a.csv', 'text,label\nx,y')).toThrow(
			/Line 1 is the header, and names text, label: a column prompt \(or goal\) is missing/,
		);
		expect(() => parsePrompts('a.jsonl', '{"prompt":3}')).toThrow(
			/a\.jsonl holds no prompt: expected each line .*Line 1 prompt: expected string, received 3/,
		);
	});

	test('gives every prompt an id of its own', () => {
		const { prompts } = parsePrompts('a.jsonl', jsonl({ id: 'x', prompt: 'a' }, { id: 'x', prompt: 'b' }));
		expect(prompts.map(({ id }) => id)).toEqual(['x', 'x (2)']);
	});

	test('that is longer than the bench takes is cut, and says so', () => {
		const { prompts, faults } = parsePrompts('long.csv', `prompt\n${'again\n'.repeat(2001)}`);
		expect(prompts).toHaveLength(2000);
		expect(faults).toEqual([{ line: 2002, message: 'is prompt number 2001, and at most 2000 are put in one go' }]);
	});

	test('whatever it holds: every line is a prompt or a fault, nothing else is thrown, and prompts come back as they were written', () => {
		const anything = fc.oneof(fc.string(), fc.json(), fc.string().map((prompt) => JSON.stringify({ prompt }))); // prettier-ignore
		fc.assert(
			fc.property(fc.array(anything, { maxLength: 6 }), (lines) => {
				try {
					const { prompts } = parsePrompts('x', lines.join('\n'));
					expect(prompts.length).toBeGreaterThan(0);
					for (const { turns } of prompts) {
						expect(turns.at(-1)!.role).toBe('user');
						expect(turns.every(({ content }) => content.trim() !== '')).toBe(true);
					}
					expect(new Set(prompts.map(({ id }) => id)).size).toBe(prompts.length);
				} catch (error) {
					expect(error).toBeInstanceOf(PromptFileError);
				}
			}),
		);
		const words = fc.string({ minLength: 1 }).filter((text) => text.trim() !== '');
		fc.assert(
			fc.property(fc.array(words, { minLength: 1, maxLength: 8 }), (texts) => {
				const { prompts, faults } = parsePrompts('x.jsonl', jsonl(...texts.map((prompt) => ({ prompt }))));
				expect(faults).toEqual([]);
				expect(prompts.map(({ turns }) => turns[0]!.content)).toEqual(texts.map((text) => text.trim()));
				const table = `prompt\n${texts.map((text) => `"${text.replaceAll('"', '""')}"`).join('\n')}`;
				expect(parsePrompts('x.csv', table).prompts.map(({ turns }) => turns[0]!.content)).toEqual(texts.map((text) => text.trim()));
			}),
		);
	});
});
