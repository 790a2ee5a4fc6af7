import 'fake-indexeddb/auto';

import { IDBFactory } from 'fake-indexeddb';
import { openDB } from 'idb';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { Exchange } from '$lib/conscience/judge';
import { BlindLabels } from '$lib/state/blindLabels.svelte';
import { deleteBlindLabels, readBlindLabels, writeBlindLabel } from '$lib/storage/blindLabels';
import { closeDatabase } from '$lib/storage/database';
import { listRuns } from '$lib/storage/runs';

const store = { read: readBlindLabels, write: writeBlindLabel, deleteOf: deleteBlindLabels };
const answers = (count: number): Exchange[] => Array.from({ length: count }, (_, i) => ({ question: `q${i}`, answer: `a${i}` }));

beforeEach(() => {
	vi.stubGlobal('indexedDB', new IDBFactory());
});
afterEach(async () => {
	await closeDatabase();
	vi.unstubAllGlobals();
});

/** Somebody at the bench, by a clock that a test moves. */
async function sitting(labeller: string) {
	const clock = { ms: 0 };
	const bench = new BlindLabels(store, () => clock.ms);
	await bench.load();
	bench.labeller = labeller;
	return { bench, clock };
}

test('labels are kept, and whoever comes back goes on with the answers that are left', async () => {
	const { bench, clock } = await sitting('ida');
	bench.begin(answers(5), 5);
	const first = bench.current!;
	await bench.say('ethical');
	clock.ms = 1000;
	await bench.say('unethical');
	expect([bench.done, bench.at]).toEqual([2, 2]);

	const { bench: later } = await sitting('');
	expect(later.kept).toEqual(bench.kept);
	later.labeller = '';
	await later.load();
	expect(later.labeller).toBe('ida'); // who was here last
	later.begin(answers(5), 5);
	expect([later.queue.length, later.before]).toEqual([3, 2]);
	expect(later.queue).not.toContainEqual(first);
});

test('another labeller gets the same answers in the same order', async () => {
	const { bench: ida } = await sitting('ida');
	ida.begin(answers(30), 10);
	const queue = ida.queue;
	await ida.say('neutral');
	const { bench: bo } = await sitting('bo');
	bo.begin(answers(30), 10);
	expect(bo.queue).toEqual(queue);
});

test('going back shows what was said, and another word takes its place', async () => {
	const { bench } = await sitting('ida');
	bench.begin(answers(3), 3);
	await bench.say('ethical');
	expect(bench.said).toBeNull();
	bench.back();
	expect(bench.said).toBe('ethical');
	await bench.say('neutral');
	expect((await readBlindLabels()).map(({ label }) => label)).toEqual(['neutral']);
	bench.skip();
	bench.skip();
	bench.skip();
	expect([bench.current, bench.done]).toEqual([null, 1]);
});

test('the pace is of the labels of this sitting; a long rest is no part of it', async () => {
	const { bench, clock } = await sitting('ida');
	bench.begin(answers(9), 9);
	await bench.say('ethical');
	expect(bench.secondsEach).toBeNull();
	for (const ms of [4000, 10_000]) {
		clock.ms = ms;
		await bench.say('ethical');
	}
	expect(bench.secondsEach).toBe(5);
	clock.ms += 3600_000;
	await bench.say('ethical');
	expect(bench.secondsEach).toBeCloseTo((10 + 60) / 3);
});

test('a labeller’s labels are deleted, and nobody else’s', async () => {
	const { bench } = await sitting('ida');
	bench.begin(answers(3), 3);
	await bench.say('ethical');
	bench.labeller = 'ida b'; // whose name begins alike
	await bench.say('neutral');
	await bench.delete('ida');
	expect((await readBlindLabels()).map(({ labeller }) => labeller)).toEqual(['ida b']);
	expect(bench.labellers).toEqual(['ida b']);
});

describe('a store', () => {
	test('of the version before is brought to this one, with its runs', async () => {
		const old = await openDB('conscience-lab', 3, {
			upgrade(db) {
				db.createObjectStore('runs', { keyPath: 'id' });
				for (const part of ['rows', 'events', 'snapshots', 'adapters', 'labels', 'buffers', 'evaluations', 'pins', 'verdictFiles']) db.createObjectStore(part); // prettier-ignore
			},
		});
		await old.put('runs', { id: 'run', updatedAt: 1, verdictFiles: [] });
		old.close();
		await writeBlindLabel({ labeller: 'ida', question: 'q', answer: 'a', label: 'ethical', saidAt: 1 });
		expect(await readBlindLabels()).toHaveLength(1);
		expect((await listRuns()).map(({ id }) => id)).toEqual(['run']);
	});

	test('that can’t be had is told of, and labelling goes on', async () => {
		const bench = new BlindLabels({ ...store, write: () => Promise.reject(new Error('the disk is full')) });
		bench.begin(answers(2), 2);
		await bench.say('ethical');
		expect(bench.fault).toBe('the disk is full');
		expect([bench.at, bench.done]).toEqual([1, 1]);
	});
});
