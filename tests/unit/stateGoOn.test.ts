import { beforeEach, describe, expect, test } from 'vitest';

import { emptyStore, keepStep, makeLab, openAll, playing, store, workers } from './fakeLab';
import { events, settled } from './fakeWorker';

beforeEach(emptyStore);

test('a copy that has failed beside one that is finished is not ended: it can be gone on with, unless another tab has done so', async () => {
	const { lab, played } = await playing();
	keepStep(4);
	const [failed] = [...store.headers.keys()];
	workers[0]!.tell(events.step(4));
	await workers[0]!.crash('killed');
	await workers[1]!.answer('play', { status: 'finished' });
	await played;
	await settled();
	expect([store.headers.get(failed!)!.status, store.held.size]).toEqual(['underway', 0]);
	await lab.keeping.look(); // as who comes back from another page
	expect(lab.keeping.interrupted).toBeNull(); // it is on this one

	const { group } = store.headers.get(failed!)!;
	store.heldElsewhere.add(group);
	await lab.goOn(lab.runs[0]!);
	expect([workers.length, lab.keeping.elsewhere, lab.runs[0]!.record.step]).toEqual([2, true, 4]);
	store.heldElsewhere.clear();
	void lab.goOn(lab.runs[0]!);
	await settled();
	expect(store.held).toEqual(new Set([group]));
	await workers[2]!.open();
	await workers[2]!.answer('play', { status: 'finished' });
	expect(store.held.size).toBe(0);
});

describe('a reset while', () => {
	/** A twin of which a copy has failed and the other is finished: nothing of it is held. */
	async function failedBesideFinished() {
		const { lab, played } = await playing();
		keepStep(4);
		workers[0]!.tell(events.step(4));
		await workers[0]!.crash('killed');
		await workers[1]!.answer('play', { status: 'finished' });
		await played;
		return lab;
	}

	test.each(['restart', 'goOn'] as const)('a copy is about to go on (%s) leaves nothing going, and nothing held', async (again) => {
		const lab = await failedBesideFinished();
		const [failed] = lab.runs;
		const ids = [...store.headers.keys()];
		void lab[again](failed!);
		void lab.reset();
		await settled();
		await openAll();
		await settled();
		expect(workers.slice(2).flatMap(({ asked }) => asked.map(({ kind }) => kind))).not.toContain('play');
		expect(failed!.record.empty).toBe(true);
		expect([[...store.headers.keys()].every((id) => ids.includes(id)), store.held.size, lab.underway]).toEqual([true, 0, false]);
		expect([store.headers.get(ids[0]!)!.status, lab.keeping.elsewhere]).toEqual(['cancelled', false]);
	});

	test.each([
		['all', (lab: ReturnType<typeof makeLab>) => lab.reset().then(() => lab.play())],
		['that copy', (lab: ReturnType<typeof makeLab>) => lab.restart(lab.runs[0]!)],
	])('a copy is being read back, to go on, leaves alone what is begun in its place (%s)', async (_, begin) => {
		const lab = await failedBesideFinished();
		const [failed] = [...store.headers.keys()];
		let answer = () => {};
		const read = new Promise<void>((resolve) => (answer = resolve));
		store.events = (id) => read.then(() => store.told.get(id) ?? []);
		void lab.goOn(lab.runs[0]!);
		await settled();
		void begin(lab);
		await openAll();
		await settled();
		answer();
		await settled();
		await openAll();
		await settled();
		expect(workers.flatMap(({ asked }) => asked.map((request) => request.kind === 'open' && request.params.resumeFrom)).filter(Boolean)).toEqual([]); // prettier-ignore
		expect([lab.runs[0]!.working, store.headers.get(failed!)!.status]).toEqual(['play', 'cancelled']);
	});
});
