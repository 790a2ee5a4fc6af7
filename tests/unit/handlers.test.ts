import { describe, expect, test } from 'vitest';

import type { ArmRun } from '$lib/experiment/runner';
import type { Prepare } from '$lib/worker/handlers';

import { backend, event, experiment, fakeJournals, params, worker } from './fakeRun';

test('play goes on to the end', async () => {
	const { handlers, told } = worker();
	expect(await handlers.open(params)).toEqual({ backend, parameters: 10 });
	expect(told).toEqual([]);
	expect(await handlers.play({ runId: 'r' })).toEqual({ status: 'finished' });
	expect(told.filter((kind) => kind.startsWith('step'))).toEqual(['step 1', 'step 2', 'step 3']);
	expect(told.at(-1)).toBe('finished');
	expect(await handlers.play({ runId: 'r' })).toEqual({ status: 'finished' });
});

test('one step is one optimizer step with the evaluation that is due after it, and the last brings the run to its end', async () => {
	const { handlers, told } = worker();
	await handlers.open(params);
	expect(await handlers.step({ runId: 'r' })).toEqual({ status: 'paused' });
	expect(told).toEqual(['started', 'evaluation', 'step 1']);
	await handlers.step({ runId: 'r' });
	expect(told.slice(3)).toEqual(['progress', 'step 2', 'progress', 'evaluation']);
	expect(await handlers.step({ runId: 'r' })).toEqual({ status: 'finished' });
	expect(told.slice(7)).toEqual(['step 3', 'progress', 'evaluation', 'finished']);
});

test('a pause stops at the next event, and play goes on from there', async () => {
	const { handlers, told } = worker();
	await handlers.open(params);
	const playing = handlers.play({ runId: 'r' });
	await handlers.pause({ runId: 'r' });
	expect(await playing).toEqual({ status: 'paused' });
	const atPause = told.length;
	expect(atPause).toBeLessThan(4);
	await new Promise((resolve) => setTimeout(resolve, 20));
	expect(told).toHaveLength(atPause);
	expect(await handlers.play({ runId: 'r' })).toEqual({ status: 'finished' });
	expect(told.filter((kind) => kind === 'step 1')).toHaveLength(1);
});

test('a run that has lost its judge rests without being asked to, keeps nothing of that, and goes on where it was', async () => {
	async function* events() {
		yield event('started');
		yield event('judgeLost', { step: 0, reason: 'gone' });
		yield event('step', { step: 1 });
		yield event('finished');
	}
	const { store, written } = fakeJournals();
	const { handlers, told } = worker({ events, store });
	await handlers.open({ ...params, keepAs: 'k' });
	expect(await handlers.play({ runId: 'r' })).toEqual({ status: 'paused' });
	expect(told).toEqual(['started', 'judgeLost']);
	expect(await handlers.play({ runId: 'r' })).toEqual({ status: 'finished' });
	expect(told.slice(2)).toEqual(['step 1', 'finished']);
	expect(written.join()).not.toContain('judgeLost');
});

test('an open in mid-run ends the run before it, frees it and begins from the first event', async () => {
	const { handlers, told, disposed } = worker();
	await handlers.open(params);
	const playing = handlers.play({ runId: 'r' });
	await handlers.open({ ...params, runId: 's' });
	expect(await playing).toEqual({ status: 'cancelled' });
	expect(disposed).toEqual([1]);
	told.length = 0;
	await handlers.step({ runId: 's' });
	expect(told).toEqual(['started', 'evaluation', 'step 1']);
});

test('a cancelled run stays as it is and can be exported', async () => {
	const { handlers } = worker({ adapter: async () => ({ 'README.md': 'kept' }) });
	await handlers.open(params);
	await handlers.step({ runId: 'r' });
	await handlers.cancel({ runId: 'r' });
	expect(await handlers.play({ runId: 'r' })).toEqual({ status: 'cancelled' });
	expect(await handlers.exportAdapter({ runId: 'r' })).toEqual({ files: { 'README.md': 'kept' } });
	const { zip } = await handlers.exportMerged({ runId: 'r', dtype: 'BF16' });
	expect(await zip.text()).toBe('README.mdBF16');
});

test('an export during a run waits for the event that the run is at, and holds up the next', async () => {
	const order: string[] = [];
	const { handlers, told } = worker({
		adapter: async () => {
			order.push(`begun after ${told.length}`);
			await new Promise((resolve) => setTimeout(resolve, 30));
			order.push(`done after ${told.length}`);
			return {};
		},
	});
	await handlers.open(params);
	const playing = handlers.play({ runId: 'r' });
	await handlers.exportAdapter({ runId: 'r' });
	const [begun, done] = order.map((entry) => Number(entry.split(' ').at(-1)));
	expect(begun).toBeGreaterThan(0);
	expect(done).toBe(begun);
	await playing;
});

test('an open that is cancelled rejects, whatever it waits for', async () => {
	const prepare: Prepare = (_, signal) =>
		new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
	const { handlers } = worker({ prepare });
	const opening = handlers.open(params);
	await handlers.cancel({ runId: 'r' });
	await expect(opening).rejects.toMatchObject({ name: 'AbortError' });
	await expect(handlers.play({ runId: 'r' })).rejects.toMatchObject({ name: 'RunStateError' });
});

test('a second open takes the place of the first', async () => {
	const { handlers, told, disposed } = worker();
	await handlers.open(params);
	await handlers.step({ runId: 'r' });
	await handlers.open({ ...params, runId: 's' });
	expect(disposed).toEqual([1]);
	await expect(handlers.step({ runId: 'r' })).rejects.toThrow("holds no run 'r'");
	told.length = 0;
	await handlers.step({ runId: 's' });
	expect(told).toEqual(['started', 'evaluation', 'step 1']);
});

describe('a reader', () => {
	const ask = { runId: 'r', askId: 'a', question: 'Why?', who: ['base' as const, 'policy' as const], seed: 1 };
	const verdict = { label: 'ethical', probabilities: { ethical: 1, neutral: 0, unethical: 0 } } as const;

	test('asks while the run goes on and at rest; what is told of the texts is not more than one can read', async () => {
		const speaks: ArmRun['ask'] = async (_question, who, _seed, onText) => {
			for (const asked of who) for (const text of ['B', 'Be', 'Be c', 'Because']) onText(asked, text);
			return who.map((asked) => ({ who: asked, answer: 'Because', verdict }));
		};
		const { handlers, asides, told } = worker({ ask: speaks });
		await handlers.open(params);
		const expected = { answers: ask.who.map((who) => ({ who, answer: 'Because', verdict })) };
		expect(await handlers.ask(ask)).toEqual(expected);
		expect(asides.map((aside) => (aside.kind === 'asked' ? `${aside.who}: ${aside.text}` : aside.kind))).toEqual([
			'base: B',
			'base: Because',
			'policy: B',
		]);
		const playing = handlers.play({ runId: 'r' });
		expect(await handlers.ask(ask)).toEqual(expected);
		expect(told).not.toContain('finished');
		await playing;
		expect(await handlers.ask(ask)).toEqual(expected);
	});

	test('who asks at rest is answered before the run goes on, and a cancel ends the answer', async () => {
		const order: string[] = [];
		const slow: ArmRun['ask'] = async (_question, _who, _seed, _onText, signal) => {
			await new Promise((resolve) => setTimeout(resolve, 20));
			signal!.throwIfAborted();
			order.push(`answered after ${told.length}`);
			return [];
		};
		const { handlers, told } = worker({ ask: slow });
		await handlers.open(params);
		await Promise.all([handlers.ask(ask), handlers.step({ runId: 'r' })]);
		expect(order).toEqual(['answered after 0']);
		const asking = handlers.ask(ask);
		const refused = expect(asking).rejects.toMatchObject({ name: 'AbortError' });
		await handlers.cancel({ runId: 'r' });
		await refused;
		await handlers.ask(ask); // a cancelled copy can still be asked
		expect(order).toHaveLength(2);
	});

	test('sets a pace: a rest after each step, which a pause, an errand and another pace do not wait for', async () => {
		const { handlers, told } = worker();
		await handlers.open(params);
		await handlers.pace({ runId: 'r', restMs: 60_000 });
		const playing = handlers.play({ runId: 'r' });
		while (!told.includes('step 1')) await new Promise((resolve) => setTimeout(resolve));
		await handlers.exportAdapter({ runId: 'r' });
		expect(told.at(-1)).toBe('step 1');
		await handlers.pause({ runId: 'r' });
		expect(await playing).toEqual({ status: 'paused' });
		expect(await handlers.step({ runId: 'r' })).toEqual({ status: 'paused' }); // one step has no pace
		const again = handlers.play({ runId: 'r' });
		while (!told.includes('step 3')) await new Promise((resolve) => setTimeout(resolve));
		await handlers.pace({ runId: 'r', restMs: 0 });
		expect(await again).toEqual({ status: 'finished' });
	});

	test('changes a run that goes on, but none that is over', async () => {
		const { handlers, adjusted } = worker();
		await handlers.open(params);
		await handlers.adjust({ runId: 'r', experiment, verdictFile: null });
		expect(adjusted).toEqual([experiment]);
		await handlers.play({ runId: 'r' });
		await expect(handlers.adjust({ runId: 'r', experiment, verdictFile: null })).rejects.toMatchObject({ name: 'RunStateError' });
	});
});
