import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { FRAMEWORKS } from '$lib/conscience/frameworks';
import { JudgeError, JudgeLostError } from '$lib/conscience/judge';
import { portJudge } from '$lib/worker/judgePort';
import type { JudgeStanding } from '$lib/worker/judgeProtocol';
import { judgeService } from '$lib/worker/judgeService';

import { fakeJudgeModel } from './fakeJudgeModel';

const framework = FRAMEWORKS[0]!;
const sampling = { temperature: 1, topP: 1, maxNewTokens: 8 };
const identity = { engine: 'webllm', model: 'm', revision: 'r' } as const;
const exchanges = (count: number, name = 'a') => Array.from({ length: count }, (_, i) => ({ question: `${name}${i}?`, answer: `${i}.` }));
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

/** Locks that are held until a test lets go of them. */
const lifelines = new Map<string, () => void>();
const ports: MessagePort[] = [];
beforeEach(() => {
	lifelines.clear();
	vi.stubGlobal('navigator', { locks: { request: async (lock: string, onFree: () => void) => void lifelines.set(lock, onFree) } });
});
afterEach(() => {
	vi.unstubAllGlobals();
	for (const port of ports.splice(0)) port.close();
});

function start() {
	const standings: JudgeStanding[] = [];
	const losses: Error[] = [];
	const service = judgeService({
		lifeline: Promise.resolve('the lifeline'),
		onStanding: (standing) => standings.push(standing),
		onLost: (error) => {
			losses.push(error);
			service.lose(error);
		},
	});
	const fake = fakeJudgeModel();
	service.use(fake.model);
	const connect = () => {
		const { port1, port2 } = new MessageChannel();
		ports.push(port1, port2);
		service.connect(port1);
		return { port: port2, judge: portJudge(port2, identity, sampling) };
	};
	return { service, fake, standings, losses, connect, ...connect() };
}

describe('answers', () => {
	test('come in the order of the items, one request at a time, with the tokens of all', async () => {
		const { judge, fake } = start();
		const stop = fake.answerAll((prompt) => Number(/a(\d+)\?/.exec(prompt)![1]) / 10);
		const { verdicts, tokens } = await judge.verdicts(exchanges(10), framework);
		expect(verdicts.map(({ probabilities }) => probabilities.ethical)).toEqual([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]);
		expect(tokens).toEqual({ read: 100, written: 10 });
		expect(fake.most()).toBe(1);
		stop();
	});

	test('are alternatives too, each with its seed', async () => {
		const { judge, fake } = start();
		const stop = fake.answerAll((prompt) => prompt.slice(-2));
		const written = await judge.alternatives(['x?', 'y?'], framework, [3, 4]);
		expect(written).toEqual({ answers: ['x?', 'y?'], ended: [true, true], tokens: { read: 10, written: 6 } });
		expect(fake.asked.map(({ seed }) => seed)).toEqual([3, 4]);
		stop();
	});

	test('are none where nothing was asked', async () => {
		const { judge } = start();
		expect(await judge.verdicts([], framework)).toEqual({ verdicts: [], tokens: { read: 0, written: 0 } });
	});

	test('of two who ask are not mixed up, and neither waits for all of the other', async () => {
		const { judge, fake, connect } = start();
		const other = connect().judge;
		const stop = fake.answerAll((prompt) => (prompt.includes('b') && /b\d/.test(prompt) ? 1 : 0));
		const [mine, yours] = await Promise.all([judge.verdicts(exchanges(20), framework), other.verdicts(exchanges(5, 'b'), framework)]);
		expect(mine.verdicts.every(({ label }) => label === 'unethical')).toBe(true);
		expect(yours.verdicts.every(({ label }) => label === 'ethical')).toBe(true);
		const places = fake.asked.flatMap(({ prompt }, i) => (/b\d\?/.test(prompt) ? [i] : []));
		expect(places.at(-1)).toBeLessThan(15);
		stop();
	});
});

test('of a long call only a few items wait at the judge', async () => {
	const { judge, fake, standings } = start();
	const call = judge.verdicts(exchanges(100), framework).catch(() => {});
	await settled();
	expect(standings.at(-1)!.queue).toBeLessThanOrEqual(4);
	await fake.asked[0]!.answer(1);
	expect(fake.asked).toHaveLength(2);
	const stop = fake.answerAll(() => 1);
	await call;
	expect(Math.max(...standings.map(({ queue }) => queue))).toBeLessThanOrEqual(4);
	stop();
});

describe('a cancelled call', () => {
	test('ends at once with the signal’s reason, and leaves the judge to others', async () => {
		const { judge, fake, standings } = start();
		const controller = new AbortController();
		const call = judge.verdicts(exchanges(10), framework, controller.signal);
		await settled();
		controller.abort(new Error('enough'));
		await expect(call).rejects.toThrow('enough');
		await settled();
		expect(fake.asked[0]!.signal!.aborted).toBe(true);
		const next = judge.verdicts(exchanges(1, 'b'), framework);
		await settled();
		expect(fake.asked).toHaveLength(1); // one request at a time, and this one is still ending
		await fake.asked[0]!.answer(1);
		await settled();
		expect(fake.asked[1]!.prompt).toContain('b0?');
		await fake.asked[1]!.answer(1);
		expect((await next).verdicts).toHaveLength(1);
		expect(standings.at(-1)!.queue).toBe(0);
	});

	test('that was cancelled before asks nothing', async () => {
		const { judge, fake } = start();
		await expect(judge.verdicts(exchanges(2), framework, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
		await settled();
		expect(fake.asked).toHaveLength(0);
	});

	test('of whose asker nothing is left is dropped', async () => {
		const { port, judge, fake, standings } = start();
		void judge.verdicts(exchanges(10), framework).catch(() => {});
		await settled();
		port.close();
		await settled();
		await fake.asked[0]!.answer(1);
		await settled();
		expect(fake.asked).toHaveLength(1);
		expect(standings.at(-1)!.queue).toBe(0);
	});
});

describe('an error', () => {
	test('keeps its name, ends the call, and its other items are not asked', async () => {
		const { judge, fake } = start();
		const refused = expect(judge.verdicts(exchanges(10), framework)).rejects.toMatchObject({ name: 'JudgeError', message: 'too long' });
		await settled();
		await fake.asked[0]!.fail(new JudgeError('too long'));
		await refused;
		await settled();
		await fake.asked.at(-1)!.answer(1);
		await settled();
		expect(fake.asked.length).toBeLessThanOrEqual(2);
	});

	test('of a judge that is lost ends all calls, also those that come later', async () => {
		const { judge, fake, connect, losses } = start();
		const other = connect().judge;
		const both = [judge.verdicts(exchanges(10), framework), other.alternatives(['b?'], framework, [1])];
		await settled();
		const lost = { name: 'JudgeLostError', message: 'the device is gone' };
		const refused = Promise.all(both.map((call) => expect(call).rejects.toMatchObject(lost)));
		await fake.asked[0]!.fail(new JudgeLostError('the device is gone'));
		await refused;
		await expect(judge.verdicts(exchanges(1), framework)).rejects.toMatchObject(lost);
		expect([losses.length, fake.asked.length]).toEqual([1, 1]);
	});

	test('is told although the model never comes back, and another model takes over', async () => {
		const { judge, service } = start();
		const call = judge.verdicts(exchanges(3), framework);
		await settled();
		service.lose(new JudgeLostError('unloaded'));
		await expect(call).rejects.toMatchObject({ name: 'JudgeLostError', message: 'unloaded' });
		const fresh = fakeJudgeModel();
		service.use(fresh.model);
		const stop = fresh.answerAll(() => 1);
		expect((await judge.verdicts(exchanges(3), framework)).verdicts).toHaveLength(3);
		stop();
	});

	test('comes when the worker of the judge has ended, and from then on', async () => {
		const { judge } = start();
		const call = judge.verdicts(exchanges(3), framework);
		await vi.waitFor(() => expect(lifelines.has('the lifeline')).toBe(true));
		lifelines.get('the lifeline')!();
		const lost = { name: 'JudgeLostError', message: expect.stringContaining('The worker of the judge has ended') as string };
		await expect(call).rejects.toMatchObject(lost);
		await expect(judge.verdicts(exchanges(1), framework)).rejects.toMatchObject(lost);
	});
});

test('the standing tells what was done and how fast, and begins anew with another model', async () => {
	const { judge, fake, service, standings } = start();
	expect(standings.at(-1)).toEqual({ queue: 0, verdicts: 0, alternatives: 0, verdictsPerSecond: null, tokensPerSecond: null });
	const stop = fake.answerAll(() => 1);
	await judge.verdicts(exchanges(3), framework);
	await judge.alternatives(['x?'], framework, [1]);
	await settled();
	const { verdictsPerSecond, tokensPerSecond, ...counts } = standings.at(-1)!;
	expect(counts).toEqual({ queue: 0, verdicts: 3, alternatives: 1 });
	expect(verdictsPerSecond).toBeGreaterThan(10);
	expect(tokensPerSecond! / verdictsPerSecond!).toBeGreaterThan(5);
	service.use(fakeJudgeModel().model);
	expect(standings.at(-1)!.verdicts).toBe(0);
	stop();
});
