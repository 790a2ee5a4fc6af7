/** The reader's own memory: one PostgreSQL for all tabs of the lab, of which the first to come runs it. */
import { PGlite } from '@electric-sql/pglite';
import { worker } from '@electric-sql/pglite/worker';
import { vector } from '@electric-sql/pglite-pgvector';

/** Told to the page when it can't be started: who asks for it would wait for ever. */
export interface MemoryFailed {
	memoryFailed: string;
}

// A file that can't be fetched, or a browser that keeps nothing, is told by no other way: what waits for it in PGlite goes on waiting.
self.addEventListener('unhandledrejection', ({ reason }) =>
	self.postMessage({ memoryFailed: reason instanceof Error ? reason.message : String(reason) } satisfies MemoryFailed),
);

void worker({ init: ({ dataDir }) => PGlite.create({ ...(dataDir !== undefined && { dataDir }), extensions: { vector } }) });
