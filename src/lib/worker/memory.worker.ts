/** The reader's own memory: one PostgreSQL for all tabs of the lab, of which the first to come runs it. */
import { PGlite } from '@electric-sql/pglite';
import { worker } from '@electric-sql/pglite/worker';
import { vector } from '@electric-sql/pglite-pgvector';

void worker({ init: ({ dataDir }) => PGlite.create({ ...(dataDir !== undefined && { dataDir }), extensions: { vector } }) });
