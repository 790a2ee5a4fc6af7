import type { RunEvent } from '$lib/experiment/events';
import { experimentFile, type FolderRun, verdictPath } from '$lib/experiment/folder';
import { FolderError } from '$lib/experiment/folderReading';
import { checkZipSize, readZip, zipFiles, zipRuns } from '$lib/experiment/folderZip';
import { MEMORY_FILE, memoryFile } from '$lib/experiment/memoryFile';
import { isOwnCheckpoint } from '$lib/experiment/ownCheckpoint';
import { MODEL_FILES, pythonFolder } from '$lib/experiment/pythonFolder';
import { questionFile, QUESTIONS_FILE } from '$lib/experiment/questionFile';
import { readRecording } from '$lib/experiment/recording';
import { ROWS_FILE } from '$lib/experiment/rows';
import { verdictFile } from '$lib/experiment/verdictFile';
import type { Addition } from '$lib/storage/additions';
import type { KeptRun } from '$lib/storage/database';
import { gone } from '$lib/storage/errors';
import { readLabels, readPins } from '$lib/storage/marks';
import { importRuns, listRuns, readAdapter, readEvents, readRows } from '$lib/storage/runs';
import { readMemoryFile } from '$lib/storage/memoryFiles';
import { readVerdictFiles } from '$lib/storage/verdictFiles';

import type { FileWork } from './files';

/** The work itself, wherever it is done. */
export const fileWork: FileWork = {
	async take(file) {
		checkZipSize(file.size); // before it is read
		const runs = readZip(new Uint8Array(await bytesOf(file)));
		await checkVerdictFiles(runs);
		await checkQuestions(runs);
		await checkMemories(runs);
		const distinct = distinctOf(runs);
		const kept = await listRuns();
		const places = await Promise.all(distinct.map((run) => placeOf(kept, run)));
		const fresh = distinct.filter((_, i) => places[i] === null);
		const lacking = await Promise.all(distinct.flatMap((run, i) => (places[i] ? [lackingIn(places[i], run)] : [])));
		const additions = lacking.filter(({ labels, pins, adapter }) => labels.size + pins.size > 0 || adapter);
		await importRuns(fresh, additions);
		return {
			added: fresh.length,
			there: lacking.length,
			labels: additions.flatMap(({ labels }) => [...labels]).length,
			pins: additions.flatMap(({ pins }) => [...pins]).length,
			adapters: additions.filter(({ adapter }) => adapter).length,
			twice: runs.length - distinct.length,
		};
	},
	async zip(ids) {
		const kept = await listRuns();
		return zipRuns(await Promise.all(ids.map((id) => readFolderRun(kept.find((run) => run.id === id) ?? lost(id)))));
	},
	async recording(url) {
		const response = await fetch(url);
		if (!response.ok) throw new RangeError(`There is no recording at ${url} (status ${response.status}).`);
		return readRecording(new Uint8Array(await response.arrayBuffer()));
	},
	async python({ experiment, modelUrl, ...given }) {
		const { files } = await pythonFolder(experiment, given, sources);
		const model = isOwnCheckpoint(experiment.model.checkpoint) ? await modelFiles(modelUrl) : {};
		return zipFiles({ ...files, ...model });
	},
};

/** The Python that every such folder gets, by its paths there. */
const SOURCES = import.meta.glob<string>('/export/python/**/*.{py,yaml,txt,md}', { query: '?raw', import: 'default', eager: true });
const sources = Object.fromEntries(Object.entries(SOURCES).map(([path, text]) => [path.slice('/export/python/'.length), text]));

/** The files of a model that lies beside the page. */
async function modelFiles(url: string): Promise<Record<string, Uint8Array>> {
	const files = MODEL_FILES.map(async (name): Promise<[string, Uint8Array]> => {
		const response = await fetch(new URL(name, url));
		if (!response.ok) throw new RangeError(`There is no ${name} at ${url} (status ${response.status}).`);
		return [`model/${name}`, new Uint8Array(await response.arrayBuffer())];
	});
	return Object.fromEntries(await Promise.all(files));
}

/** Verdicts are kept under their digest, for every run that names them: what says to be them has to be. */
async function checkVerdictFiles(runs: readonly FolderRun[]): Promise<void> {
	for (const file of runs.flatMap(({ verdictFiles }) => verdictFiles)) {
		const { digest } = await verdictFile(file.fileName, file.verdicts);
		if (digest === file.digest) continue;
		throw new FolderError(`${verdictPath(file)}: its verdicts were changed: their SHA-256 is ${digest}. Export the run again.`);
	}
}

/** An experiment names its questions by their digest: others must not take their place. */
async function checkQuestions(runs: readonly FolderRun[]): Promise<void> {
	for (const { questions } of runs) {
		if (!questions) continue;
		const { digest } = await questionFile(questions.fileName, questions.entries);
		if (digest === questions.digest) continue;
		throw new FolderError(`${QUESTIONS_FILE}: its questions were changed: their SHA-256 is ${digest}. Export the run again.`);
	}
}

/** And so must no other memory than the one that it names. */
async function checkMemories(runs: readonly FolderRun[]): Promise<void> {
	for (const { memory } of runs) {
		if (!memory) continue;
		const { digest } = await memoryFile(memory.fileName, memory.trajectories);
		if (digest === memory.digest) continue;
		throw new FolderError(`${MEMORY_FILE}: the memory was changed: its SHA-256 is ${digest}. Export the run again.`);
	}
}

/** A file is read when its bytes are wanted; by then it may be gone, or be a folder. */
async function bytesOf(file: Blob): Promise<ArrayBuffer> {
	try {
		return await file.arrayBuffer();
	} catch (error) {
		throw new FolderError(
			`The browser can't read the file (${(error as Error).message}). Choose it again; a folder has to be zipped first.`,
		);
	}
}

/** Each run once, with all that its folders say of its answers; where they differ, the first is right. */
function distinctOf(runs: readonly FolderRun[]): FolderRun[] {
	const distinct: FolderRun[] = [];
	for (const run of runs) {
		const i = distinct.findIndex((other) => begunAlike(other, run) && toldAlike(other.events, run.events));
		const first = distinct[i];
		if (first) distinct[i] = { ...first, ...together(first, run) };
		else distinct.push(run);
	}
	return distinct;
}

function together(first: FolderRun, second: FolderRun): Partial<FolderRun> {
	return {
		labels: new Map([...second.labels, ...first.labels]),
		pins: new Set([...first.pins, ...second.pins]),
		adapter: first.adapter ?? second.adapter,
	};
}

/** Where the very same run is kept, with as much as it tells here; null where it isn't. */
async function placeOf(kept: readonly KeptRun[], run: FolderRun): Promise<string | null> {
	for (const other of kept) {
		if (begunAlike(other, run) && toldAlike(await readEvents(other.id), run.events)) return other.id;
	}
	return null;
}

/** What the folder has and the kept run has not. */
async function lackingIn(id: string, { labels, pins, adapter }: FolderRun): Promise<Addition> {
	const [said, pinned, own] = await Promise.all([readLabels(id), readPins(id), readAdapter(id)]);
	return {
		id,
		labels: new Map([...labels].filter(([verdictId]) => !said.has(verdictId))),
		pins: new Set([...pins].filter((verdictId) => !pinned.has(verdictId))),
		adapter: own ? null : adapter,
	};
}

type Beginning = Pick<FolderRun, 'experiment' | 'arm' | 'begunAt'>;

function begunAlike(a: Beginning, b: Beginning): boolean {
	const atOnce = a.begunAt === null || b.begunAt === null || a.begunAt === b.begunAt;
	return atOnce && a.arm === b.arm && experimentFile(a.experiment, a.arm) === experimentFile(b.experiment, b.arm);
}

const toldAlike = (a: readonly RunEvent[], b: readonly RunEvent[]): boolean => a.length === b.length && secondsOf(a) === secondsOf(b);

/** No two runs take the same time: where a folder does not tell when its run was begun, this tells it from others of its seed. */
function secondsOf(events: readonly RunEvent[]): number | null {
	const overhead = events.findLast((event) => event.kind === 'step')?.overhead;
	return overhead ? overhead.sftSeconds + overhead.conscienceSeconds : null;
}

function lost(id: string): never {
	throw gone(id);
}

async function readFolderRun({ id, experiment, arm, begunAt, status, questions }: KeptRun): Promise<FolderRun> {
	const [events, labels, pins, adapter, rows, verdictFiles, memory] = await Promise.all([
		readEvents(id),
		readLabels(id),
		readPins(id),
		readAdapter(id),
		readRows(id),
		readVerdictFiles(id),
		readMemoryFile(id),
	]);
	const rowsName = rows && rows.fileName !== ROWS_FILE ? rows.fileName : null;
	const given = { ...(questions && { questions }), ...(memory && { memory }) };
	const told = { experiment, arm, begunAt, failed: status === 'failed', events, labels, pins, adapter, ...given };
	return { ...told, rows: rows?.rows ?? null, rowsName, verdictFiles: verdictFiles.toSorted((a, b) => (a.digest < b.digest ? -1 : 1)) };
}
