/** A class's memory on its way through the page: given, named, kept with the run, exported, and restored. */
import 'fake-indexeddb/auto';

import { IDBFactory } from 'fake-indexeddb';
import { flushSync } from 'svelte';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { MemoryFile, Recalled } from '$lib/conscience/memory';
import { type FolderRun, runFolder } from '$lib/experiment/folder';
import { readRunFolder } from '$lib/experiment/folderReading';
import { zipRuns } from '$lib/experiment/folderZip';
import { memoryFile, memoryLines } from '$lib/experiment/memoryFile';
import type { Lab } from '$lib/state/lab.svelte';
import { closeDatabase, database } from '$lib/storage/database';
import { readMemoryFile } from '$lib/storage/memoryFiles';
import { createRunRecord, deleteRuns, listRuns } from '$lib/storage/runs';
import { fileWork } from '$lib/worker/fileWork';

import { emptyStore, interrupted, makeLab, openAll, place, store, workers } from './fakeLab';
import { settled } from './fakeWorker';
import { someRun } from './keptRun';
import { header } from './storedRun';
import { trajectory } from './trajectories';

async function memoryOf(...answers: string[]): Promise<MemoryFile> {
	const recalled = answers.map(async (answer): Promise<Recalled> => {
		const beside = { contributor: 'ann', agreed: 'unethical', alternativeAgreed: false, depositedAt: 1, benefits: [] } as const;
		return { ...(await trajectory({ answer })), ...beside };
	});
	return memoryFile('class.jsonl', await Promise.all(recalled));
}
const give = (lab: Lab, ...lines: string[]) => lab.files.take([new File([lines.join('')], 'class.jsonl')]);

beforeEach(emptyStore);

describe('a memory on the page', () => {
	test('is taken along when it is given; the experiment names it, and so can take none', async () => {
		const [lab, memory] = [makeLab(), await memoryOf('a', 'b')];
		await give(lab, memoryLines(memory.trajectories));
		expect(lab.experiment.conscience.memory).toMatchObject({ file: memory.digest, skip: true, pairs: true });
		expect([lab.hindrance, lab.settings.memory?.trajectories.length, lab.files.last?.kind]).toEqual([null, 2, 'memory']);
		lab.change(({ conscience }) => (conscience.memory.file = ''));
		flushSync();
		expect([lab.hindrance, lab.settings.memory]).toEqual([null, null]);
		place.back();
		flushSync();
		expect(lab.settings.memory?.digest).toBe(memory.digest);
	});

	test('that a link names has to be given, and then the copy that listens begins with it and keeps it', async () => {
		const [first, memory] = [makeLab(), await memoryOf('a')];
		await give(first, memoryLines(memory.trajectories));
		const lab = makeLab(first.query);
		expect(lab.hindrance).toContain(`fingerprint ${memory.digest.slice(0, 8)}`);
		await give(lab, memoryLines(memory.trajectories));
		void lab.play();
		await openAll();
		expect(workers.map((worker) => worker.last('open').params.memory?.digest)).toEqual([memory.digest, memory.digest]);
		expect([...store.headers.values()].map((kept) => [kept.arm, kept.memory?.digest])).toEqual([['sft', undefined], ['emergent-alignment', memory.digest]]); // prettier-ignore
	});

	test('with lines that are none waits for consent; one with nothing else is refused', async () => {
		const [lab, memory] = [makeLab(), await memoryOf('a')];
		await give(lab, memoryLines(memory.trajectories), '{"kind":"remembered"}\n');
		expect(lab.files.faultyMemory?.faults.map(({ line }) => line)).toEqual([2]);
		expect([lab.files.memory, lab.files.last]).toEqual([null, null]);
		lab.files.useMemory(lab.files.faultyMemory!);
		expect([lab.files.faultyMemory, lab.settings.memory?.trajectories.length]).toEqual([null, 1]);
		await give(lab, '{"kind":"remembered"}\n');
		expect(lab.files.fault?.text).toContain('nothing that a class has reviewed. Line 1');
	});

	test('goes on with the run after a reload', async () => {
		await interrupted('old');
		const [first, memory] = [makeLab(), await memoryOf('a')];
		await give(first, memoryLines(memory.trajectories));
		Object.assign(store.headers.get('old-emergent-alignment')!, { memory });
		store.changed.set('old-emergent-alignment', first.experiment);
		const lab = makeLab();
		await lab.keeping.look();
		void lab.resume();
		await settled();
		expect(lab.hindrance).toBeNull();
		expect(workers[1]!.last('open').params).toMatchObject({ resumeFrom: 'old-emergent-alignment', memory: { digest: memory.digest } });
	});
});

describe('a memory beside a kept run', () => {
	beforeEach(() => {
		vi.stubGlobal('indexedDB', new IDBFactory());
	});
	afterEach(async () => {
		await closeDatabase();
		vi.unstubAllGlobals();
	});

	test('is kept once for all runs that took it along, and as long as one of these is there', async () => {
		const memory = await memoryOf('a', 'b');
		await createRunRecord({ ...header, memory });
		await createRunRecord({ ...header, id: 'run-2', arm: 'emergent-alignment', memory: { ...memory, fileName: 'another.jsonl' } });
		await createRunRecord({ ...header, id: 'run-3', arm: 'confession' });
		const db = await database();
		expect(await db.count('memories')).toBe(1);
		expect(await readMemoryFile('run-2')).toEqual({ ...memory, fileName: 'another.jsonl' });
		expect(await readMemoryFile('run-3')).toBeNull();
		const sizes = async () => Object.fromEntries((await listRuns()).map((run) => [run.id, run.memory?.bytes]));
		const size = (await sizes()).run!;
		expect(size).toBeGreaterThan(0);
		expect(await sizes()).toEqual({ run: size, 'run-2': 0, 'run-3': undefined });
		expect((await listRuns()).some((run) => JSON.stringify(run).includes('trajectories'))).toBe(false);
		await deleteRuns(['run']);
		expect(await sizes()).toEqual({ 'run-2': size, 'run-3': undefined });
		await deleteRuns(['run-2']);
		expect(await db.count('memories')).toBe(0);
	});

	async function aRun(): Promise<{ run: FolderRun; memory: MemoryFile }> {
		const memory = await memoryOf('a', 'b');
		const { experiment, ...run } = someRun();
		const conscience = { ...experiment.conscience, memory: { ...experiment.conscience.memory, file: memory.digest } };
		return {
			memory,
			run: { ...run, arm: 'emergent-alignment', experiment: { ...experiment, arms: ['emergent-alignment'], conscience }, memory },
		};
	}

	test('travels in the run’s folder under its name, and a damaged line is named', async () => {
		const { run, memory } = await aRun();
		const folder = runFolder(run);
		expect(folder['memory.jsonl']).toBe(memoryLines(memory.trajectories));
		expect(JSON.parse(String(folder['run.json']))).toMatchObject({ memoryName: 'class.jsonl' });
		const read = readRunFolder(folder).memory!;
		expect(await memoryFile(read.fileName, read.trajectories)).toEqual({ ...read, digest: memory.digest });
		expect(() => readRunFolder({ ...folder, 'memory.jsonl': '\n{"kind":"x"}' })).toThrow('memory.jsonl, line 2: kind: expected');
	});

	test('comes in with a zip as it went out, and not where it was changed', async () => {
		const { run, memory } = await aRun();
		const take = (one: FolderRun) => fileWork.take(new File([zipRuns([one])], 'runs.zip'));
		await expect(take({ ...run, memory: { ...memory, trajectories: memory.trajectories.slice(1) } })).rejects.toThrow('memory.jsonl: the memory was changed'); // prettier-ignore
		expect(await take(run)).toMatchObject({ added: 1 });
		const [kept] = await listRuns();
		expect((await readMemoryFile(kept!.id))!.digest).toBe(memory.digest);
		expect(await fileWork.zip([kept!.id])).toEqual(zipRuns([run]));
	});
});
