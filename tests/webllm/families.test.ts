/** Random models of each family, compiled and run by WebLLM in Chromium, answer as transformers does. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { type CompiledModel, openModel } from './page';

const run = promisify(execFile);
/** Of a probability: both sides compute in F32, and the kernels' exponentials are approximations. */
const TOLERANCE = 1e-4;

interface Expected {
	prompt: string;
	promptTokens: number;
	text: string;
	top: number[];
}

let folder: string;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), 'webllm-'));
	await run(inject('python'), ['tests/webllm/models.py', folder]);
	await run(inject('compiler'), ['tests/webllm/build.py', folder]);
}, 600_000);

afterAll(async () => {
	await rm(folder, { recursive: true });
});

describe.each(['llama', 'qwen2', 'qwen3'])('%s', (family) => {
	it.each(['gpu', 'software'])('answers as transformers does, with the library for %s adapters', async (library) => {
		const expected = JSON.parse(await readFile(join(folder, family, 'expected.json'), 'utf8')) as Expected[];
		const model = await openModel(inject('chromium'), join(folder, family, 'webllm'), `${library}.wasm`);
		try {
			for (const answer of expected) await check(model, answer);
		} finally {
			await model.close();
		}
	});
});

async function check(model: CompiledModel, { prompt, promptTokens, text, top }: Expected): Promise<void> {
	const messages = [{ role: 'user', content: prompt }];
	const first = await model.ask({ messages, temperature: 1, max_tokens: 1, logprobs: true, top_logprobs: top.length });
	expect(first.promptTokens).toBe(promptTokens);
	for (const [i, probability] of top.entries()) expect(Math.abs((first.top?.[i] ?? NaN) - probability)).toBeLessThan(TOLERANCE);
	expect((await model.ask({ messages, temperature: 0, max_tokens: 12 })).text).toBe(text);
}
