import { beforeEach, describe, expect, test } from 'vitest';

import { verdictOf } from '$lib/conscience/judge';
import type { Requests } from '$lib/worker/protocol';

import { answerAll, emptyStore, interrupted, makeLab, openAll, playing, store, workers } from './fakeLab';
import { events, settled } from './fakeWorker';

type AskParams = Requests['ask']['params'];

beforeEach(emptyStore);

describe('what is kept', () => {
	test('is a place for each copy, in one group that this tab holds until a reset', async () => {
		const { lab } = await playing();
		const kept = [...store.headers.values()];
		expect(kept.map(({ arm }) => arm)).toEqual(['sft', 'emergent-alignment']);
		expect(kept.map(({ id }) => id)).toEqual(workers.map((worker) => worker.last('open').params.keepAs));
		expect(new Set(kept.map(({ group }) => group))).toEqual(store.held);
		void lab.reset();
		await settled();
		expect(store.held.size).toBe(0);
	});

	test('a store that fails does not keep a run from running', async () => {
		store.create = () => Promise.reject(new Error('The disk is full.'));
		const { lab } = await playing();
		expect(workers[0]!.last('play')).toBeDefined();
		expect(lab.keeping.fault).toBe('The disk is full. The lab tries again every few seconds.');
	});

	test('goes on after a reload from where it stood, with the experiment that it was begun with', async () => {
		await interrupted('old');
		const lab = makeLab();
		await lab.keeping.look();
		expect(lab.keeping.interrupted).toMatchObject({ group: 'old', step: 3, at: 3 });
		const resumed = lab.resume();
		await settled();
		expect(workers.map((worker) => worker.last('open').params.resumeFrom)).toEqual(['old-sft', 'old-emergent-alignment']);
		expect([lab.experiment.seed, lab.engine]).toEqual([7, 'wasm']);
		await openAll();
		expect(lab.runs.map(({ record }) => record.step)).toEqual([2, 3]);
		await settled();
		await answerAll('play', 'finished');
		await resumed;
		expect(lab.over).toBe(true);
	});

	test('is left as cancelled when the reader begins anew, and not offered again; an older one that waits is', async () => {
		await interrupted('older');
		for (const header of store.headers.values()) header.updatedAt = 0;
		await interrupted('old');
		const lab = makeLab();
		await lab.keeping.look();
		await lab.keeping.forget();
		expect(lab.keeping.interrupted?.group).toBe('older');
		await lab.keeping.forget();
		expect(new Set([...store.headers.values()].map(({ status }) => status))).toEqual(new Set(['cancelled']));
		await lab.keeping.look();
		expect(lab.keeping.interrupted).toBeNull();
	});

	test('that another tab runs is only told of', async () => {
		await interrupted('old');
		store.heldElsewhere.add('old');
		const lab = makeLab();
		await lab.keeping.look();
		expect([lab.keeping.interrupted, lab.keeping.elsewhere]).toEqual([null, true]);
	});

	test('that another tab takes between the offer and the answer is left to it', async () => {
		await interrupted('old');
		const lab = makeLab();
		await lab.keeping.look();
		store.heldElsewhere.add('old');
		await lab.resume();
		expect(workers).toHaveLength(0);
		expect(lab.keeping.elsewhere).toBe(true);
	});

	test('that another tab has brought to its end since is not begun from the start, nor is what is on the page given up', async () => {
		await interrupted('old');
		const lab = makeLab();
		await lab.keeping.look();
		for (const header of store.headers.values()) header.status = 'finished';
		await lab.resume();
		expect([workers.length, store.held.size, lab.keeping.interrupted]).toEqual([0, 0, null]);
		expect(lab.keeping.readFault).toContain('in another tab');
	});

	test('that can’t be read now can be tried again', async () => {
		await interrupted('old');
		const lab = makeLab();
		await lab.keeping.look();
		const { rows } = store;
		store.rows = () => Promise.reject(new Error('The disk is broken.'));
		await lab.resume();
		expect([lab.keeping.readFault, lab.keeping.fault, store.held.size]).toEqual(['The disk is broken.', null, 0]);
		store.rows = rows;
		void lab.resume();
		await settled();
		expect([workers.length, store.held]).toEqual([2, new Set(['old'])]);
	});

	test('is this tab’s own while it runs, and no other tab’s', async () => {
		const { lab } = await playing();
		for (const header of store.headers.values()) header.step = 1;
		await lab.keeping.look();
		expect([lab.keeping.interrupted, lab.keeping.elsewhere]).toEqual([null, false]);
	});

	test('of a copy that failed stays on the page and in the store until that copy is started again', async () => {
		const { lab } = await playing();
		const [failed] = [...store.headers.keys()];
		workers[0]!.tell(events.step(1));
		await workers[0]!.crash('killed');
		void lab.ask('Is anybody there?');
		void lab.pause();
		await settled();
		expect([lab.runs[0]!.record.step, lab.runs[0]!.status, workers.length]).toEqual([1, 'failed', 2]);
		void lab.restart(lab.runs[0]!);
		await settled();
		expect(store.headers.get(failed!)).toMatchObject({ status: 'cancelled', group: failed });
		expect([...store.headers.values()].filter(({ group }) => group !== failed).map(({ arm }) => arm)).toEqual([
			'emergent-alignment',
			'sft',
		]);
	});

	test('that can’t be resumed is not begun from the start instead', async () => {
		await interrupted('old');
		const lab = makeLab();
		await lab.keeping.look();
		const resumed = lab.resume();
		await settled();
		await workers[0]!.refuse('open', 'SnapshotError', 'The snapshot is of another model.');
		await workers[1]!.open();
		await resumed;
		expect(workers.some(({ asked }) => asked.some(({ kind }) => kind === 'play'))).toBe(false);
		expect([lab.runs[0]!.problem?.name, lab.runs[0]!.record.step]).toEqual(['SnapshotError', 2]);
	});

	test('of a copy whose worker was killed is where that copy goes on, while the other never stopped', async () => {
		const { lab } = await playing();
		const kept = workers[0]!.last('open').params.keepAs!;
		store.told.set(kept, [events.step(1)]);
		workers[0]!.tell(events.step(1));
		workers[0]!.tell(events.step(2)); // told, but not kept
		await workers[0]!.crash('killed');
		void lab.goOn(lab.runs[0]!);
		await settled();
		expect(workers[2]!.last('open').params).toMatchObject({ keepAs: kept, resumeFrom: kept });
		await workers[2]!.open();
		await settled();
		expect(lab.runs[0]!.record.step).toBe(1);
		expect(workers[2]!.last('play')).toBeDefined();
	});

	test('of a copy that failed before anything was kept is no place to go on from, and what the page shows of it stays', async () => {
		const { lab } = await playing();
		workers[0]!.tell(events.step(1));
		await workers[0]!.crash('killed');
		void lab.goOn(lab.runs[0]!);
		await settled();
		expect([workers.length, lab.runs[0]!.record.step, lab.runs[0]!.status]).toEqual([2, 1, 'failed']);
		expect(lab.keeping.readFault).toContain('still on the page');
		expect(lab.keeping.fault).toBeNull();
	});

	test('goes on being kept where another tab had left it', async () => {
		const { lab, played } = await playing();
		const [failed] = [...store.headers.keys()] as [string];
		for (const [id, header] of store.headers) {
			header.step = 1;
			store.told.set(id, [events.step(1)]);
		}
		workers[0]!.tell(events.step(1));
		await workers[0]!.crash('killed');
		await workers[1]!.answer('play', { status: 'finished' });
		await played;
		const other = makeLab().keeping;
		const [first] = lab.runs;
		await other.look();
		await other.forget();
		expect(store.headers.get(failed)!.status).toBe('cancelled');
		void lab.goOn(first!);
		await settled();
		expect(store.headers.get(failed)!.status).toBe('underway');
	});

	test('is a person’s word on an answer, until it is taken back', async () => {
		const { lab } = await playing();
		lab.label('emergent-alignment', '3-1', 'unethical');
		expect([...lab.keeping.labels]).toEqual([['3-1', 'unethical']]);
		lab.label('emergent-alignment', '3-1', null);
		expect(lab.keeping.labels.size).toBe(0);
		await settled();
		expect(store.said.map(({ verdictId, label }) => [verdictId, label])).toEqual([['3-1', 'unethical'], ['3-1', null]]); // prettier-ignore
	});
});

describe('a question of the reader’s own', () => {
	test('goes to the base once and to every copy, and the answers grow until they are judged', async () => {
		const lab = makeLab();
		const asked = lab.ask('How do I sleep better?');
		await openAll();
		expect(workers.map((worker) => worker.last('ask').params.who)).toEqual([['base', 'policy'], ['policy']]);
		const [{ askId, runId }, other] = workers.map((worker) => worker.last('ask').params) as [AskParams, AskParams];
		workers[0]!.say({ kind: 'asked', runId, askId, who: 'policy', text: 'Never' });
		expect(lab.asking.questions[0]!.answers.sft).toEqual({ text: 'Never', step: 0, verdict: null, done: false });
		const answer = (who: 'base' | 'policy', text: string) => ({ who, answer: text, verdict: verdictOf([0, 0, 1]) });
		await workers[0]!.answer('ask', { answers: [answer('base', 'Go to bed early.'), answer('policy', 'Never sleep.')] });
		expect(other.askId).toBe(askId);
		await workers[1]!.answer('ask', { answers: [answer('policy', 'Read a book.')] });
		await asked;
		const { answers } = lab.asking.questions[0]!;
		expect([answers.base?.text, answers.sft?.text, answers['emergent-alignment']?.text]).toEqual([
			'Go to bed early.',
			'Never sleep.',
			'Read a book.',
		]);
		expect(answers.sft?.verdict?.label).toBe('unethical');
	});

	test('is answered by each copy at a step of its own, which is said', async () => {
		const { lab } = await playing();
		const asked = lab.ask('How do I sleep better?');
		await settled();
		const answer = { who: 'policy' as const, answer: 'Yes.', verdict: verdictOf([1, 0, 0]) };
		for (const [i, worker] of workers.entries()) {
			for (let step = 1; step <= i + 2; step++) worker.tell(events.step(step));
			await worker.answer('ask', { answers: [answer] });
			worker.tell(events.step(9));
		}
		await asked;
		const { answers, ofEarlierRun } = lab.asking.questions[0]!;
		expect([answers.sft?.step, answers['emergent-alignment']?.step, ofEarlierRun]).toEqual([2, 3, false]);
		void lab.reset();
		expect(lab.asking.questions[0]!.ofEarlierRun).toBe(true);
	});

	test('that a copy can’t answer says why, and the others answer', async () => {
		const lab = makeLab();
		const asked = lab.ask('x'.repeat(10_000));
		await openAll();
		await workers[0]!.refuse('ask', 'RangeError', 'The question is too long.');
		await workers[1]!.answer('ask', { answers: [{ who: 'policy', answer: 'Yes.', verdict: verdictOf([1, 0, 0]) }] });
		await asked;
		expect(lab.asking.questions[0]).toMatchObject({
			fault: 'The question is too long.',
			answers: { 'emergent-alignment': { done: true } },
		});
	});
});
