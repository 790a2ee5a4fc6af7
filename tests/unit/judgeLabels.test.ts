import { describe, expect, test } from 'vitest';

import { JudgeError } from '$lib/conscience/judge';
import { labelShares, labelTokens } from '$lib/conscience/labelTokens';

const texts = ['ethical', 'ne', 'unethical'];
const likeliest = (shares: Record<string, number>) => Object.entries(shares).map(([token, share]) => ({ token, logprob: Math.log(share) }));

describe('the labels’ shares', () => {
	test('are told in the order of the labels, whichever is the likeliest', () => {
		const shares = labelShares(texts, likeliest({ unethical: 0.7, ethical: 0.2, ne: 0.1, the: 0 }));
		expect(shares?.map((share) => share.toFixed(6))).toEqual(['0.200000', '0.100000', '0.700000']);
	});

	test('are found with or without the space of a word’s beginning', () => {
		expect(labelShares(texts, likeliest({ ' unethical': 0.5, ethical: 0.25, 'ne ': 0.25 }))).toEqual([0.25, 0.25, 0.5]);
	});

	test('sum to 1 where floats did not', () => {
		const shares = labelShares(texts, likeliest({ unethical: 0.6999, ethical: 0.2, ne: 0.1 }))!;
		expect(shares.reduce((sum, share) => sum + share)).toBeCloseTo(1, 12);
	});

	test('are 0 for a label that WebLLM did not look for any more, as nothing was left for it', () => {
		expect(labelShares(texts, likeliest({ unethical: 1, a: 0, b: 0, c: 0, d: 0 }))).toEqual([0, 0, 1]);
	});

	test.each([
		['a label is missing and its mass too', likeliest({ unethical: 0.7, the: 0.3 })],
		['nothing came', []],
		['a number is none', [{ token: 'ethical', logprob: NaN }]],
	])('are none when %s', (_, tokens) => expect(labelShares(texts, tokens)).toBeNull());
});

test('each label’s first token stands for it, unless two begin alike', () => {
	const first = (ids: Record<string, number>) => ({ encode: (label: string) => [ids[label]!, 99] });
	expect(labelTokens(first({ ethical: 5, neutral: 3, unethical: 8 }))).toEqual([5, 3, 8]);
	expect(() => labelTokens(first({ ethical: 5, neutral: 3, unethical: 3 }))).toThrow(JudgeError);
});
