/** The reader's own memory in the browser's store. PostgreSQL comes with this module, which is loaded when the memory is opened. */
import { PGliteWorker } from '@electric-sql/pglite/worker';

import { ownClass } from '$lib/storage/memory/own';
import { overPglite } from '$lib/storage/memory/overPglite';
import { migrate } from '$lib/storage/memory/schema';
import type { MemoryFailed } from '$lib/worker/memory.worker';
import MemoryWorker from '$lib/worker/memory.worker?worker';

import type { OwnStore } from './ownMemory.svelte';

/** @throws Error where PostgreSQL can't be fetched, or can't keep anything in this browser */
export async function openOwnStore(): Promise<OwnStore> {
	const worker = new MemoryWorker({ name: 'memory' });
	try {
		return await Promise.race([openIn(worker), failureOf(worker)]);
	} catch (error) {
		worker.terminate();
		throw error;
	}
}

async function openIn(worker: Worker): Promise<OwnStore> {
	const sql = overPglite(await PGliteWorker.create(worker, { dataDir: 'idb://conscience-lab-memory' }));
	await migrate(sql);
	return ownClass(sql);
}

/** Rejects when the worker tells that it can't be started, or can't be loaded. */
const failureOf = (worker: Worker) =>
	new Promise<never>((_, reject) => {
		const fail = (why: string) => reject(new Error(`PostgreSQL could not be started in this browser: ${why} Try again.`));
		worker.addEventListener('message', ({ data }: MessageEvent<Partial<MemoryFailed> | null>) => {
			if (data?.memoryFailed !== undefined) fail(`${data.memoryFailed}.`);
		});
		worker.addEventListener('error', () => fail('the part of the page that runs it could not be loaded.'));
	});
