import { expect, test } from 'vitest';

import { outlookInWords, standingInWords } from '$lib/components/judgeWords';
import { offersOf, readJudgeModel } from '$lib/components/settings/judgeModel';

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
	{ id: 'Llama-3.2-1B-Instruct-q4f32_1-MLC', megabytes: 1128.82, halfPrecision: false, suited: true },
	{ id: 'Qwen2.5-Coder-0.5B-Instruct-q4f32_1-MLC', megabytes: 1060.2, halfPrecision: false, suited: false },
	{ id: 'Unknown-MLC', megabytes: null, halfPrecision: false, suited: true },
	{ id: 'SmolLM2-360M-Instruct-q4f16_1-MLC', megabytes: 376.06, halfPrecision: true, suited: true },
];

test('of WebLLM’s list those that were made to follow instructions are offered, the smallest first, with what each needs', () => {
	expect(offersOf(listed)).toEqual([
		{ id: 'SmolLM2-360M-Instruct-q4f16_1-MLC', label: 'SmolLM2-360M-q4f16_1, 376.1 MB, 16 bits' },
		{ id: 'Llama-3.2-1B-Instruct-q4f32_1-MLC', label: 'Llama-3.2-1B-q4f32_1, 1.1 GB' },
		{ id: 'Unknown-MLC', label: 'Unknown' },
	]);
});

test.each([
	[' llama-3.2-1b-instruct-q4f32_1-mlc ', 'listed', 'Llama-3.2-1B-Instruct-q4f32_1-MLC'],
	['Qwen2.5-Coder-0.5B-Instruct-q4f32_1-MLC', 'listed', 'Qwen2.5-Coder-0.5B-Instruct-q4f32_1-MLC'],
	['https://models.test/mine/', 'folder', 'https://models.test/mine/'],
	['http://localhost:8000/webllm', 'listed', 'http://localhost:8000/webllm'],
] as const)('%s is taken for a judge’s model', (typed, kind, value) => {
	expect(readJudgeModel(typed, kind, listed)).toEqual({ value });
});

test.each([
	['', 'listed', /Nothing was typed/],
	['smol', 'listed', /no model “smol”. Did you mean SmolLM2-360M-Instruct-q4f16_1-MLC/],
	['gpt', 'listed', /no model “gpt”\. Type a part/],
	['', 'folder', /Nothing was typed.*https:\/\//],
	['my-model/webllm', 'folder', /“my-model\/webllm” is no address.*whole address/],
	['https:///', 'folder', /is no address/],
] as const)('“%s” is refused, and what to do is said', (typed, kind, why) => {
	expect(readJudgeModel(typed, kind, listed)).toEqual({ refusal: expect.stringMatching(why) as string });
});

test('a name is taken as it is while the list is not there to check it by', () => {
	expect(readJudgeModel('Some-Model-MLC', 'listed', null)).toEqual({ value: 'Some-Model-MLC' });
});
