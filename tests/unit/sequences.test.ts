import '#gradients';

import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';

import { disposeBatch, makeBatch, sequenceBatch } from '$lib/dpo/sequences';

test('the rows of a batch are the positions that predict completion tokens', async () => {
	const batch = sequenceBatch([{ prompt: [5, 6], completion: [7, 8, 2] }, { prompt: [9], completion: [2] }], 32); // prettier-ignore
	expect(batch.packed.ids.length).toBe(64);
	expect([...batch.packed.ids.slice(0, 6)]).toEqual([5, 6, 7, 8, 9, 0]); // what is last is predicted and needs no row
	expect([...batch.packed.positions.slice(0, 6)]).toEqual([0, 1, 2, 3, 0, 0]);
	expect([...(await batch.rows.data()).slice(0, 4)]).toEqual([1, 2, 3, 4]);
	expect([...(await batch.labels.data()).slice(0, 4)]).toEqual([7, 8, 2, 2]);
	expect(Array.from(await tf.sum(batch.owner, 1).data())).toEqual([3, 1]);
	expect([batch.tokens, batch.completionTokens]).toEqual([7, 4]);
	disposeBatch(batch);
});

test('both completions of a pair go on from one prompt, and its last row predicts the first token of each', async () => {
	const batch = makeBatch(
		[
			{ prompt: [5, 6], completions: [[7, 8, 2], [9, 2]] },
			{ prompt: [4], completions: [[2], [3, 2]] },
		],
		5,
	); // prettier-ignore
	expect([...batch.packed.ids.slice(0, 8)]).toEqual([5, 6, 7, 8, 9, 4, 3, 0]);
	expect([...batch.packed.positions.slice(0, 7)]).toEqual([0, 1, 2, 3, 2, 0, 1]);
	expect(batch.packed.spans.slice(0, 2)).toEqual([
		{ first: 0, length: 5, holeStart: 2, holeEnd: 4 },
		{ first: 5, length: 2, holeStart: 1, holeEnd: 1 },
	]);
	expect([...(await batch.rows.data()).slice(0, 8)]).toEqual([1, 2, 3, 1, 4, 5, 5, 6]);
	expect([...(await batch.labels.data()).slice(0, 8)]).toEqual([7, 8, 2, 9, 2, 2, 3, 2]);
	expect([...(await batch.lengths.data())]).toEqual([3, 1, 2, 2]); // all first completions, then all second ones
	expect([...(await tf.sum(batch.owner, 1).data())]).toEqual([3, 1, 2, 2]);
	expect([batch.tokens, batch.completionTokens]).toEqual([11, 8]);
	disposeBatch(batch);
});

test('what nothing can be learnt from is refused by name', () => {
	expect(() => sequenceBatch([], 32)).toThrow('at least one');
	expect(() => sequenceBatch([{ prompt: [], completion: [1] }], 32)).toThrow('empty prompt');
	expect(() => sequenceBatch([{ prompt: [1], completion: [] }], 32)).toThrow('empty completion');
	expect(() => sequenceBatch([{ prompt: [1], completion: [1, 2, 3] }], 3)).toThrow('4 tokens, and the model takes 3');
});
