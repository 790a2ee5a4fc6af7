import type { DownloadOptions, ModelFile } from '$lib/storage/download';
import type { ModelFiles } from '$lib/storage/modelFiles';

import { Pace, TELL_EVERY_MS } from './pace';

/** How far files are that come one after the other. */
export interface FilesStanding {
	loadedBytes: number;
	totalBytes: number;
	/** Null while it can't be told. */
	secondsLeft: number | null;
}

/** Opens files one after the other, and fetches what is missing of them; tells now and then how far that is. @throws as ModelFiles.open */
export async function openInTurn(
	wanted: readonly ModelFile[],
	files: Pick<ModelFiles, 'open'>,
	tell: (standing: FilesStanding) => void,
	options: Omit<DownloadOptions, 'onBytes'>,
): Promise<Blob[]> {
	const blobs: Blob[] = [];
	const here = wanted.map(() => 0);
	const pace = new Pace();
	let told = -Infinity;
	const note = () => {
		const totalBytes = sumOf(wanted.map(({ bytes }, i) => Math.max(bytes ?? 0, here[i]!))); // not every source says its sizes
		const loadedBytes = sumOf(here);
		const now = performance.now();
		pace.note(now, loadedBytes);
		if (now - told < TELL_EVERY_MS && loadedBytes < totalBytes) return;
		told = now;
		tell({ loadedBytes, totalBytes, secondsLeft: pace.secondsFor(totalBytes - loadedBytes) });
	};
	for (const [i, file] of wanted.entries()) {
		const onBytes = (bytes: number) => {
			here[i] = bytes;
			note();
		};
		blobs.push(await files.open(file, { ...options, onBytes }));
	}
	return blobs;
}

const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
