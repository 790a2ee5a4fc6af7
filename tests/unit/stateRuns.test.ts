import 'fake-indexeddb/auto';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { RunEvent } from '$lib/experiment/events';
import { KeptRuns } from '$lib/state/runs.svelte';
import { closeDatabase } from '$lib/storage/database';
import { type Journal, openJournal } from '$lib/storage/journal';
import { holdGroup } from '$lib/storage/locks';
import { writeLabel, writePin } from '$lib/storage/marks';
import { createRunRecord, listRuns } from '$lib/storage/runs';
import { fileWork } from '$lib/worker/fileWork';

import { events } from './fakeWorker';
import { closeKept, keptTwin, run } from './keptTwin';

let kept: KeptRuns;

beforeEach(async () => {
	kept = await keptTwin();
});
afterEach(closeKept);

test('runs open as the lab’s own do, and take labels', async () => {
	const ids = kept.runs!.map(({ id }) => id).toReversed();
	await kept.show(ids);
	expect(kept.opened.map(({ kept: { id } }) => id)).toEqual(ids);
	const [opened] = kept.opened;
	const evaluations = run.events.filter(({ kind }) => kind === 'evaluation');
	expect(opened!.record.evaluations).toHaveLength(evaluations.length);
	expect(opened!.record.cards.some(({ alternative }) => alternative?.pairId != null)).toBe(true);

	const [card] = opened!.record.cards;
	await kept.label(opened!, card!.id, 'neutral');
	expect(kept.opened[0]!.labels.get(card!.id)).toBe('neutral');
	await kept.label(opened!, card!.id, null);
	expect(kept.opened[0]!.labels.has(card!.id)).toBe(false);
	await kept.pin(opened!, card!.id, true);
	expect(kept.opened[0]!.pins.has(card!.id)).toBe(true);
	await kept.pin(opened!, card!.id, false);
	expect(kept.opened[0]!.pins.has(card!.id)).toBe(false);
});

test('a link to runs that are not here says so', async () => {
	await kept.show([kept.runs![0]!.id, 'elsewhere']);
	expect(kept.opened).toHaveLength(1);
	expect(kept.fault).toContain('not in this browser');
});

/** A run of the lab's own that goes on, on show; `tell` writes what it tells, as another part of the page would. */
async function showGoingOn() {
	const { sizes, rowsFile, rowsKey, adjusted, alignment, rewritten, begunAt, changes, memory, ...header } = kept.runs![0]!;
	await createRunRecord({ ...header, id: 'mine', rows: null, verdictFiles: [] });
	const tell = async (journal: Journal, ...told: RunEvent[]) => {
		for (const event of told) journal.add(event);
		await journal.commit(null, 'underway');
	};
	const journal = await openJournal('mine');
	await tell(journal, events.step(1));
	await kept.refresh();
	await kept.show(['mine']);
	return { journal, tell };
}
const stepsOnShow = () => kept.opened[0]!.record.steps.map(({ step }) => step);

test('runs on show follow what is written to them, and read no more than that', async () => {
	const { journal, tell } = await showGoingOn();
	const { record } = kept.opened[0]!;
	expect(stepsOnShow()).toEqual([1]);
	await tell(journal, events.step(2), events.verdicts(2, [true]));
	const reading = vi.spyOn(IDBObjectStore.prototype, 'getAll');
	await Promise.all([kept.refresh(), kept.refresh()]); // the timer and the window's focus may come together
	expect(stepsOnShow()).toEqual([1, 2]);
	expect(kept.opened[0]!.record).toBe(record); // so the page draws on, and begins nothing anew
	expect(record.cards).toHaveLength(1);
	const ranges = reading.mock.calls.flatMap(([range]) => (range instanceof IDBKeyRange ? [range.lower as unknown] : []));
	expect(ranges).toContainEqual(['mine', 1]);
	expect(ranges).not.toContainEqual(['mine', 0]);
	reading.mockRestore();
});

test('a run on show that went on from before what it had told is read anew', async () => {
	const { journal, tell } = await showGoingOn();
	await tell(journal, events.step(2));
	await kept.refresh();
	await tell(await openJournal('mine'), events.verdicts(0, [false]), events.step(1)); // without a snapshot it goes on from its start
	await kept.refresh();
	expect(stepsOnShow()).toEqual([1]);
	expect(kept.opened[0]!.record.cards).toHaveLength(1);
});

test('while one run on show can’t be read, no other is told twice what it had told', async () => {
	const { journal, tell } = await showGoingOn();
	const other = kept.runs!.find(({ id }) => id !== 'mine')!.id;
	await kept.show(['mine', other]);
	await tell(journal, events.step(2));
	const { getAll } = IDBObjectStore.prototype as {
		getAll: (this: IDBObjectStore, query?: unknown, count?: number) => IDBRequest<unknown[]>;
	};
	const reading = vi.spyOn(IDBObjectStore.prototype, 'getAll').mockImplementation(function (this: IDBObjectStore, query, count) {
		if (query instanceof IDBKeyRange && (query.lower as string[])[0] === other) throw new DOMException('unreadable', 'UnknownError');
		return getAll.call(this, query, count);
	});
	await kept.refresh();
	expect(kept.fault).toContain('unreadable');
	expect(stepsOnShow()).toEqual([1]);
	reading.mockRestore();
	await kept.refresh();
	expect(stepsOnShow()).toEqual([1, 2]);
});

test('a run that a link names twice is shown once', async () => {
	const { journal, tell } = await showGoingOn();
	await kept.show(['mine', 'mine']);
	await tell(journal, events.step(2));
	await kept.refresh();
	expect([kept.opened.length, stepsOnShow(), kept.fault]).toEqual([1, [1, 2], null]);
});

test('runs that are shown again go on from what was read', async () => {
	const { journal, tell } = await showGoingOn();
	await tell(journal, events.step(2));
	await kept.refresh();
	const other = kept.runs!.find(({ id }) => id !== 'mine')!.id;
	await kept.show([other, 'mine']);
	await kept.show(['mine']);
	expect(stepsOnShow()).toEqual([1, 2]);
});

test('what is said elsewhere of answers on show is shown', async () => {
	await kept.show([kept.runs![0]!.id]);
	const [opened] = kept.opened;
	const card = opened!.record.cards[0]!.id;
	const leave = kept.follow();
	await writeLabel(opened!.kept.id, card, 'neutral'); // as the lab page does
	await writePin(opened!.kept.id, card, true);
	await vi.waitFor(() => expect(kept.opened[0]).toMatchObject({ labels: new Map([...opened!.labels, [card, 'neutral']]) }));
	await vi.waitFor(() => expect(kept.opened[0]!.pins.has(card)).toBe(true));
	leave();
});

test('deleting removes runs for good', async () => {
	await kept.remove(kept.groups[0]!.runs);
	expect([kept.groups, await listRuns(), kept.done]).toEqual([[], [], '2 runs were deleted.']);
});

test('a slower look from before does not bring back what was deleted', async () => {
	let answer: () => void = () => {};
	const estimate = vi.fn(async () => ({ usage: 1, quota: 2 }));
	estimate.mockImplementationOnce(() => new Promise((resolve) => (answer = () => resolve({ usage: 1, quota: 2 }))));
	vi.stubGlobal('navigator', { storage: { estimate, persisted: async () => false } });
	const looking = kept.refresh();
	await vi.waitFor(() => expect(estimate).toHaveBeenCalled());
	await new Promise((resolve) => setTimeout(resolve, 5)); // it has read the list
	const removing = kept.remove(kept.groups[0]!.runs);
	await vi.waitFor(async () => expect(await listRuns()).toEqual([]));
	await new Promise((resolve) => setTimeout(resolve, 5));
	answer();
	await Promise.all([looking, removing]);
	expect([kept.runs, kept.done]).toEqual([[], '2 runs were deleted.']);
});

test('a group that this tab runs is no other tab’s', async () => {
	const [group] = kept.groups;
	const release = await holdGroup(group!.id);
	await kept.refresh();
	expect(kept.groups[0]).toMatchObject({ held: true, elsewhere: false });
	release!();
	await kept.refresh();
	expect(kept.groups[0]!.held).toBe(false);
});

test('without a store the page says what is wrong, and stays', async () => {
	await closeDatabase();
	vi.stubGlobal('indexedDB', undefined);
	const other = new KeptRuns(fileWork);
	await other.refresh();
	expect(other.fault).toContain('The lab works all the same');
	expect(other.groups).toEqual([]);
});
