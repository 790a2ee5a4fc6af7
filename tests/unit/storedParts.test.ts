import 'fake-indexeddb/auto';

import { IDBFactory, IDBObjectStore } from 'fake-indexeddb';
import { openDB } from 'idb';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { verdictOf } from '$lib/conscience/judge';
import type { Evaluation } from '$lib/evaluation/evaluation';
import type { RunEvent } from '$lib/experiment/events';
import { closeDatabase, database } from '$lib/storage/database';
import { openJournal } from '$lib/storage/journal';
import { onChanged } from '$lib/storage/changes';
import { readLabels, readPins, writeLabel, writePin } from '$lib/storage/marks';
import {
	createRunRecord,
	deleteRuns,
	endRun,
	importRuns,
	listRuns,
	readEventsFrom,
	readEventsToSnapshot,
	readRows,
	readSnapshot,
	reviveRun,
} from '$lib/storage/runs';
import { keepVerdictFile, readVerdictFiles } from '$lib/storage/verdictFiles';

import { events, experiment } from './fakeWorker';
import { someRun } from './keptRun';
import { fill, header, readHeader, runOf, snapshot, started, steps } from './storedRun';

beforeEach(() => {
	vi.stubGlobal('indexedDB', new IDBFactory());
});
afterEach(async () => {
	vi.useRealTimers();
	vi.restoreAllMocks();
	await closeDatabase();
	vi.unstubAllGlobals();
});

const pairs = (count: number) =>
	Array.from({ length: count }, (_, i) => ({ id: `${i}`, prompt: [1], chosen: [2], rejected: [3], reference: { chosen: 0, rejected: 0 } }));
const conscience = (buffer: ReturnType<typeof pairs>, calls: number) =>
	({ questions: [1, 2, 3, 4], replays: [1, 2, 3, 4], cadence: { interval: 5, nextCall: 5 }, buffer, calls }) as never;
const evaluation = (step: number) => (events.evaluation(step, 40) as { evaluation: Evaluation } & RunEvent).evaluation;
const other = { ...header, id: 'run-2', arm: 'emergent-alignment' as const };

describe('a store of version 1', () => {
	/** As version 1 wrote it: whole snapshots, and the rows with every copy. */
	async function versionOne() {
		const db = await openDB('conscience-lab', 1, {
			upgrade(old) {
				old.createObjectStore('runs', { keyPath: 'id' });
				for (const part of ['rows', 'events', 'snapshots', 'adapters', 'labels']) old.createObjectStore(part);
			},
		});
		const whole = snapshot(2, { conscience: conscience(pairs(2), 1), latest: evaluation(2) });
		for (const id of ['run', 'run-2']) {
			const { rows, ...run } = { ...header, id };
			const sizes = { rows: 50, events: 10, snapshot: 20, adapter: 0 };
			await db.put('runs', { ...run, step: 2, rowsFile: 'mine.jsonl', alignment: 40, sizes });
			await db.put('rows', rows, id);
			await db.put('events', [started, events.step(1)], [id, 0]);
			await db.put('events', [{ kind: 'change', step: 1, changes: [] }, events.step(2)], [id, 1]);
			await db.put('snapshots', { snapshot: whole, batches: 2 }, id);
			await db.put('labels', { runId: id, verdictId: '0-1', label: 'neutral' }, [id, '0-1']);
		}
		db.close();
		return whole;
	}

	test('is brought to this one with all that it holds, and its runs go on', async () => {
		const whole = await versionOne();
		const getAll = vi.spyOn(IDBObjectStore.prototype, 'getAll');
		await database();
		expect(getAll.mock.contexts.map((store) => (store as IDBObjectStore).name)).not.toContain('events'); // they may be more than memory should hold
		for (const id of ['run', 'run-2']) {
			expect(await readSnapshot(id)).toEqual(whole);
			expect(await readHeader(id)).toEqual({ ...header, id, step: 2 });
			expect(steps(await readEventsToSnapshot(id))).toEqual([1, 2]);
			expect([...(await readLabels(id))]).toEqual([['0-1', 'neutral']]);
		}
		expect((await listRuns()).map(({ sizes, rewritten }) => [sizes.rows, rewritten])).toEqual([[50, 0], [0, 0]]); // prettier-ignore
		expect((await listRuns()).map(({ begunAt, changes }) => [begunAt, changes])).toEqual([[1, [{ step: 1, changes: [] }]], [1, [{ step: 1, changes: [] }]]]); // prettier-ignore

		const journal = await openJournal('run');
		journal.add(events.step(3));
		await journal.commit(snapshot(3, { conscience: conscience(pairs(3), 2), latest: evaluation(2) }), 'underway');
		expect((await readSnapshot('run'))?.conscience?.buffer).toHaveLength(3);
		expect((await readEventsFrom('run', 0)).batches).toBe(3);
	});

	test('may take its time to be brought to this one', async () => {
		await versionOne();
		vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
		const listed = listRuns();
		await vi.advanceTimersByTimeAsync(60_000); // before the store has answered at all
		expect(await listed).toHaveLength(2);
	});

	test('that another tab does not let go of is waited for, but not for ever', async () => {
		await versionOne();
		const tab = await openDB('conscience-lab', 1);
		vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
		const refused = expect(listRuns()).rejects.toMatchObject({ fault: 'unavailable', message: expect.stringContaining('close other tabs') as string }); // prettier-ignore
		while (vi.getTimerCount() === 0) await new Promise(setImmediate);
		await vi.advanceTimersByTimeAsync(4000);
		await refused;
		tab.close();
		expect(await listRuns()).toHaveLength(2);
	});

	test('that can’t be brought to this one stays as it was', async () => {
		await versionOne();
		fill('buffers');
		await expect(listRuns()).rejects.toMatchObject({ name: 'StorageError', fault: 'full' });
		vi.restoreAllMocks();
		const db = await openDB('conscience-lab');
		expect([db.version, (await db.get('snapshots', 'run') as { snapshot: object }).snapshot]).toMatchObject([1, { step: 2 }]); // prettier-ignore
		db.close();
		expect(await readSnapshot('run')).toMatchObject({ step: 2 }); // and is brought there the next time
	});
});

test('of a snapshot only those parts are written that have changed, and all of them are read', async () => {
	await createRunRecord(header);
	const journal = await openJournal('run');
	const put = vi.spyOn(IDBObjectStore.prototype, 'put');
	const writtenBy = async (work: Promise<void>) => {
		await work;
		return put.mock.contexts.splice(0).map((store) => (store as IDBObjectStore).name);
	};
	const [few, more] = [pairs(2), pairs(3)];
	const first = evaluation(0);
	const commit = (step: number, buffer: typeof few, latest: typeof first) =>
		writtenBy(journal.commit(snapshot(step, { conscience: conscience(buffer, step), latest }), 'underway'));
	expect(await commit(0, few, first)).toEqual(['snapshots', 'buffers', 'evaluations', 'runs']);
	const [{ sizes }] = (await listRuns()) as [Awaited<ReturnType<typeof listRuns>>[number]];
	expect(await commit(1, few, first)).toEqual(['snapshots', 'runs']);
	expect((await listRuns())[0]!.sizes).toEqual(sizes);
	fill('buffers');
	await expect(journal.commit(snapshot(2, { conscience: conscience(more, 2), latest: first }), 'underway')).rejects.toThrow('no room');
	vi.restoreAllMocks();
	await journal.commit(snapshot(3, { conscience: conscience(more, 3), latest: first }), 'underway'); // what was not written is not taken for written
	expect(await readSnapshot('run')).toEqual(snapshot(3, { conscience: conscience(more, 3), latest: first }));
	await journal.commit(snapshot(4, { conscience: conscience(more, 4), latest: evaluation(4) }), 'underway');
	expect(await readSnapshot('run')).toEqual(snapshot(4, { conscience: conscience(more, 4), latest: evaluation(4) }));
	expect((await listRuns())[0]!.sizes.snapshot).toBeGreaterThan(sizes.snapshot);
});

test('a list that is read on gets only what is new, and a run that goes on from earlier says that it has rewritten', async () => {
	const journal = await runOf(1, 2);
	const seen = await readEventsFrom('run', 0);
	expect([steps(seen.events), seen.batches]).toEqual([[1, 2], 2]);
	journal.add(events.step(3));
	await journal.commit(null, 'underway');
	const more = await readEventsFrom('run', seen.batches);
	expect([steps(more.events), more.batches]).toEqual([[3], 3]);
	expect(await readEventsFrom('run', 3)).toEqual({ events: [], batches: 3 });
	expect((await listRuns())[0]!.rewritten).toBe(0);

	const second = await openJournal('run');
	second.add(events.step(3));
	await second.commit(snapshot(3), 'underway');
	second.add(events.step(4));
	await second.commit(snapshot(4), 'underway');
	expect((await listRuns())[0]!.rewritten).toBe(1);
	expect(steps((await readEventsFrom('run', 0)).events)).toEqual([1, 2, 3, 4]);
});

test('verdicts are kept once for all runs that are judged by them, and as long as one of these is there', async () => {
	const said = (answer: string) => [{ question: 'q', answer, verdict: verdictOf([1, 0, 0]) }];
	const [first, second] = [{ fileName: 'a.jsonl', digest: 'a', verdicts: said('a') }, { fileName: 'b.jsonl', digest: 'b', verdicts: said('b') }] as const; // prettier-ignore
	await createRunRecord({ ...header, verdictFiles: [first] });
	await createRunRecord({ ...other, verdictFiles: [{ ...first, fileName: 'another name.jsonl' }] });
	await keepVerdictFile('run-2', second); // given in mid-run
	await keepVerdictFile('run-2', second);
	const journal = await openJournal('run-2');
	journal.add(events.step(1));
	await journal.commit(snapshot(1), 'underway');
	expect(await readVerdictFiles('run-2')).toEqual([{ ...first, fileName: 'another name.jsonl' }, second]);
	const db = await database();
	const bytesOfAll = async () => (await listRuns()).map(({ id, verdictFiles }) => [id, verdictFiles.map(({ bytes }) => bytes)] as const);
	expect(await db.count('verdictFiles')).toBe(2);
	const [[, [size]]] = (await bytesOfAll()) as [[string, number[]]];
	expect(await bytesOfAll()).toEqual([['run', [size]], ['run-2', [0, size]]]); // prettier-ignore
	await deleteRuns(['run']);
	expect(await bytesOfAll()).toEqual([['run-2', [size, size]]]);
	expect(await readVerdictFiles('run-2')).toHaveLength(2);
	await deleteRuns(['run-2']);
	expect(await db.count('verdictFiles')).toBe(0);
	await expect(keepVerdictFile('run-2', second)).rejects.toMatchObject({ fault: 'missing' });
});

test('the rows of a group are kept once, and as long as a run of it is there', async () => {
	await createRunRecord(header);
	await createRunRecord(other);
	const db = await database();
	expect(await db.count('rows')).toBe(1);
	expect([await readRows('run'), await readRows('run-2')]).toEqual([header.rows, header.rows]);
	const sizesOfRows = async () => (await listRuns()).map(({ sizes }) => sizes.rows);
	const [bytes] = await sizesOfRows();
	expect(await sizesOfRows()).toEqual([bytes, 0]);
	await deleteRuns(['run']);
	expect([await readRows('run-2'), await sizesOfRows()]).toEqual([header.rows, [bytes]]);
	await deleteRuns(['run-2']);
	expect(await db.count('rows')).toBe(0);
});

test('a run out of its group keeps the rows that it learnt from', async () => {
	await runOf(1);
	await createRunRecord(other);
	await endRun('run', { apart: true });
	await deleteRuns(['run-2']);
	expect(await readHeader('run')).toMatchObject({ group: 'run', rows: header.rows, status: 'cancelled' });
});

test('imported copies bring their rows, and share them only where they are the same', async () => {
	const { rows } = header.rows!;
	const run = { ...someRun(), rows };
	const copy = { ...run, arm: 'sft' as const, experiment: { ...run.experiment, arms: ['sft' as const] } };
	const ids = await importRuns([
		copy,
		{ ...copy, arm: 'emergent-alignment' },
		{ ...copy, arm: 'emergent-alignment', rows: [...rows, ...rows] },
	]);
	expect((await Promise.all(ids.map(readRows))).map((kept) => kept?.rows.length)).toEqual([1, 1, 2]);
	expect(await (await database()).count('rows')).toBe(2);
});

test('a change that waits for the next step is what a run goes on with, until a snapshot knows of it', async () => {
	const journal = await runOf(1);
	const changed = { ...experiment, seed: 2 };
	await journal.keepChange(changed);
	expect(await readSnapshot('run')).toEqual({ ...snapshot(1), adjusted: changed });
	await journal.commit(null, 'underway');
	expect((await readSnapshot('run'))?.adjusted).toEqual(changed);
	await journal.commit(snapshot(2), 'underway');
	expect((await readSnapshot('run'))?.adjusted).toBeNull();
});

test('what was changed on the way is in the list, as far as the run that goes on has told it', async () => {
	const change = (step: number, to: number) => ({ step, changes: [{ path: 'conscience.lambda', from: 1, to }] });
	const listed = async () => (await listRuns())[0]!.changes;
	const journal = await runOf(1);
	expect(await listed()).toEqual([]);
	journal.add({ kind: 'change', ...change(1, 0.5) });
	await journal.commit(snapshot(2), 'underway');
	journal.add({ kind: 'change', ...change(2, 0.25) });
	await journal.commit(null, 'underway'); // a crash before the next snapshot
	expect(await listed()).toEqual([change(1, 0.5), change(2, 0.25)]);
	const resumed = await openJournal('run');
	resumed.add({ kind: 'change', ...change(2, 0.125) });
	await resumed.commit(snapshot(3), 'underway');
	expect(await listed()).toEqual([change(1, 0.5), change(2, 0.125)]);

	const [id] = await importRuns([{ ...someRun(), events: [{ kind: 'change', ...change(3, 0) }] }]);
	expect((await listRuns()).find((run) => run.id === id)!.changes).toEqual([change(3, 0)]);
});

test('a run that has told nothing is removed when it is ended; one that was ended stays so, whatever its worker still writes', async () => {
	await createRunRecord(header);
	await createRunRecord(other);
	await endRun('run');
	expect((await listRuns()).map(({ id }) => id)).toEqual(['run-2']);
	await endRun('run-2');
	expect(await (await database()).count('rows')).toBe(0);

	const journal = await runOf(1);
	await endRun('run');
	journal.add(events.step(2));
	await journal.commit(snapshot(2), 'underway');
	expect(await readHeader('run')).toMatchObject({ step: 2, status: 'cancelled' });
});

test('a run that was ended and is gone on with is underway again, for whatever its worker writes', async () => {
	const journal = await runOf(1);
	await endRun('run');
	await reviveRun('run');
	expect(await readHeader('run')).toMatchObject({ status: 'underway' });
	journal.add(events.step(2));
	await journal.commit(snapshot(2), 'underway');
	expect(await readHeader('run')).toMatchObject({ step: 2, status: 'underway' });
	await expect(reviveRun('nobody')).rejects.toMatchObject({ fault: 'missing' });
});

test('pins are kept with their run, and go with it', async () => {
	await runOf(1);
	await writePin('run', '4-1', true);
	await writePin('run', '4-2', true);
	await writePin('run', '4-2', false);
	expect([...(await readPins('run'))]).toEqual(['4-1']);
	await deleteRuns(['run']);
	expect((await readPins('run')).size).toBe(0);
	await expect(writePin('run', '4-1', true)).rejects.toMatchObject({ fault: 'missing' });
});

test('whoever looks at a run hears of its labels and pins, here and in other tabs, until they look away', async () => {
	await runOf(1);
	vi.resetModules();
	const tab = { ...(await import('$lib/storage/marks')), ...(await import('$lib/storage/changes')) };
	const { closeDatabase: closeTab } = await import('$lib/storage/database');
	const heard: string[] = [];
	const stops = [onChanged((id) => heard.push(`here ${id}`)), tab.onChanged((id) => heard.push(`there ${id}`))];
	await writeLabel('run', '4-1', 'neutral');
	await vi.waitFor(() => expect(heard.toSorted()).toEqual(['here run', 'there run']));
	await tab.writePin('run', '4-1', true);
	await vi.waitFor(() => expect(heard).toHaveLength(4));
	stops.forEach((stop) => stop());
	await writeLabel('run', '4-1', null);
	await new Promise((resolve) => setTimeout(resolve, 20));
	expect(heard).toHaveLength(4);
	await closeTab();
});

test('where the browser forbids the page to tell other tabs, labels and pins are kept all the same', async () => {
	await runOf(1);
	vi.stubGlobal('BroadcastChannel', class { constructor() { throw new DOMException('The operation is insecure.', 'SecurityError'); } }); // prettier-ignore
	vi.resetModules();
	const marks = { ...(await import('$lib/storage/marks')), ...(await import('$lib/storage/changes')) };
	const { closeDatabase: closeTab } = await import('$lib/storage/database');
	marks.onChanged(() => {})();
	await marks.writeLabel('run', '4-1', 'neutral');
	await marks.writePin('run', '4-1', true);
	expect([[...(await readLabels('run'))], [...(await readPins('run'))]]).toEqual([[['4-1', 'neutral']], ['4-1']]);
	await closeTab();
});
