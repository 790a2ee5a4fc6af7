import 'fake-indexeddb/auto';

import { IDBFactory } from 'fake-indexeddb';
import { openDB } from 'idb';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { ArmId } from '$lib/experiment/schema';
import { closeDatabase } from '$lib/storage/database';
import { StorageError } from '$lib/storage/storageError';
import { openJournal } from '$lib/storage/journal';
import { heldGroups, holdGroup, holdsGroup, isHeld } from '$lib/storage/locks';
import { readLabels, writeLabel } from '$lib/storage/marks';
import { askToPersist, storageUse } from '$lib/storage/room';
import {
	createRunRecord,
	deleteRuns,
	endRun,
	importRuns,
	listRuns,
	readAdapter,
	readEvents,
	readEventsToSnapshot,
	readSnapshot,
} from '$lib/storage/runs';

import { events } from './fakeWorker';
import { someRun } from './keptRun';
import { fill, header, readHeader, runOf, snapshot, started, steps } from './storedRun';

beforeEach(() => {
	vi.stubGlobal('indexedDB', new IDBFactory());
});
afterEach(async () => {
	vi.restoreAllMocks();
	await closeDatabase();
	vi.unstubAllGlobals();
});

test('a run is kept with its header, events, snapshot, adapter and labels', async () => {
	const journal = await runOf();
	journal.add(started);
	journal.add(events.progress('training', 1, 3));
	journal.add(events.step(1));
	await journal.commit(snapshot(1), 'underway');
	journal.add(events.step(2));
	journal.add(events.evaluation(2, 41));
	await journal.commit(null, 'finished');
	const { adapter } = someRun(3);
	await journal.keepAdapter(adapter ?? ({ 'README.md': 'card' } as never));
	await writeLabel('run', '4-1', 'unethical');
	await writeLabel('run', '4-2', 'neutral');
	await writeLabel('run', '4-2', null);

	expect(await readHeader('run')).toMatchObject({ ...header, backend: 'wasm', step: 2, status: 'finished', updatedAt: expect.any(Number) as number }); // prettier-ignore
	expect((await readEvents('run')).map(({ kind }) => kind)).toEqual(['started', 'step', 'step', 'evaluation']);
	expect(await readSnapshot('run')).toEqual(snapshot(1));
	expect(await readAdapter('run')).not.toBeNull();
	expect([...(await readLabels('run'))]).toEqual([['4-1', 'unethical']]);
	const [listed] = await listRuns();
	expect(listed).not.toHaveProperty('rows');
	expect(listed).toMatchObject({ rowsFile: 'mine.jsonl', alignment: 41 });
	for (const size of Object.values(listed!.sizes)) expect(size).toBeGreaterThan(0);
});

test.each(['runs', 'events', 'snapshots'])(
	'when %s has no room, nothing of the commit is written, and it can be written later',
	async (store) => {
		const journal = await runOf(1);
		const before = [await readHeader('run'), await readEvents('run'), await readSnapshot('run')];
		vi.stubGlobal('navigator', { storage: { estimate: async () => ({ usage: 9_900_000, quota: 10_000_000 }) } });
		fill(store);
		journal.add(events.step(2));
		const failed = journal.commit(snapshot(2), 'underway');
		await expect(failed).rejects.toThrow(StorageError);
		await expect(failed).rejects.toThrow(/no room.*9.9 MB of 10.0 MB.*Delete runs/);
		await expect(failed).rejects.toMatchObject({ fault: 'full' });
		expect([await readHeader('run'), await readEvents('run'), await readSnapshot('run')]).toEqual(before);

		vi.restoreAllMocks();
		journal.add(events.step(3));
		await journal.commit(snapshot(3), 'underway');
		expect(steps(await readEvents('run'))).toEqual([1, 2, 3]);
		expect((await readHeader('run'))?.step).toBe(3);
	},
);

test('a run that goes on after a crash tells again what came after its snapshot, and it is kept once', async () => {
	const first = await runOf(1, 2);
	first.add(events.step(3));
	first.add(events.verdicts(3, [true]));
	await first.commit(null, 'underway'); // the crash comes here
	expect(steps(await readEvents('run'))).toEqual([1, 2, 3]);
	expect(steps(await readEventsToSnapshot('run'))).toEqual([1, 2]);

	const second = await openJournal('run');
	expect(steps(await readEvents('run'))).toEqual([1, 2, 3]); // to open it changes nothing
	second.add(events.step(3));
	await second.commit(snapshot(3), 'underway');
	expect((await readEvents('run')).map(({ kind }) => kind)).toEqual(['step', 'step', 'step']);
	const [listed] = await listRuns();
	expect(listed!.step).toBe(3);
});

test('a run without a snapshot begins anew', async () => {
	const journal = await runOf();
	journal.add(events.step(1));
	await journal.commit(null, 'underway');
	expect(await readEventsToSnapshot('run')).toEqual([]);
	const again = await openJournal('run');
	again.add(started);
	await again.commit(null, 'underway');
	expect(await readEvents('run')).toEqual([started]);
	expect((await readHeader('run'))?.step).toBe(0);
});

test('commits that are not waited for are written in their order', async () => {
	const journal = await runOf();
	const commits = [1, 2, 3].map((step) => {
		journal.add(events.step(step));
		return journal.commit(snapshot(step), 'underway');
	});
	await Promise.all(commits);
	expect(steps(await readEvents('run'))).toEqual([1, 2, 3]);
	expect(await readSnapshot('run')).toEqual(snapshot(3));
});

test('page and worker open the store at the same time', async () => {
	const journal = await runOf(1);
	vi.resetModules();
	const page = await import('$lib/storage/runs');
	const { closeDatabase: closePage } = await import('$lib/storage/database');
	journal.add(events.step(2));
	const [, listed] = await Promise.all([journal.commit(snapshot(2), 'underway'), page.listRuns()]);
	expect(listed).toHaveLength(1);
	expect(steps(await page.readEvents('run'))).toEqual([1, 2]);

	await page.deleteRuns(['run']);
	journal.add(events.step(3));
	const failed = journal.commit(snapshot(3), 'underway');
	await expect(failed).rejects.toMatchObject({ name: 'StorageError', fault: 'missing' });
	expect(await readEvents('run')).toEqual([]);
	await closePage();
});

test('deleting a run leaves nothing of it, and the others as they were', async () => {
	await runOf(1);
	await createRunRecord({ ...header, id: 'run-2' });
	await writeLabel('run', 'v', 'ethical');
	await writeLabel('run-2', 'v', 'ethical');
	await deleteRuns(['run']);
	expect((await listRuns()).map(({ id }) => id)).toEqual(['run-2']);
	expect([await readHeader('run'), await readEvents('run'), await readSnapshot('run')]).toEqual([null, [], null]);
	expect((await readLabels('run')).size).toBe(0);
	expect((await readLabels('run-2')).size).toBe(1);
});

test('a run that nobody goes on with can be ended', async () => {
	await runOf(1);
	await endRun('run');
	expect((await readHeader('run'))?.status).toBe('cancelled');
});

test('imported runs are kept as they are: all of them or none', async () => {
	const runs = [someRun(1), someRun(2)];
	const ids = await importRuns(runs);
	for (const [i, run] of runs.entries()) {
		expect(await readHeader(ids[i]!)).toMatchObject({ experiment: run.experiment, arm: run.arm, source: 'imported', status: 'finished' });
		expect(await readEvents(ids[i]!)).toEqual(run.events);
		expect(await readLabels(ids[i]!)).toEqual(run.labels);
		expect(await readAdapter(ids[i]!)).toEqual(run.adapter);
	}

	fill('events');
	await expect(importRuns(runs)).rejects.toMatchObject({ fault: 'full' });
	vi.restoreAllMocks();
	expect(await listRuns()).toHaveLength(2);
});

test('imported copies of one experiment and seed belong together; a second such pair does not join the first', async () => {
	const run = someRun();
	const copy = (arm: ArmId, seed: number) => ({ ...run, arm, experiment: { ...run.experiment, seed, arms: [arm] } });
	const ids = await importRuns([
		copy('sft', 1),
		copy('emergent-alignment', 1),
		copy('sft', 2),
		copy('sft', 1),
		copy('emergent-alignment', 1),
	]);
	const groups = await Promise.all(ids.map(async (id) => (await readHeader(id))!.group));
	expect(groups.map((group) => groups.indexOf(group))).toEqual([0, 0, 2, 3, 3]);
});

test('a store of a newer lab is left alone', async () => {
	(await openDB('conscience-lab', 99)).close();
	await expect(listRuns()).rejects.toMatchObject({ fault: 'newer', message: expect.stringContaining('newer version') as string });
	const db = await openDB('conscience-lab');
	expect(db.version).toBe(99);
	db.close();
});

test('a newer lab in another tab may upgrade the store at once', async () => {
	await runOf(1);
	const newer = await openDB('conscience-lab', 99);
	await expect(listRuns()).rejects.toMatchObject({ fault: 'newer' });
	newer.close();
});

test('without a store the error says that the lab goes on, and a store that comes back is used', async () => {
	vi.stubGlobal('indexedDB', { open: () => { throw new DOMException('denied', 'SecurityError'); } }); // prettier-ignore
	const failed = listRuns();
	await expect(failed).rejects.toThrow(/denied.*The lab works all the same/);
	await expect(failed).rejects.toMatchObject({ fault: 'unavailable' });
	vi.stubGlobal('indexedDB', new IDBFactory());
	expect(await listRuns()).toEqual([]);
});

test('there is no journal of a run that is not kept', async () => {
	await expect(openJournal('nobody')).rejects.toMatchObject({ fault: 'missing' });
});

/** Web Locks of two tabs. */
function fakeLocks() {
	const held = new Map<string, string>();
	const tab = (clientId: string) => ({
		async request(name: string, _: object, work: (lock: object | null) => Promise<void> | void) {
			if (held.has(name)) return work(null);
			held.set(name, clientId);
			await work({});
			held.delete(name);
		},
		query: async () => ({ held: [...held].map(([name, clientId]) => ({ name, clientId })) }),
	});
	return { here: tab('here'), there: tab('there') };
}

test('a group is run by one tab; another sees that, and may have it when it is let go', async () => {
	const { here, there } = fakeLocks();
	vi.stubGlobal('navigator', { locks: there });
	vi.resetModules();
	const other = await import('$lib/storage/locks');
	const release = await other.holdGroup('twins');
	vi.stubGlobal('navigator', { locks: here });
	expect([await holdGroup('twins'), await isHeld('twins'), holdsGroup('twins')]).toEqual([null, true, false]);
	release!();
	await new Promise((resolve) => setTimeout(resolve));
	expect(await isHeld('twins')).toBe(false);
	expect(await holdGroup('twins')).toBeTypeOf('function');
	expect([...(await heldGroups())]).toEqual(['twins']);
	expect(holdsGroup('twins')).toBe(true);
});

test('what the browser does not tell of its room is not known, and what it does not grant is no', async () => {
	vi.stubGlobal('navigator', {});
	expect([await storageUse(), await askToPersist()]).toEqual([null, false]);
	const storage = { estimate: async () => ({ usage: 1, quota: 2 }), persisted: async () => false, persist: async () => true };
	vi.stubGlobal('navigator', { storage });
	expect([await storageUse(), await askToPersist()]).toEqual([{ usage: 1, quota: 2, persisted: false }, true]);
});
