import { group } from 'd3';

import type { Label } from '$lib/conscience/judge';
import { folderName, type FolderRun } from '$lib/experiment/folder';
import { readZip, zipRuns } from '$lib/experiment/folderZip';
import { ARMS } from '$lib/experiment/schema';
import type { KeptRun } from '$lib/storage/database';
import { heldGroups, holdsGroup } from '$lib/storage/locks';
import { askToPersist, type StorageUse, storageUse } from '$lib/storage/room';
import { deleteRuns, importRuns, listRuns, readAdapter, readEvents, readLabels, writeLabel } from '$lib/storage/runs';

import type { Labels } from './labels';
import { RunRecord, type ShownRun } from './record.svelte';

/** A kept run, read back to be looked at. */
export interface OpenedRun extends ShownRun {
	kept: KeptRun;
	labels: Labels;
}

/** A file to save. */
export interface ZipFile {
	name: string;
	bytes: Uint8Array<ArrayBuffer>;
}

/** Runs that were begun together. */
export interface RunGroup {
	id: string;
	/** In the order of ARMS. */
	runs: readonly KeptRun[];
	/** Another tab runs them; here they can be read. */
	elsewhere: boolean;
	/** Some tab runs them, this one or another. */
	held: boolean;
}

/** The runs that this browser keeps: listed, read, brought in, taken out and removed. */
export class KeptRuns {
	/** Null until the store has told. */
	runs = $state.raw<readonly KeptRun[] | null>(null);
	use = $state.raw<StorageUse | null>(null);
	/** What went wrong last, and what was done last: sentences for the reader. */
	fault = $state<string | null>(null);
	done = $state<string | null>(null);
	/** The runs on show, in the order in which they were asked for. */
	opened = $state.raw<readonly OpenedRun[]>([]);

	#held = $state.raw<readonly string[]>([]);
	#asked: readonly string[] = [];

	/** The newest first. */
	readonly groups = $derived.by((): RunGroup[] => {
		return [...group(this.runs ?? [], (run) => run.group)].map(([id, runs]) => {
			const held = this.#held.includes(id);
			const byArm = runs.toSorted((a, b) => ARMS.indexOf(a.arm) - ARMS.indexOf(b.arm));
			return { id, runs: byArm, held, elsewhere: held && !holdsGroup(id) };
		});
	});
	/** Something may change without being asked: a run goes on. */
	readonly moving = $derived(this.groups.some(({ held, runs }) => held && runs.some(({ status }) => status === 'underway')));

	/** Reads the list anew, and the runs on show that have gone on since. */
	async refresh(): Promise<void> {
		try {
			await this.#list();
			if (this.opened.some(({ kept }) => this.runs?.some((run) => run.id === kept.id && goneOn(run, kept)))) await this.#read(this.#asked);
		} catch (error) {
			this.#failed(error);
		}
	}

	/** Reads these runs and shows them; those that are not here are left out, and said to be. */
	async show(ids: readonly string[]): Promise<void> {
		this.#asked = ids;
		await this.#attempt(() => this.#read(ids));
	}

	/** Brings the runs of a zip in. All of them are kept, or none. */
	async take(fileName: string, bytes: Uint8Array): Promise<void> {
		await this.#attempt(async () => {
			const runs = readFile(fileName, bytes);
			await importRuns(runs);
			await this.#list();
			this.done = `${fileName}: ${runs.length === 1 ? 'a run was' : `${runs.length} runs were`} added.`;
		});
	}

	/** Runs as a zip of folders, equal to those that the command line writes; null when that fails. */
	async zip(runs: readonly KeptRun[]): Promise<ZipFile | null> {
		let file: ZipFile | null = null;
		await this.#attempt(async () => {
			const folders = await Promise.all(runs.map(readFolderRun));
			file = { name: `${zipName(runs)}.zip`, bytes: zipRuns(folders) };
		});
		return file;
	}

	async remove(runs: readonly KeptRun[]): Promise<void> {
		await this.#attempt(async () => {
			await deleteRuns(runs.map(({ id }) => id));
			await this.#list();
			this.done = `${runs.length === 1 ? 'A run was' : `${runs.length} runs were`} deleted.`;
		});
	}

	/** A person's own verdict on an answer of a run on show; null takes it back. */
	async label({ kept }: OpenedRun, verdictId: string, label: Label | null): Promise<void> {
		await this.#attempt(async () => {
			await writeLabel(kept.id, verdictId, label);
			const labels = await readLabels(kept.id);
			this.opened = this.opened.map((run) => (run.kept.id === kept.id ? { ...run, labels } : run));
		});
	}

	/** Asks the browser not to clear the runs when the disk gets full. */
	async keepForGood(): Promise<void> {
		const granted = await askToPersist();
		this.use = await storageUse();
		this.done = granted
			? 'The browser will keep the runs until you delete them.'
			: 'The browser did not promise it. It still keeps the runs, and clears them only when the disk gets full; export what matters.';
	}

	async #list(): Promise<void> {
		const [runs, use, held] = await Promise.all([listRuns(), storageUse(), heldGroups()]);
		this.runs = runs;
		this.use = use;
		this.#held = [...held];
	}

	async #read(ids: readonly string[]): Promise<void> {
		const kept = this.runs ?? (this.runs = await listRuns());
		const found = ids.flatMap((id) => kept.find((run) => run.id === id) ?? []);
		const opened = await Promise.all(found.map(openRun));
		if (ids === this.#asked) this.opened = opened;
		if (found.length < ids.length) {
			const lost = ids.length - found.length;
			this.fault = `${lost === 1 ? 'One of these runs is' : `${lost} of these runs are`} not in this browser: a link to runs works only where they were made, and until they are deleted.`;
		}
	}

	async #attempt(work: () => Promise<void>): Promise<void> {
		this.done = null;
		this.fault = null;
		try {
			await work();
		} catch (error) {
			this.#failed(error);
		}
	}

	#failed(error: unknown): void {
		this.fault = (error as Error).message;
		this.runs ??= [];
	}
}

const goneOn = (now: KeptRun, then: KeptRun): boolean => now.updatedAt !== then.updatedAt || now.step !== then.step;

/** The runs in a file, with its name in what is wrong with it. */
function readFile(fileName: string, bytes: Uint8Array): FolderRun[] {
	try {
		return readZip(bytes);
	} catch (error) {
		throw Object.assign(error as Error, { message: `${fileName} was not added. ${(error as Error).message}` });
	}
}

async function openRun(kept: KeptRun): Promise<OpenedRun> {
	const [events, labels] = await Promise.all([readEvents(kept.id), readLabels(kept.id)]);
	const record = new RunRecord();
	record.restore(events);
	return { arm: kept.arm, record, kept, labels };
}

async function readFolderRun({ id, experiment, arm }: KeptRun): Promise<FolderRun> {
	const [events, labels, adapter] = await Promise.all([readEvents(id), readLabels(id), readAdapter(id)]);
	return { experiment, arm, events, labels, adapter };
}

function zipName(runs: readonly KeptRun[]): string {
	const [first] = runs as [KeptRun];
	if (runs.length === 1) return folderName(first.experiment, first.arm);
	const together = runs.every(({ group }) => group === first.group);
	return together ? `${first.experiment.name}-seed${first.experiment.seed}` : `${runs.length}-runs`;
}

/** The kept runs of this page. */
export const keptRuns = new KeptRuns();
