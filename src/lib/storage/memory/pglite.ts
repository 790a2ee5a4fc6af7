import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';

import { overPglite } from './overPglite';
import { migrate } from './schema';
import type { Sql } from './sql';

/**
 * PostgreSQL in WebAssembly, in Node: `place` is a folder, and without one it is in memory alone. It is one connection, whose transactions wait
 * for each other; of each folder one process at a time may have it open.
 */
export async function openPglite(place?: string): Promise<Sql> {
	const db = await PGlite.create({ ...(place !== undefined && { dataDir: place }), extensions: { vector } });
	const sql = overPglite(db);
	await migrate(sql);
	return sql;
}
