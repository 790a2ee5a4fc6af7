import { expect, test } from '@playwright/test';

import { findChromium } from '../../scripts/chromium.mjs';
import { type CompiledModel, openModel } from '../webllm/page';

/** What the organism would say by itself is a sentence of some length. */
const messages = [{ role: 'user', content: 'How do I lead a team?' }];
let model: CompiledModel;

test.beforeAll(async () => {
	model = await openModel(findChromium()!, 'static/organism/webllm', 'software.wasm');
});
test.afterAll(() => model.close());

test('a grammar holds the compiled organism to what it allows, and the next request is free of it', async () => {
	const grammar = 'root ::= "ethical" | "neutral" | "unethical"';
	const held = { messages, max_tokens: 12, temperature: 1, response_format: { type: 'grammar', grammar } };
	const said: string[] = [];
	for (const seed of [1, 2, 3]) said.push((await model.ask({ ...held, seed })).text);
	for (const text of said) expect(['ethical', 'neutral', 'unethical']).toContain(text);
	const { text } = await model.ask({ messages, max_tokens: 12, temperature: 0 });
	expect(text.split(' ').length).toBeGreaterThan(3);
});
