import type { PGliteInterface } from '@electric-sql/pglite';

import type { Sql } from './sql';

/** A PGlite that runs, in this thread or in a worker of its own, as what the memory's queries ask for. */
export const overPglite = (db: PGliteInterface): Sql => ({
	query: async <Row>(text: string, parameters: readonly unknown[] = []) => (await db.query<Row>(text, [...parameters])).rows,
	transaction: (work) =>
		db.transaction((transaction) =>
			work({
				query: async <Row>(text: string, parameters: readonly unknown[] = []) => (await transaction.query<Row>(text, [...parameters])).rows,
			}),
		),
	close: () => db.close(),
});
