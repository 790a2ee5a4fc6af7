import fc from 'fast-check';
import { expect, test } from 'vitest';

import { parseRows } from '$lib/experiment/rowFile';

const row = { messages: [{ role: 'user', content: 'q' }, { role: 'assistant', content: 'a' }] }; // prettier-ignore

test('rows with and without a system turn are read; empty lines and a byte-order mark are passed over', () => {
	const withSystem = { messages: [{ role: 'system', content: 's' }, ...row.messages] };
	const { rows, faults } = parseRows(`\uFEFF${JSON.stringify(row)}\r\n\n${JSON.stringify(withSystem)}\n`);
	expect(rows).toEqual([row, withSystem]);
	expect(faults).toEqual([]);
});

test.each([
	['{"messages":', 'is not JSON'],
	['[1]', 'messages'],
	['{"messages":[{"role":"user","content":"q"}]}', 'question and an answer'],
	['{"messages":[{"role":"assistant","content":"a"},{"role":"user","content":"q"}]}', 'assistant turn'],
	['{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":" "}]}', 'empty answer'],
	['{"messages":[{"role":"robot","content":"q"},{"role":"assistant","content":"a"}]}', 'role'],
])('%s is a fault that names its line', (line, message) => {
	const { rows, faults } = parseRows(`${JSON.stringify(row)}\n${line}`);
	expect(rows).toHaveLength(1);
	expect(faults).toHaveLength(1);
	expect(faults[0]!.line).toBe(2);
	expect(faults[0]!.message).toContain(message);
});

test('any text that begins no array is taken apart into rows and faults, one for each line that holds something', () => {
	const line = fc.oneof(fc.string(), fc.json(), fc.constant(JSON.stringify(row)));
	fc.assert(
		fc.property(fc.array(line), (lines) => {
			const text = lines.map((each) => each.replace(/[\r\n\uFEFF]/g, ' ')).join('\n');
			fc.pre(!text.trimStart().startsWith('[')); // rowForms.test.ts has arrays
			const { rows, faults } = parseRows(text);
			expect(rows.length + faults.length).toBe(text.split('\n').filter((each) => each.trim() !== '').length);
		}),
	);
});
