import 'fake-indexeddb/auto';

import { strToU8, unzipSync, zipSync } from 'fflate';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { FolderRun } from '$lib/experiment/folder';
import { readZip, zipRuns } from '$lib/experiment/folderZip';
import { KeptRuns } from '$lib/state/runs.svelte';
import { readLabels, writeLabel } from '$lib/storage/marks';
import { listRuns } from '$lib/storage/runs';
import type { FileWork } from '$lib/worker/files';
import { fileWork } from '$lib/worker/fileWork';

import { closeKept, keptTwin, run, twin } from './keptTwin';
import { fill } from './storedRun';

let kept: KeptRuns;
const take = (name: string, bytes: Uint8Array<ArrayBuffer>) => kept.take([new File([bytes], name)]);

beforeEach(async () => {
	kept = await keptTwin();
});
afterEach(closeKept);

test('a zip’s copies are listed as one group, and the reader is told', () => {
	expect(kept.fault).toBeNull();
	expect(kept.done).toContain('2 runs were added');
	expect(kept.groups.map(({ runs }) => runs.map(({ arm }) => arm))).toEqual([['sft', 'emergent-alignment']]);
});

test('what is exported is what was imported, to the byte', async () => {
	const zip = await kept.zip(kept.groups[0]!.runs);
	expect(zip!.name).toBe(`${run.experiment.name}-seed${run.experiment.seed}-runs.zip`);
	expect(unzipSync(zip!.bytes)).toEqual(unzipSync(zipRuns(twin)));
	const broken = { ...run, begunAt: 3, failed: true, events: run.events.filter(({ kind }) => kind !== 'finished') };
	const { id } = (await bringIn(broken))!;
	const again = await kept.zip(kept.runs!.filter((other) => other.id === id));
	expect(unzipSync(again!.bytes)).toEqual(unzipSync(zipRuns([broken])));
	const one = await kept.zip(kept.groups.find(({ runs }) => runs.length === 2)!.runs.slice(0, 1));
	expect(one!.name).toMatch(/-sft-seed\d+-run\.zip$/);
});

test('a damaged zip is named with its fault, and changes nothing', async () => {
	const bytes = zipRuns(twin);
	await take('half.zip', bytes.slice(0, bytes.length / 2));
	expect(kept.fault).toMatch(/^half.zip was not added. The zip is damaged/);
	await take('bad.zip', new Uint8Array(zipSync({ 'a/experiment.json': strToU8('{'), 'a/metrics.jsonl': strToU8('') })));
	expect(kept.fault).toMatch(/^bad.zip was not added. a\/experiment.json: expected JSON/);
	expect(kept.done).toBeNull();
	expect(await listRuns()).toHaveLength(2);
});

test('a run that is here already is not added again, and the reader is told', async () => {
	await take('again.zip', zipRuns(twin));
	expect(kept.done).toBe('again.zip: 2 runs are here already and were not added again.');
	const [copy] = twin as [FolderRun];
	await take('older.zip', zipRuns([{ ...copy, begunAt: null }])); // a folder from before the time was told
	expect(kept.done).toBe('older.zip: a run is here already and was not added again.');
	expect(await listRuns()).toHaveLength(2);

	const slower = copy.events.map((event) =>
		event.kind === 'step' ? { ...event, overhead: { ...event.overhead, sftSeconds: 1e9 } } : event,
	);
	const others = [
		{ ...copy, begunAt: 5 },
		{ ...copy, begunAt: null, events: slower },
		{ ...copy, events: copy.events.slice(0, -1) },
	];
	for (const other of others) await take('other.zip', zipRuns([copy, other]));
	expect(kept.done).toBe('other.zip: a run was added; a run is here already and was not added again.');
	expect(await listRuns()).toHaveLength(5);
});

test('what a zip says of answers of a run that is here is added to it, and the reader’s own stays', async () => {
	const plain = { ...run, begunAt: 6, adapter: null };
	const { id } = (await bringIn(plain))!;
	await kept.show([id]);
	const [first, second, third] = kept.opened[0]!.record.cards.map((card) => card.id);
	const before = kept.opened[0]!.labels.size;
	await writeLabel(id, first!, 'neutral');
	const leave = kept.follow();
	const labels = new Map([first!, second!, third!].map((verdictId) => [verdictId, 'ethical' as const]));
	const weights = new Uint8Array([1, 2, 3]);
	const adapter = { 'adapter_config.json': '{}', 'adapter_model.safetensors': weights, 'experiment.json': '{}', 'README.md': 'card' };
	await take('back.zip', zipRuns([{ ...plain, labels, pins: new Set([first!]), adapter }]));
	expect(kept.done).toBe('back.zip: a run is here already; 2 labels, 1 pin and 1 adapter were added to it.');
	await vi.waitFor(() => expect(kept.opened[0]!.labels.size).toBe(before + 3));
	expect(kept.opened[0]!.labels.get(first!)).toBe('neutral');
	leave();
	const zip = await kept.zip(kept.runs!.filter((other) => other.id === id));
	expect(readZip(zip!.bytes)[0]).toMatchObject({ adapter, pins: new Set([...plain.pins, first!]) });
	expect(kept.runs!.find((other) => other.id === id)!.sizes.adapter).toBeGreaterThan(3);
	await take('back.zip', zipRuns([{ ...plain, labels, pins: new Set([first!]), adapter }]));
	expect(kept.done).toBe('back.zip: a run is here already and was not added again.');
});

test('a run that is in a zip twice is added once, with the labels of both', async () => {
	const labelled = (verdictId: string, label: 'ethical' | 'neutral') => ({ ...run, begunAt: 9, labels: new Map([[verdictId, label]]) }); // prettier-ignore
	await take('twice.zip', zipRuns([labelled('a', 'ethical'), labelled('b', 'neutral')]));
	expect(kept.done).toBe('twice.zip: a run was added; a run is in it twice and counted once.');
	const added = kept.runs!.filter(({ begunAt }) => begunAt === 9);
	expect(added).toHaveLength(1);
	await kept.show([added[0]!.id]);
	expect(kept.opened[0]!.labels).toEqual(new Map([['a', 'ethical'], ['b', 'neutral']])); // prettier-ignore
});

test('of a zip that brings a run and labels for another, all is kept or nothing', async () => {
	const [, plain] = twin as [FolderRun, FolderRun];
	const { id } = kept.runs!.find(({ arm }) => arm === 'sft')!;
	const before = await readLabels(id);
	fill('labels');
	await take(
		'full.zip',
		zipRuns([
			{ ...plain, labels: new Map([['new', 'ethical']]) },
			{ ...run, begunAt: 4, labels: new Map() },
		]),
	);
	vi.restoreAllMocks();
	expect(kept.fault).toMatch(/^full.zip was not added. There is no room/);
	expect([(await listRuns()).length, await readLabels(id)]).toEqual([2, before]);
});

test('an imported run keeps the time when it was begun, also when it is exported again', async () => {
	const begunAt = Date.UTC(2025, 2, 3);
	const { id } = (await bringIn({ ...run, begunAt }))!;
	expect(kept.runs!.find((one) => one.id === id)).toMatchObject({ begunAt, createdAt: begunAt });
	const undated = (await bringIn({ ...run, begunAt: null, events: run.events.slice(0, -1) }))!;
	expect(undated.begunAt).toBeNull();
	expect(Date.now() - undated.createdAt).toBeLessThan(60_000);
	for (const one of [id, undated.id]) {
		const zip = await kept.zip(kept.runs!.filter((other) => other.id === one));
		expect(readZip(zip!.bytes)[0]!.begunAt).toBe(one === id ? begunAt : null);
	}
});

/** The run of a zip that holds this one. */
async function bringIn(folder: FolderRun) {
	const before = kept.runs!.map(({ id }) => id);
	await take('one.zip', zipRuns([folder]));
	return kept.runs!.find(({ id }) => !before.includes(id));
}

test('of several files each is taken or refused by itself', async () => {
	const zip = zipRuns([{ ...run, begunAt: 2 }]);
	await kept.take([new File(['text'], 'notes.txt'), new File([zip], 'good.zip'), new File([zip.slice(0, 50)], 'half.zip')]);
	expect(kept.done).toBe('good.zip: a run was added.');
	expect(kept.fault).toMatch(/^notes.txt was not added. The file is no zip.* half.zip was not added. The zip is damaged/);
	expect(await listRuns()).toHaveLength(3);
});

test('own rows are known by what is in them, and go with the zip', async () => {
	const row = (answer: string) => ({ messages: [{ role: 'user' as const, content: 'q' }, { role: 'assistant' as const, content: answer }] }); // prettier-ignore
	const learnt = (seed: number, answer: string) => ({
		...run,
		experiment: { ...run.experiment, seed, data: { ...run.experiment.data, source: 'rows' as const } },
		rows: [row(answer), row('same')],
		rowsName: seed === 903 ? 'mine.jsonl' : null,
	});
	const runs = [learnt(901, 'a'), learnt(902, 'a'), learnt(903, 'b')];
	await take('rows.zip', zipRuns(runs));
	const bySeed = [901, 902, 903].map((seed) => kept.runs!.find(({ experiment }) => experiment.seed === seed)!);
	await kept.show(bySeed.map(({ id }) => id));
	const [a, same, b] = kept.opened.map(({ rows }) => rows!);
	expect(a).toMatchObject({ fileName: 'rows.jsonl', count: 2, digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
	expect(b!.fileName).toBe('mine.jsonl');
	expect([same!.digest === a!.digest, b!.digest === a!.digest]).toEqual([true, false]);
	const zip = await kept.zip(bySeed);
	expect(unzipSync(zip!.bytes)).toEqual(unzipSync(zipRuns(runs)));
});

test('verdicts that are not what their name says are refused, and nothing is added', async () => {
	const file = { fileName: 'mine.jsonl', digest: '0'.repeat(64), verdicts: [] };
	await take('forged.zip', zipRuns([{ ...run, begunAt: 7, verdictFiles: [file] }]));
	expect(kept.fault).toMatch(/imported-verdicts\/0{64}\.jsonl: its verdicts were changed/);
	expect(await listRuns()).toHaveLength(2);
});

test('while files are read the page says so, and one waits for the other', async () => {
	const said: (string | null)[] = [];
	const slow: FileWork = {
		...fileWork,
		take: async (file) => {
			said.push(kept.working);
			await new Promise((resolve) => setTimeout(resolve, 5));
			return fileWork.take(file);
		},
	};
	kept = new KeptRuns(slow);
	await Promise.all([take('first.zip', zipRuns([{ ...run, begunAt: 1 }])), take('second.zip', zipRuns([{ ...run, begunAt: 2 }]))]);
	expect(said).toEqual(['Reading first.zip…', 'Reading second.zip…']);
	expect(kept.working).toBeNull();
	expect(await listRuns()).toHaveLength(4);
});
