import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { type Checkpoint, CheckpointError, fetchFrom, loadCheckpoint } from '$lib/model/checkpoint';
import type { Precision } from '$lib/model/halfPrecision';

/** A checkpoint, its matrices kept in `precision`, by the name of one of the lab's own folders, the path of a Hugging Face folder, or its URL. */
export async function loadFolder(checkpoint: string, precision: Precision = 'f32'): Promise<Checkpoint> {
	if (/^https?:/.test(checkpoint)) return loadCheckpoint(fetchFrom(checkpoint), precision);
	const own = fileURLToPath(new URL(`../static/${checkpoint}`, import.meta.url));
	const folder = /^[\w-]+$/.test(checkpoint) ? own : path.resolve(checkpoint);
	try {
		return await loadCheckpoint(async (name) => readFile(path.join(folder, name)), precision);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
		throw new CheckpointError(`There is no checkpoint '${checkpoint}': ${(error as Error).message}`);
	}
}
