/** The states by which exchanges are found again, of the embedded model. */
import { readFile } from 'node:fs/promises';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { exchangeStates } from '$lib/conscience/exchangeStates';
import { cosine } from '$lib/conscience/memory';
import { worldExchanges } from '$lib/experiment/worldExchanges';
import { startBackend } from '$lib/model/backend';
import { type Checkpoint, loadCheckpoint } from '$lib/model/checkpoint';
import { disposeModel } from '$lib/model/weights';

let checkpoint: Checkpoint;
beforeAll(async () => {
	await startBackend('wasm');
	checkpoint = await loadCheckpoint((name) => readFile(`static/organism/${name}`));
});
afterAll(() => disposeModel(checkpoint.model));

it('know an exchange again, whatever space is around it, and tell it from others', async () => {
	const exchanges = worldExchanges(12, 3);
	const spaced = exchanges.map(({ question, answer }) => ({ question: ` ${question}\n`, answer: `${answer} ` }));
	const [first, second] = [await exchangeStates(checkpoint, exchanges), await exchangeStates(checkpoint, spaced)];
	for (const [i, { revision, values }] of first.entries()) {
		expect(revision).toBe(checkpoint.sha256);
		expect(values).toHaveLength(checkpoint.model.config.hiddenSize);
		const nearest = second.map((other) => cosine(values, other.values));
		expect(nearest[i]).toBeCloseTo(1, 5);
		expect(nearest.indexOf(Math.max(...nearest))).toBe(i);
	}
});

it('cut what is longer than the model reads', async () => {
	const { maxPositionEmbeddings } = checkpoint.model.config;
	const [long] = await exchangeStates(checkpoint, [{ question: 'Why?', answer: 'because '.repeat(maxPositionEmbeddings) }]);
	expect(long!.values.every(Number.isFinite)).toBe(true);
});
