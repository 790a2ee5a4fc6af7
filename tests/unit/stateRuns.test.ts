import 'fake-indexeddb/auto';

import { IDBFactory } from 'fake-indexeddb';
import { strToU8, zipSync } from 'fflate';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { runFolder } from '$lib/experiment/folder';
import { readZip, zipRuns } from '$lib/experiment/folderZip';
import { KeptRuns } from '$lib/state/runs.svelte';
import { closeDatabase } from '$lib/storage/database';
import { openJournal } from '$lib/storage/journal';
import { holdGroup } from '$lib/storage/locks';
import { createRunRecord, listRuns } from '$lib/storage/runs';

import { events } from './fakeWorker';
import { someRun } from './keptRun';

const run = someRun();
const twin = [{ ...run, arm: 'emergent-alignment' as const, experiment: { ...run.experiment, arms: ['emergent-alignment' as const] } }, { ...run, arm: 'sft' as const, experiment: { ...run.experiment, arms: ['sft' as const] } }]; // prettier-ignore
let kept: KeptRuns;

beforeEach(async () => {
	vi.stubGlobal('indexedDB', new IDBFactory());
	kept = new KeptRuns();
	await kept.take('twin.zip', zipRuns(twin));
});
afterEach(async () => {
	await closeDatabase();
	vi.unstubAllGlobals();
});

test('a zip’s copies are listed as one group, and the reader is told', () => {
	expect(kept.fault).toBeNull();
	expect(kept.done).toContain('2 runs were added');
	expect(kept.groups.map(({ runs }) => runs.map(({ arm }) => arm))).toEqual([['sft', 'emergent-alignment']]);
});

test('what is exported is what was imported, to the byte', async () => {
	const zip = await kept.zip(kept.groups[0]!.runs);
	expect(zip!.name).toBe(`${run.experiment.name}-seed${run.experiment.seed}.zip`);
	const folders = (bytes: Uint8Array) => readZip(bytes).map(runFolder);
	expect(folders(zip!.bytes)).toEqual(folders(zipRuns(twin)));
	const one = await kept.zip(kept.groups[0]!.runs.slice(0, 1));
	expect(one!.name).toMatch(/-sft-seed\d+\.zip$/);
});

test('a damaged zip is named with its fault, and changes nothing', async () => {
	const bytes = zipRuns(twin);
	await kept.take('half.zip', bytes.slice(0, bytes.length / 2));
	expect(kept.fault).toMatch(/^half.zip was not added. The file is no zip, or it is damaged/);
	await kept.take('bad.zip', zipSync({ 'a/experiment.json': strToU8('{'), 'a/metrics.jsonl': strToU8('') }));
	expect(kept.fault).toMatch(/^bad.zip was not added. a\/experiment.json: expected JSON/);
	expect(kept.done).toBeNull();
	expect(await listRuns()).toHaveLength(2);
});

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
});

test('a link to runs that are not here says so', async () => {
	await kept.show([kept.runs![0]!.id, 'elsewhere']);
	expect(kept.opened).toHaveLength(1);
	expect(kept.fault).toContain('not in this browser');
});

test('runs on show follow what is written to them', async () => {
	const { sizes, rowsFile, alignment, ...header } = kept.runs![0]!;
	await createRunRecord({ ...header, id: 'mine', rows: null });
	const journal = await openJournal('mine');
	const stepTo = async (step: number) => {
		journal.add(events.step(step));
		await journal.commit(null, 'underway');
		await kept.refresh();
	};
	await stepTo(1);
	await kept.show(['mine']);
	expect(kept.opened[0]!.record.step).toBe(1);
	await stepTo(2);
	expect(kept.opened[0]!.record.step).toBe(2);
});

test('deleting removes runs for good', async () => {
	await kept.remove(kept.groups[0]!.runs);
	expect([kept.groups, await listRuns(), kept.done]).toEqual([[], [], '2 runs were deleted.']);
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
	const other = new KeptRuns();
	await other.refresh();
	expect(other.fault).toContain('The lab works all the same');
	expect(other.groups).toEqual([]);
});
