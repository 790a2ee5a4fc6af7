import { describe, expect, test } from 'vitest';

import type { RunEvent } from '$lib/experiment/events';

import { event, fakeJournals, params, snapshotAt, worker } from './fakeRun';

describe('a run that is kept', () => {
	const kept = { ...params, keepAs: 'k' };
	const wholeRun = [
		'open k',
		'underway: started | snapshot at 0',
		'underway: evaluation | snapshot at 0',
		'underway: step 1 | snapshot at 1',
		'underway: step 2 | snapshot at 2',
		'underway: evaluation | snapshot at 2',
		'underway: step 3 | snapshot at 3',
		'underway: evaluation | snapshot at 3',
		'finished: finished | snapshot at 3',
		'adapter',
	];

	test('is written at every step boundary, before the next step, and not before it begins', async () => {
		const { store, written } = fakeJournals();
		const { handlers } = worker({ store });
		await handlers.open(kept);
		expect(written).toEqual([]);
		await handlers.step({ runId: 'r' });
		expect(written).toEqual(wholeRun.slice(0, 4));
		await handlers.play({ runId: 'r' });
		expect(written).toEqual(wholeRun);
	});

	/** A run that stays in the middle of its second step until it is aborted. */
	async function* stuck(signal: AbortSignal): AsyncGenerator<RunEvent, void> {
		yield event('started');
		yield event('step', { step: 1 });
		yield event('verdicts');
		await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
	}

	test('and cancelled in the middle of a step has its last snapshot still, and all that it told', async () => {
		const { store, written } = fakeJournals();
		const { handlers, told } = worker({ store, events: stuck });
		await handlers.open(kept);
		const playing = handlers.play({ runId: 'r' });
		while (!told.includes('verdicts')) await new Promise((resolve) => setTimeout(resolve));
		await handlers.cancel({ runId: 'r' });
		expect(await playing).toEqual({ status: 'cancelled' });
		expect(written.slice(-3)).toEqual(['underway: step 1 | snapshot at 1', 'cancelled: verdicts', 'adapter']);
	});

	test('and paused there is written as far as it came, and cancelled at rest says so', async () => {
		const { store, written } = fakeJournals();
		const { handlers } = worker({ store, events: stuck });
		await handlers.open(kept);
		await handlers.step({ runId: 'r' });
		expect(written.at(-1)).toBe('underway: step 1 | snapshot at 1');
		const playing = handlers.play({ runId: 'r' });
		await handlers.pause({ runId: 'r' });
		await playing;
		expect(written.at(-1)).toBe('underway: verdicts');
		await handlers.cancel({ runId: 'r' });
		expect(written.slice(-2)).toEqual(['cancelled: ', 'adapter']);
	});

	test('and failed keeps its last snapshot', async () => {
		const { store, written } = fakeJournals();
		async function* failing() {
			yield event('step', { step: 1 });
			throw new Error('diverged');
		}
		const { handlers } = worker({ store, events: failing });
		await handlers.open(kept);
		await expect(handlers.play({ runId: 'r' })).rejects.toThrow('diverged');
		expect(written.at(-1)).toBe('failed: ');
	});

	test('goes on unkept when the store refuses it, and says so once', async () => {
		for (const refused of ['open k', 'underway: step 1 | snapshot at 1']) {
			const { store, written } = fakeJournals({ refuse: (what) => what === refused });
			const { handlers, asides, told } = worker({ store });
			await handlers.open(kept);
			expect(await handlers.play({ runId: 'r' })).toEqual({ status: 'finished' });
			expect(told.at(-1)).toBe('finished');
			expect(asides).toEqual([{ kind: 'notKept', runId: 'r', reason: `no room to ${refused}` }]);
			expect(written).toEqual(wholeRun.slice(0, wholeRun.indexOf(refused)));
		}
	});

	test('with a large adapter has few snapshots, and one where it rests and at its end', async () => {
		const { store, written } = fakeJournals();
		const { handlers } = worker({ store, numbers: 2 ** 21 }); // 24 MiB with its moments
		await handlers.open(kept);
		await handlers.step({ runId: 'r' });
		expect(written.slice(1)).toEqual([
			'underway: started | snapshot at 0',
			'underway: evaluation',
			'underway: step 1',
			'underway:  | snapshot at 1', // here it rests
		]);
		await handlers.play({ runId: 'r' });
		expect(written.filter((what) => what.includes('snapshot'))).toEqual([
			'underway: started | snapshot at 0',
			'underway:  | snapshot at 1',
			'finished: finished | snapshot at 3',
		]);
	});

	test('goes on from its snapshot', async () => {
		const { store } = fakeJournals({ snapshot: snapshotAt(2) });
		const { handlers, begunFrom } = worker({ store });
		await handlers.open({ ...kept, resumeFrom: 'k' });
		expect(begunFrom).toEqual([2]);
	});
});
