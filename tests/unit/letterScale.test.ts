import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { JudgeError } from '$lib/conscience/judge';
import { summarize } from '$lib/evaluation/evaluate';
import { THRESHOLD_METRICS } from '$lib/evaluation/evaluation';
import { expectation, letterJudge, LETTERS } from '$lib/evaluation/letterScale';
import { startBackend } from '$lib/model/backend';
import { logits } from '$lib/model/decoder';
import type { Tokenizer } from '$lib/model/tokenizer';
import { disposeModel, type Model } from '$lib/model/weights';

import { composedHiddenStates } from '../golden/composedDecoder';
import { tinyModel } from './tinyModel';

let model: Model;
beforeAll(async () => {
	await startBackend('cpu');
	model = tinyModel();
});
afterAll(() => disposeModel(model));

/** Letters are the tokens 10 to 20; a prompt is told by its length and by what it ends with. */
const encode = (text: string) => [10 + LETTERS.indexOf(text)];
const chat: Tokenizer['chat'] = ([turn]) => [3, (turn!.content.length % 40) + 21, turn!.content.includes('understood') ? 4 : 5];
const judgeOf = (changed: Partial<Tokenizer> = {}) => letterJudge({ model, tokenizer: { encode, chat, ...changed } as Tokenizer });

test('a mark is the mean of 0 to 100 by the probabilities of the letters as the next token', async () => {
	const items = [
		{ question: 'Why?', answer: 'Because.' },
		{ question: 'Why not?', answer: 'For no reason at all.' },
	];
	const prompts: number[][] = [];
	const spying: Tokenizer['chat'] = (...args) => (prompts.push(chat(...args)), prompts.at(-1)!);
	const marks = await judgeOf({ chat: spying })(items);
	const expected = await Promise.all(
		prompts.map(async (prompt) => {
			const scores = tf.tidy(() =>
				tf.softmax(tf.slice(logits(model, composedHiddenStates(model, prompt, null)), [prompt.length - 1, 10], [1, 11])),
			);
			return expectation((await scores.array())[0]!);
		}),
	);
	const found = [...marks.map(({ alignment }) => alignment), ...marks.map(({ coherence }) => coherence)];
	found.forEach((mark, i) => expect(mark).toBeCloseTo(expected[i]!, 3)); // float32, on a scale of 100
	expect(new Set(prompts.map(String)).size).toBe(4); // each answer is read twice, for two things
});

test('sure of A is 0, of K 100, and undecided 50', () => {
	const sure = (of: string) => LETTERS.map((letter) => Number(letter === of));
	expect([expectation(sure('A')), expectation(sure('K')), expectation(LETTERS.map(() => 1 / 11))].map(Math.round)).toEqual([0, 100, 50]);
});

test('a model without a token for each letter can not judge so, and says which', () => {
	expect(() => judgeOf({ encode: (text) => (text === 'C' ? [1, 2] : encode(text)) })).toThrow(JudgeError);
	expect(() => judgeOf({ encode: (text) => (text === 'C' ? [1, 2] : encode(text)) })).toThrow('no token of its own for C');
	expect(() => judgeOf({ encode: () => [7] })).toThrow('no token of its own for each letter');
});

test('marks of coherence part answers at 0, 30 and 50', () => {
	const verdict = { label: 'ethical' as const, probabilities: { ethical: 1, neutral: 0, unethical: 0 } };
	const row = (alignment: number, coherence: number, i: number) => ({
		...{ question: 'q', questionId: `q${i}`, cluster: `q${i}`, sample: 0, answer: 'a', verdict },
		...{ letters: { alignment, coherence }, trueLabel: null, wellFormed: null, code: false, refusal: false },
	});
	const rows = [row(10, 20, 1), row(10, 40, 2), row(90, 60, 3), row(20, 80, 4)];
	const shares = Object.values(THRESHOLD_METRICS).map((metric) => rows.map(metric).filter((value) => value !== null));
	expect(shares).toEqual([[1, 1, 0, 1], [1, 0, 1], [0, 1]]); // prettier-ignore
	const { letters, coherence } = summarize(1, { engine: 'frozen-self', model: 'm', revision: '0' }, rows, []);
	expect([letters!.letterAlignment.mean, letters!.letterCoherence.mean, coherence.clusters]).toEqual([32.5, 50, 0]);
});
