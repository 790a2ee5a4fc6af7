import pg from 'pg';

import { migrate } from '$lib/storage/memory/schema';
import type { Sql } from '$lib/storage/memory/sql';

/** Connections that are open at once; more calls wait for one. */
const CONNECTIONS = 10;
/** A query that takes longer is given up, in ms: something else is wrong then. */
const LONGEST_QUERY = 15_000;

/** A PostgreSQL server with pgvector, with the memory's tables in it. `onLost` hears of connections that broke while nobody used them. */
export async function openPostgres(url: string, onLost: (error: Error) => void): Promise<Sql> {
	const pool = new pg.Pool({
		connectionString: url,
		max: CONNECTIONS,
		connectionTimeoutMillis: 5000,
		statement_timeout: LONGEST_QUERY,
		idle_in_transaction_session_timeout: LONGEST_QUERY,
		application_name: 'conscience-lab',
	});
	pool.on('error', onLost); // unheard it would end the process; the pool makes another connection
	const sql = overPool(pool);
	try {
		await migrate(sql);
	} catch (error) {
		await pool.end();
		throw error;
	}
	return sql;
}

const overPool = (pool: pg.Pool): Sql => ({
	query: async <Row>(text: string, parameters: readonly unknown[] = []) => (await pool.query(text, [...parameters])).rows as Row[],
	async transaction(work) {
		const client = await pool.connect();
		try {
			await client.query('begin');
			const result = await work({
				query: async <Row>(text: string, parameters: readonly unknown[] = []) => (await client.query(text, [...parameters])).rows as Row[],
			});
			await client.query('commit');
			client.release();
			return result;
		} catch (error) {
			// A connection that can't roll back is broken: it is thrown away, and the server forgets what it had begun.
			await client.query('rollback').then(
				() => client.release(),
				(broken: Error) => client.release(broken),
			);
			throw error;
		}
	},
	close: () => pool.end(),
});
