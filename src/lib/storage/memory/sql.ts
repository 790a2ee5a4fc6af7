/** A PostgreSQL with pgvector, wherever it runs. What people have written goes in by parameters alone, never by the text of a query. */
export interface Sql {
	query<Row>(text: string, parameters?: readonly unknown[]): Promise<Row[]>;
	/** All of `work` comes off, or nothing does. */
	transaction<T>(work: (sql: Pick<Sql, 'query'>) => Promise<T>): Promise<T>;
	close(): Promise<void>;
}

/** What queries need, within a transaction or without. */
export type Queries = Pick<Sql, 'query'>;

/** Hands rows over as one parameter, which `jsonb_to_recordset` reads. */
export const asRows = (rows: readonly object[]): string => JSON.stringify(rows);
