/** Chat templates become WebLLM's parts of a conversation. The compiler itself refuses parts that don't make the template's prompt. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, expect, inject, it } from 'vitest';

interface Parts {
	system_template: string;
	system_message: string;
	system_prefix_token_ids: number[] | null;
	role_empty_sep: string;
}

let parts: Record<string, Parts>;

beforeAll(async () => {
	const { stdout } = await promisify(execFile)(inject('compiler'), ['tests/webllm/chat.py']);
	parts = JSON.parse(stdout) as Record<string, Parts>;
});

const plain = { first: null, takesSystem: true, message: '', opening: '' };

it.each([
	['plain', plain],
	['with a first token', { ...plain, first: [7] }],
	['with a system turn of its own', { ...plain, message: 'Be helpful.' }],
	['without system turns', { ...plain, takesSystem: false }],
	['with thoughts', { ...plain, opening: '<think></think>\n' }],
])('a template %s', (name, expected) => {
	const { system_prefix_token_ids: first, system_template: system, system_message: message, role_empty_sep: opening } = parts[name]!;
	expect({ first, takesSystem: system.includes('{system_message}'), message, opening }).toEqual(expected);
});
