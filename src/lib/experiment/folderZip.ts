import { strToU8, unzipSync, zipSync } from 'fflate';

import { folderName, type FolderRun, runFolder, type RunFolder } from './folder';
import { FolderError, readRunFolder } from './folderReading';

/** A zip holds no more than this, unpacked: more would take the page down with it. */
const MOST_BYTES = 500e6;
const MOST_MEGABYTES = `${MOST_BYTES / 1e6} MB`;
/** A zip's bytes depend on its content alone: every file is of the earliest day that the format knows. */
const NO_DATE = new Date(1980, 0, 1);

/** Runs as one zip, each in a folder of its own. @throws FolderError when they are more than one that the lab reads again */
export function zipRuns(runs: readonly FolderRun[]): Uint8Array<ArrayBuffer> {
	const files: Record<string, Uint8Array> = {};
	const taken = new Set<string>();
	for (const run of runs) {
		const name = freeName(folderName(run.experiment, run.arm), taken);
		for (const [path, content] of Object.entries(runFolder(run))) {
			files[`${name}/${path}`] = typeof content === 'string' ? strToU8(content) : content;
		}
	}
	const total = Object.values(files).reduce((sum, { byteLength }) => sum + byteLength, 0);
	if (total > MOST_BYTES) {
		throw new FolderError(`These runs make ${Math.ceil(total / 1e6)} MB, and the lab reads no zip that holds more than ${MOST_MEGABYTES}: export fewer runs at once.`); // prettier-ignore
	}
	return new Uint8Array(zipSync(files, { mtime: NO_DATE }));
}

/** Files by their paths as one zip, whose bytes depend on their content alone. */
export function zipFiles(files: Readonly<Record<string, string | Uint8Array>>): Uint8Array<ArrayBuffer> {
	const bytes = Object.entries(files).map(([path, content]) => [path, typeof content === 'string' ? strToU8(content) : content] as const);
	return new Uint8Array(zipSync(Object.fromEntries(bytes), { mtime: NO_DATE }));
}

function freeName(name: string, taken: Set<string>): string {
	let free = name;
	for (let i = 2; taken.has(free); i++) free = `${name}-${i}`;
	taken.add(free);
	return free;
}

/** Every run in a zip, wherever its folder lies in it. @throws FolderError when one of them, or the zip, can't be read */
export function readZip(bytes: Uint8Array): FolderRun[] {
	const files = unzip(bytes);
	const roots = Object.keys(files)
		.filter((path) => /(^|\/)experiment\.json$/.test(path))
		.map((path) => path.slice(0, -'experiment.json'.length))
		.filter((root) => Object.hasOwn(files, `${root}metrics.jsonl`)) // an adapter has an experiment.json, too
		.sort();
	if (roots.length === 0) throw noRun(files);
	return roots.map((root) => {
		try {
			return readRunFolder(under(root, files));
		} catch (error) {
			if (error instanceof FolderError) throw new FolderError(`${root}${error.message}`);
			throw error;
		}
	});
}

function under(root: string, files: RunFolder): RunFolder {
	const inside = Object.entries(files).filter(([path]) => path.startsWith(root));
	return Object.fromEntries(inside.map(([path, content]) => [path.slice(root.length), content]));
}

function unzip(bytes: Uint8Array): Record<string, Uint8Array> {
	if (bytes[0] !== 0x50 || bytes[1] !== 0x4b) {
		throw new FolderError('The file is no zip. Runs come as a zip: exported by this page, or a zipped folder of the command line; nothing in the lab was changed.'); // prettier-ignore
	}
	let total = 0;
	try {
		return unzipSync(bytes, {
			filter({ compression, size, originalSize }) {
				total += compression === 0 ? size : originalSize; // a stored file takes what it takes, whatever it declares
				checkZipSize(total);
				return true;
			},
		});
	} catch (error) {
		if (error instanceof FolderError) throw error;
		throw new FolderError(`The zip is damaged (${(error as Error).message}). Download or export it again; nothing in the lab was changed.`);
	}
}

/** @throws FolderError when a zip holds more bytes than the lab reads at once */
export function checkZipSize(bytes: number): void {
	if (bytes > MOST_BYTES)
		throw new FolderError(`It holds more than ${MOST_MEGABYTES}, the most that the lab reads at once: export its runs in parts. Nothing in the lab was changed.`); // prettier-ignore
}

function noRun(files: RunFolder): FolderError {
	const adapter = Object.keys(files).some((path) => path.endsWith('adapter_config.json'));
	return new FolderError(
		adapter
			? 'The zip holds an adapter and not the run that made it. A run is exported on the Runs page.'
			: 'The zip holds no run: a run is a folder with experiment.json and metrics.jsonl in it.',
	);
}
