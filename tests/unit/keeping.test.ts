import { afterEach, describe, expect, test, vi } from 'vitest';

import type { RunEvent } from '$lib/experiment/events';
import { StorageError } from '$lib/storage/storageError';

import { event, experiment, fakeJournals, params, snapshotAt, worker } from './fakeRun';

afterEach(() => {
	vi.restoreAllMocks();
	vi.useRealTimers();
});

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

	/** A run of `steps` steps on a clock that goes on by a second with each. */
	function steppingRun(steps: number, answer = '') {
		const now = vi.spyOn(performance, 'now').mockReturnValue(0);
		return async function* () {
			for (let step = 1; step <= steps; step++) {
				now.mockReturnValue(1000 * step);
				yield event('step', { step, answer });
			}
			yield event('finished');
		};
	}
	const stepsIn = (written: readonly string[]) => written.map((what) => what.match(/step \d+/g)?.length ?? 0);

	test('is written as soon as the store takes it again, with all that it told meanwhile, and says both', async () => {
		let full = true;
		const { store, written } = fakeJournals({ refuse: (what) => full && /step [4-9]/.test(what) });
		const steps = steppingRun(20);
		const { handlers, asides } = worker({
			store,
			async *events() {
				for await (const told of steps()) {
					full &&= !(told.kind === 'step' && told.step > 10);
					yield told;
				}
			},
		});
		await handlers.open(kept);
		expect(await handlers.play({ runId: 'r' })).toEqual({ status: 'finished' });
		expect(asides).toEqual([
			{ kind: 'notKept', runId: 'r', reason: expect.stringContaining('no room') as string },
			{ kind: 'notKept', runId: 'r', reason: null },
		]);
		expect(stepsIn(written).reduce((sum, steps) => sum + steps)).toBe(20);
		expect(written.slice(-2)).toEqual(['finished: finished | snapshot at 20', 'adapter']);
	});

	test('is tried again every few seconds at most while the store fails, and at its end in any case', async () => {
		const tries: string[] = [];
		const { store, written } = fakeJournals({ refuse: (what) => tries.push(what) > 1 });
		const { handlers, asides, told } = worker({ store, events: steppingRun(23) });
		await handlers.open(kept);
		expect(await handlers.play({ runId: 'r' })).toEqual({ status: 'finished' });
		expect(told.at(-1)).toBe('finished');
		expect(tries.map((what) => / at (\d+)/.exec(what)?.[1])).toEqual([undefined, '1', '6', '11', '16', '21', '23']);
		expect(written).toEqual(['open k']);
		expect(asides).toHaveLength(1);
	});

	test.each([
		['ended', 'adapter', ['finished: finished | snapshot at 3', 'adapter']],
		['ended', 'finished', ['finished: finished | snapshot at 3', 'adapter']],
		['come to rest', 'step 1', ['underway: started | snapshot at 0', 'underway: evaluation | snapshot at 0', 'underway: step 1 | snapshot at 1']], // prettier-ignore
		['come to rest before a change', 'change', ['underway: step 1 | snapshot at 1', 'change to λ = 0.5', 'underway: ']],
	])('and has %s while the store had no room for “%s” is tried again until it is written', async (_, refused, end) => {
		vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
		let full = true;
		const { store, written } = fakeJournals({ refuse: (what) => full && what.includes(refused) });
		const { handlers, asides } = worker({ store });
		await handlers.open(kept);
		if (end.at(-1) === 'adapter') await handlers.play({ runId: 'r' });
		else await handlers.step({ runId: 'r' });
		if (refused === 'change') await handlers.adjust({ runId: 'r', verdictFile: null, experiment: { ...experiment, conscience: { ...experiment.conscience, lambda: 0.5 } } }); // prettier-ignore
		await vi.advanceTimersByTimeAsync(11_000);
		expect(written).not.toContain(end.at(-1));
		expect(asides.map((aside) => 'reason' in aside && aside.reason)).toEqual([expect.stringMatching(/no room.* tries again every few seconds/)]); // prettier-ignore
		full = false;
		await vi.advanceTimersByTimeAsync(5000);
		expect(written.slice(-end.length)).toEqual(end);
		expect(asides.at(-1)).toEqual({ kind: 'notKept', runId: 'r', reason: null });
		expect(vi.getTimerCount()).toBe(0);
	});

	test('and has ended is not tried again once another run has taken its worker', async () => {
		vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
		const { store } = fakeJournals({ refuse: (what) => what.includes('finished') });
		const { handlers } = worker({ store });
		await handlers.open(kept);
		await handlers.play({ runId: 'r' });
		expect(vi.getTimerCount()).toBe(1);
		await handlers.open(params);
		expect(vi.getTimerCount()).toBe(0);
	});

	test('is kept, though its adapter can’t be read any more', async () => {
		const { store, written } = fakeJournals();
		const { handlers, asides } = worker({ store, adapter: () => Promise.reject(new Error('The GPU was lost.')) });
		await handlers.open(kept);
		await handlers.play({ runId: 'r' });
		expect([written.at(-1), asides]).toEqual(['finished: finished | snapshot at 3', []]);
	});

	test('is kept from its beginning where the page could note it late only', async () => {
		let noted = false;
		const { store, written } = fakeJournals({ refuse: () => !noted && new StorageError('missing', 'not there') });
		const steps = steppingRun(20);
		const { handlers, asides } = worker({
			store,
			async *events() {
				for await (const told of steps()) {
					noted ||= told.kind === 'step' && told.step === 4; // by the run's own steps: a timer may come after its end
					yield told;
				}
			},
		});
		await handlers.open(kept);
		await handlers.play({ runId: 'r' });
		expect(written.slice(0, 2)).toEqual(['open k', expect.stringContaining('step 1, step 2, step 3, step 4, step 5, step 6')]);
		expect(asides.at(-1)).toEqual({ kind: 'notKept', runId: 'r', reason: null });
	});

	test('and deleted meanwhile is not tried again', async () => {
		const tries: string[] = [];
		const { store } = fakeJournals({ refuse: (what) => tries.push(what) > 2 && new StorageError('missing', 'it was deleted') });
		const { handlers, asides } = worker({ store, events: steppingRun(20) });
		await handlers.open(kept);
		await handlers.play({ runId: 'r' });
		expect(tries).toHaveLength(3);
		expect(asides).toEqual([{ kind: 'notKept', runId: 'r', reason: 'it was deleted' }]);
	});

	test('does not hold without end what the store does not take', async () => {
		const tries: string[] = [];
		const { store } = fakeJournals({ refuse: (what) => tries.push(what) > 0 });
		const { handlers, asides } = worker({ store, events: steppingRun(40, 'x'.repeat(2 ** 21)) }); // 4 MiB with each step
		await handlers.open(kept);
		expect(await handlers.play({ runId: 'r' })).toEqual({ status: 'finished' });
		expect(asides.map((aside) => 'reason' in aside && aside.reason)).toEqual([expect.stringContaining('no room'), expect.stringContaining('memory')]); // prettier-ignore
		expect(tries).toHaveLength(4); // after 1, 6, 11 and 16 seconds
	});

	test('and changed at rest has the change in the store at once, with no new snapshot', async () => {
		const { store, written } = fakeJournals();
		const { handlers } = worker({ store });
		await handlers.open(kept);
		const changed = { ...experiment, conscience: { ...experiment.conscience, lambda: 0.5 } };
		await handlers.adjust({ runId: 'r', experiment: changed, verdictFile: null });
		expect(written).toEqual([]); // before it begins there is nothing to go on from
		await handlers.step({ runId: 'r' });
		await handlers.adjust({ runId: 'r', experiment: changed, verdictFile: null });
		expect(written.at(-1)).toBe('change to λ = 0.5');
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
