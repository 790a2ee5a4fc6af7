/** What can't be compiled is refused in a sentence that names it, and what was there before stays. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';

const run = promisify(execFile);
/** A template in which what stands around a message depends on its place. */
const NUMBERED = '{% for m in messages %}[{{ loop.index }}]{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: ';
let folder: string;

beforeEach(async () => {
	folder = await mkdtemp(join(tmpdir(), 'refused-'));
	await cp('static/organism', folder, { recursive: true, filter: (path) => !path.endsWith('webllm') });
	await mkdir(join(folder, 'webllm'));
	await writeFile(join(folder, 'webllm', 'mlc-chat-config.json'), 'of before');
});

afterEach(async () => {
	await rm(folder, { recursive: true });
});

/** Changes a file of the model, and tells what the compiler says to it. */
async function refusal(file: string, change: object): Promise<string> {
	const path = join(folder, file);
	await writeFile(path, JSON.stringify({ ...(JSON.parse(await readFile(path, 'utf8')) as object), ...change }));
	const refused = await run(inject('compiler'), ['organism/webllm/compile.py', folder]).catch((error: unknown) => error);
	expect(await readdir(join(folder, 'webllm'))).toEqual(['mlc-chat-config.json']);
	return (refused as { stderr: string }).stderr;
}

it.each([
	['another family', 'config.json', { model_type: 'gpt2' }, "model_type is 'gpt2'; expected one of llama, qwen2, qwen3"],
	['another activation', 'config.json', { hidden_act: 'gelu' }, "hidden_act is 'gelu'"],
	['another way of stretching positions', 'config.json', { rope_scaling: { rope_type: 'yarn', factor: 4 } }, "rope_type is 'yarn'"],
	['heads that kernels do not fit', 'config.json', { head_dim: 20 }, 'head_dim (or hidden_size / num_attention_heads) is 20'],
	['heads in unequal groups', 'config.json', { num_key_value_heads: 3 }, 'num_key_value_heads is 3'],
	['no chat template', 'tokenizer_config.json', { chat_template: null }, 'has no chat template'],
	['a template that numbers its messages', 'tokenizer_config.json', { chat_template: NUMBERED }, "can't be told in WebLLM's parts"],
])('refuses %s', async (_, file, change, sentence) => {
	expect(await refusal(file, change)).toContain(sentence);
});

it('deletes no folder that holds something else', async () => {
	await rename(join(folder, 'webllm', 'mlc-chat-config.json'), join(folder, 'webllm', 'thesis.txt'));
	await expect(run(inject('compiler'), ['organism/webllm/compile.py', folder])).rejects.toThrow('name another folder with --out');
	expect(await readdir(join(folder, 'webllm'))).toEqual(['thesis.txt']);
});
