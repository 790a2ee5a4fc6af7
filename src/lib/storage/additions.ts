import type { FolderRun } from '$lib/experiment/folder';

import type { Writing } from './database';
import { gone } from './errors';
import { sizeOf } from './sizes';

/** What a folder adds to a run that is kept: what people said of its answers, their pins, and the adapter. */
export type Addition = Pick<FolderRun, 'labels' | 'pins' | 'adapter'> & { id: string };

/** Adds it within a transaction over all of these parts; what the run has of its own stays. */
export async function putAddition(transaction: Writing, { id, labels, pins, adapter }: Addition): Promise<void> {
	const runs = transaction.objectStore('runs');
	const run = await runs.get(id);
	if (!run) throw gone(id); // a mark without its run would never be found again
	const kept = transaction.objectStore('labels');
	for (const [verdictId, label] of labels)
		if ((await kept.getKey([id, verdictId])) === undefined) await kept.put({ runId: id, verdictId, label }, [id, verdictId]);
	for (const verdictId of pins) await transaction.objectStore('pins').put({ runId: id, verdictId }, [id, verdictId]);
	if (!adapter || (await transaction.objectStore('adapters').getKey(id)) !== undefined) return;
	await transaction.objectStore('adapters').put(adapter, id);
	await runs.put({ ...run, sizes: { ...run.sizes, adapter: sizeOf(adapter) } });
}
