import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { type Checkpoint, CheckpointError, fetchFrom, loadCheckpoint } from '$lib/model/checkpoint';

/** A checkpoint by the name of one of the lab's own folders, the path of a Hugging Face folder, or its URL. */
export async function loadFolder(checkpoint: string): Promise<Checkpoint> {
	if (/^https?:/.test(checkpoint)) return loadCheckpoint(fetchFrom(checkpoint));
	const own = fileURLToPath(new URL(`../static/${checkpoint}`, import.meta.url));
	const folder = /^[\w-]+$/.test(checkpoint) ? own : path.resolve(checkpoint);
	try {
		return await loadCheckpoint(async (name) => readFile(path.join(folder, name)));
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
		throw new CheckpointError(`There is no checkpoint '${checkpoint}': ${(error as Error).message}`);
	}
}
