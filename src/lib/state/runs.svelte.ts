import { group } from 'd3';

import type { Label } from '$lib/conscience/judge';
import { folderName } from '$lib/experiment/folder';
import { ARMS } from '$lib/experiment/schema';
import type { KeptRun } from '$lib/storage/database';
import { heldGroups, holdsGroup } from '$lib/storage/locks';
import { onChanged } from '$lib/storage/changes';
import { writeLabel, writePin } from '$lib/storage/marks';
import { askToPersist, type StorageUse, storageUse } from '$lib/storage/room';
import { deleteRuns, listRuns } from '$lib/storage/runs';
import type { FileWork } from '$lib/worker/files';

import { type OpenedRun, readMarks, readRun, toldOf } from './opened';
import { takenInWords } from './taken';

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
	/** What is being done with files now, which may take seconds; null when nothing is. */
	working = $state<string | null>(null);
	/** The runs on show, in the order in which they were asked for. */
	opened = $state.raw<readonly OpenedRun[]>([]);

	#held = $state.raw<readonly string[]>([]);
	#asked: readonly string[] = [];
	/** The last look at the store, and the last work on files. Each waits for the one before: two looks at once would add the same events twice. */
	#reading: Promise<void> = Promise.resolve();
	#filing: Promise<void> = Promise.resolve();

	constructor(private files: FileWork) {}

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

	/** Reads the list anew, and what the runs on show have told since. */
	refresh(): Promise<void> {
		return this.#inTurn(async () => {
			await this.#list();
			if (this.opened.some(({ kept }) => this.runs?.some((run) => run.id === kept.id && goneOn(run, kept)))) await this.#read(this.#asked);
		});
	}

	/** Reads these runs and shows them; those that are not here are left out, and said to be. */
	show(ids: readonly string[]): Promise<void> {
		const asked = ids.filter((id, i) => ids.indexOf(id) === i); // a link may name one twice
		this.#asked = asked;
		this.#forget();
		return this.#inTurn(() => this.#read(asked));
	}

	/** Shows at once what is said of the answers on show elsewhere, on the lab page or in another tab, until the returned function is called. */
	follow(): () => void {
		return onChanged((id) => void this.#inTurn(() => this.#readMarks(id)));
	}

	/** Brings the runs of zips in. Of each zip all are kept, or none; one that can't be read keeps no other out. */
	take(files: readonly File[]): Promise<void> {
		return this.#file(`Reading ${files.map(({ name }) => name).join(', ')}…`, async () => {
			const [done, faults]: [string[], string[]] = [[], []];
			for (const file of files) {
				try {
					done.push(`${file.name}: ${takenInWords(await this.files.take(file))}.`);
				} catch (error) {
					faults.push(`${file.name} was not added. ${(error as Error).message}`);
				}
			}
			this.done = done.join(' ') || null;
			this.fault = faults.join(' ') || null;
			await this.#inTurn(() => this.#list());
		});
	}

	/** Runs as a zip of folders, equal to those that the command line writes; null when that fails. */
	async zip(runs: readonly KeptRun[]): Promise<ZipFile | null> {
		let file: ZipFile | null = null;
		const name = zipName(runs);
		await this.#file(`Writing ${name}…`, async () => {
			file = { name, bytes: await this.files.zip(runs.map(({ id }) => id)) };
		});
		return file;
	}

	async remove(runs: readonly KeptRun[]): Promise<void> {
		await this.#attempt(async () => {
			await deleteRuns(runs.map(({ id }) => id));
			await this.#inTurn(() => this.#list());
			this.done = `${runs.length === 1 ? 'A run was' : `${runs.length} runs were`} deleted.`;
		});
	}

	/** A person's own verdict on an answer of a run on show; null takes it back. */
	async label({ kept: { id } }: OpenedRun, verdictId: string, label: Label | null): Promise<void> {
		await this.#attempt(async () => {
			await writeLabel(id, verdictId, label);
			await this.#inTurn(() => this.#readMarks(id));
		});
	}

	/** Pins an answer of a run on show, or takes the pin away. */
	async pin({ kept: { id } }: OpenedRun, verdictId: string, pinned: boolean): Promise<void> {
		await this.#attempt(async () => {
			await writePin(id, verdictId, pinned);
			await this.#inTurn(() => this.#readMarks(id));
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
		// All are read before the first record grows: one that can't be read would leave the others ahead of what is known to be read of them.
		const read = await Promise.all(found.map((run) => readRun(this.opened.find(({ kept }) => kept.id === run.id) ?? null, run)));
		this.opened = read.map(toldOf);
		if (found.length < ids.length) {
			const lost = ids.length - found.length;
			this.fault = `${lost === 1 ? 'One of these runs is' : `${lost} of these runs are`} not in this browser: a link to runs works only where they were made, and until they are deleted.`;
		}
	}

	async #readMarks(id: string): Promise<void> {
		if (!this.opened.some(({ kept }) => kept.id === id)) return;
		const marks = await readMarks(id);
		this.opened = this.opened.map((run) => (run.kept.id === id ? { ...run, ...marks } : run));
	}

	/** One look at the store after the other. */
	#inTurn(read: () => Promise<void>): Promise<void> {
		return (this.#reading = this.#reading.then(read).catch((error: unknown) => this.#failed(error)));
	}

	/** Work on files, one piece after the other. */
	#file(saying: string, work: () => Promise<void>): Promise<void> {
		return (this.#filing = this.#filing.then(async () => {
			this.working = saying;
			await this.#attempt(work);
			this.working = null;
		}));
	}

	async #attempt(work: () => Promise<void>): Promise<void> {
		this.#forget();
		try {
			await work();
		} catch (error) {
			this.#failed(error);
		}
	}

	#forget(): void {
		this.done = null;
		this.fault = null;
	}

	#failed(error: unknown): void {
		this.fault = (error as Error).message;
		this.runs ??= [];
	}
}

const goneOn = (now: KeptRun, then: KeptRun): boolean => now.updatedAt !== then.updatedAt || now.step !== then.step;

function zipName(runs: readonly KeptRun[]): string {
	const [first] = runs as [KeptRun];
	if (runs.length === 1) return `${folderName(first.experiment, first.arm)}-run.zip`;
	const together = runs.every(({ group }) => group === first.group);
	return together ? `${first.experiment.name}-seed${first.experiment.seed}-runs.zip` : `${runs.length}-runs.zip`;
}
