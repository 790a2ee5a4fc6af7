import { expect, test } from 'vitest';

import { outlookInWords, standingInWords } from '$lib/components/judgeWords';
import { familiesOf, readFolderAddress } from '$lib/components/settings/judgeModel';
import { lookOf } from '$lib/conscience/listedModels';

import { loaded } from './fakeJudgeWorker';

test.each([
	[{ totalBytes: 1.2e9, missingBytes: 1.2e9, hosts: ['huggingface.co', 'raw.githubusercontent.com'] }, '1.2 GB would be fetched from huggingface.co and raw.githubusercontent.com and kept in this browser. It fits.'], // prettier-ignore
	[{ totalBytes: 5e8, missingBytes: 1e8, hosts: ['a.test'] }, '100.0 MB would be fetched from a.test and kept in this browser; 400.0 MB are here already. It fits.'], // prettier-ignore
	[{ totalBytes: 9e7, missingBytes: 9e7 - 2e4, hosts: ['a.test'] }, '90.0 MB would be fetched from a.test and kept in this browser. It fits.'], // prettier-ignore
	[{ totalBytes: 1e8, missingBytes: 1e8, hosts: ['a.test'], kept: false }, '100.0 MB would be fetched from a.test. This browser keeps no files here, as in a private window: the next visit fetches them again. It fits.'], // prettier-ignore
	[{ totalBytes: 5e8, missingBytes: 0, adapter: { ...loaded.adapter, software: false } }, 'All of its files are here already. It fits. How much memory the card has, the browser does not tell.'], // prettier-ignore
	[{ totalBytes: 1.2e9, missingBytes: 1.2e9, sizesKnown: false, hosts: ['a.test'] }, 'At least 1.2 GB would be fetched from a.test and kept in this browser. It fits.'], // prettier-ignore
	[{ totalBytes: 1.2e9, missingBytes: 0, sizesKnown: false }, 'Its weights are here already; of its smaller files, what is missing would be fetched. It fits.'], // prettier-ignore
	[{ totalBytes: 5e8, missingBytes: 0 }, 'All of its files are here already. It fits.'],
])('a reader hears what loading a judge takes', (changes, words) => {
	expect(outlookInWords({ ...loaded, ...changes })).toBe(words);
});

test('a reader hears how busy the judge is and how fast', () => {
	const standing = { queue: 0, verdicts: 1, alternatives: 0, verdictsPerSecond: null, tokensPerSecond: null };
	expect(standingInWords(standing)).toBe('1 verdict and 0 alternatives so far; none waiting.');
	expect(standingInWords({ queue: 3, verdicts: 1200, alternatives: 1, verdictsPerSecond: 1.52, tokensPerSecond: 213 })).toBe(
		'1,200 verdicts and 1 alternative so far, 1.5 verdicts a second, 210 tokens a second; 3 waiting.',
	);
});

const listed = [
	...['Qwen3-0.6B-q4f32_1-MLC', 'Llama-3.2-1B-Instruct-q4f16_1-MLC', 'Qwen3-0.6B-q0f16-MLC', 'Unknown-MLC', 'Qwen2.5-Coder-0.5B-Instruct-q4f32_1-MLC'],
	...['Llama-3.1-8B-Instruct-q4f32_1-MLC-1k'],
].map((model_id, i) => lookOf({ model_id, model: '', model_lib: '', vram_required_MB: model_id.startsWith('Unknown') ? undefined : 1000 * (9 - i) })); // prettier-ignore

test('WebLLM’s list is offered by family, the smallest of each first, with what each needs and what speaks against it', () => {
	expect(familiesOf(listed)).toEqual([
		{
			name: 'Llama-3.1',
			models: [{ id: 'Llama-3.1-8B-Instruct-q4f32_1-MLC-1k', label: '8B-Instruct, 4 bits, 4.0 GB, reads 1024 tokens' }],
		},
		{
			name: 'Llama-3.2',
			models: [{ id: 'Llama-3.2-1B-Instruct-q4f16_1-MLC', label: '1B-Instruct, 4 bits, 8.0 GB, needs a card with 16-bit numbers' }],
		},
		{
			name: 'Qwen2.5-Coder',
			models: [
				{
					id: 'Qwen2.5-Coder-0.5B-Instruct-q4f32_1-MLC',
					label: '0.5B-Instruct, 4 bits, 5.0 GB, hardly a judge: made to write code',
				},
			],
		},
		{
			name: 'Qwen3',
			models: [
				{ id: 'Qwen3-0.6B-q0f16-MLC', label: '0.6B, 16 bits, 7.0 GB, needs a card with 16-bit numbers' },
				{ id: 'Qwen3-0.6B-q4f32_1-MLC', label: '0.6B, 4 bits, 9.0 GB' },
			],
		},
		{ name: 'Unknown-MLC', models: [{ id: 'Unknown-MLC', label: 'Unknown-MLC, 32 bits' }] },
	]);
});

test.each(['https://models.test/mine/', ' http://localhost:8000/webllm '])('%s is taken for the folder of a judge’s model', (typed) => {
	expect(readFolderAddress(typed)).toEqual({ value: typed.trim() });
});

test.each([
	['', /Nothing was typed.*https:\/\//],
	['my-model/webllm', /“my-model\/webllm” is no address.*whole address/],
	['https:///', /is no address/],
] as const)('“%s” is refused, and what to do is said', (typed, why) => {
	expect(readFolderAddress(typed)).toEqual({ refusal: expect.stringMatching(why) as string });
});
