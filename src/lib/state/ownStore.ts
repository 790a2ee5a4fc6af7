/** The reader's own memory in the browser's store. PostgreSQL comes with this module, which is loaded when the memory is opened. */
import { PGliteWorker } from '@electric-sql/pglite/worker';

import { ownClass } from '$lib/storage/memory/own';
import { overPglite } from '$lib/storage/memory/overPglite';
import { migrate } from '$lib/storage/memory/schema';
import MemoryWorker from '$lib/worker/memory.worker?worker';

import type { OwnStore } from './ownMemory.svelte';

export async function openOwnStore(): Promise<OwnStore> {
	const sql = overPglite(await PGliteWorker.create(new MemoryWorker({ name: 'memory' }), { dataDir: 'idb://conscience-lab-memory' }));
	await migrate(sql);
	return ownClass(sql);
}
