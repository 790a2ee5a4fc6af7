import '#gradients';

import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';

import { disposeBatch, makeBatch } from '$lib/dpo/sequences';

test('the rows of a batch are the positions that predict completion tokens, each once', async () => {
	const batch = makeBatch([{ prompt: [5, 6], completion: [7, 8, 2] }, { prompt: [9], completion: [2] }], 0, 32); // prettier-ignore
	expect(batch.ids.shape).toEqual([2, 16]);
	expect(Array.from(await batch.ids.data()).slice(0, 6)).toEqual([5, 6, 7, 8, 2, 0]);
	const rows = Array.from(await batch.rows.data());
	expect(rows.slice(0, 4)).toEqual([1, 2, 3, 16]);
	expect(new Set(rows).size).toBe(rows.length);
	expect(Array.from(await batch.labels.data()).slice(0, 4)).toEqual([7, 8, 2, 2]);
	expect(Array.from(await tf.sum(batch.owner, 1).data())).toEqual([3, 1]);
	expect([batch.tokens, batch.completionTokens]).toEqual([7, 4]);
	disposeBatch(batch);
});

test('what nothing can be learnt from is refused by name', () => {
	expect(() => makeBatch([], 0, 32)).toThrow('at least one');
	expect(() => makeBatch([{ prompt: [], completion: [1] }], 0, 32)).toThrow('empty prompt');
	expect(() => makeBatch([{ prompt: [1], completion: [] }], 0, 32)).toThrow('empty completion');
	expect(() => makeBatch([{ prompt: [1], completion: [1, 2, 3] }], 0, 3)).toThrow('4 tokens, and the model takes 3');
});
