import type { MemoryFile } from '$lib/conscience/memory';

import { type KeptFile, type KeptRun, read, type Writing } from './database';
import { sizeOf } from './sizes';

/** The memory that the run took along; null when it took none. @throws StorageError */
export async function readMemoryFile(id: string): Promise<MemoryFile | null> {
	return read(async (db) => {
		const transaction = db.transaction(['runs', 'memories']);
		const memory = (await transaction.objectStore('runs').get(id))?.memory;
		const trajectories = memory && (await transaction.objectStore('memories').get(memory.digest));
		return trajectories ? { fileName: memory.fileName, digest: memory.digest, trajectories } : null;
	});
}

/** Writes a memory where no run has brought it yet. */
export async function putMemoryFile(transaction: Writing, { digest, fileName, trajectories }: MemoryFile): Promise<KeptFile> {
	const memories = transaction.objectStore('memories');
	const brings = (await memories.getKey(digest)) === undefined;
	if (brings) await memories.put(trajectories, digest);
	return { digest, fileName, bytes: brings ? sizeOf(trajectories) : 0 };
}

/** A memory goes with the last run that took it along; until then another answers for its size. */
export async function leaveMemoryFile(transaction: Writing, { memory: left }: KeptRun): Promise<void> {
	if (!left) return;
	const runs = transaction.objectStore('runs');
	const heir = (await runs.getAll()).find(({ memory }) => memory?.digest === left.digest);
	if (!heir) await transaction.objectStore('memories').delete(left.digest);
	else if (left.bytes > 0) await runs.put({ ...heir, memory: { ...heir.memory!, bytes: left.bytes } });
}
