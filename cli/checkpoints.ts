import { open, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { isOwnCheckpoint } from '$lib/experiment/ownCheckpoint';
import { type Checkpoint, CheckpointError, fetchFrom, loadCheckpoint } from '$lib/model/checkpoint';
import { isDropped } from '$lib/model/droppedName';
import type { Precision } from '$lib/model/halfPrecision';
import type { PartedFile } from '$lib/model/partedFile';

/** Where a folder of this machine is, by the name of one of the lab's own or by its path. */
export const folderOf = (checkpoint: string): string =>
	isOwnCheckpoint(checkpoint) ? fileURLToPath(new URL(`../static/${checkpoint}`, import.meta.url)) : path.resolve(checkpoint);

/** A checkpoint, its matrices kept in `precision`, by the name of one of the lab's own folders, the path of a Hugging Face folder, or its URL. */
export async function loadFolder(checkpoint: string, precision: Precision = 'f32'): Promise<Checkpoint> {
	if (/^https?:/.test(checkpoint)) return loadCheckpoint(fetchFrom(checkpoint), precision);
	if (isDropped(checkpoint))
		throw new CheckpointError(
			`'${checkpoint}' is a model that lies in somebody's browser. Give the path of the folder that it was dropped from: --set model.checkpoint=path/to/folder. (The SHA-256 is that of its model.safetensors; of shards it is what sha256sum model-*.safetensors | sha256sum prints.)`,
		);
	const folder = folderOf(checkpoint);
	try {
		return await loadCheckpoint(fileOf(folder), precision);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
		throw new CheckpointError(`There is no checkpoint '${checkpoint}': ${(error as Error).message}`);
	}
}

/** Files of a folder; weights are read part by part, whatever their size. */
export const fileOf = (folder: string) => async (name: string) => {
	const file = path.join(folder, name);
	return name.endsWith('.safetensors') ? partedFile(file) : readFile(file);
};

async function partedFile(file: string): Promise<PartedFile> {
	const { size } = await stat(file);
	const read = async (begin: number, end: number) => {
		const handle = await open(file); // for each part anew, so that none is left open
		try {
			const bytes = new Uint8Array(end - begin);
			let filled = 0;
			while (filled < bytes.length) {
				const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, begin + filled);
				if (bytesRead === 0)
					throw new CheckpointError(`${file} ended at byte ${begin + filled} while it was read: it was changed. Try again`);
				filled += bytesRead;
			}
			return bytes.buffer;
		} finally {
			await handle.close();
		}
	};
	return { size, slice: (begin, end) => ({ arrayBuffer: () => read(begin, end) }) };
}
