/** What a class knows, to be taken along into a run, which asks nobody while it goes on. */
import type { Recalled } from '$lib/conscience/memory';

import { memoryLines } from '$lib/experiment/memoryFile';

import { asRows, type Queries } from './sql';
import { type Found, RECALLED, recalledOf, SETTLED, WITH_TEXTS } from './trajectories';

/** So much is taken along at most, and of one contributor: nobody fills the memory of others alone. */
export const TAKEN = { most: 5000, perContributor: 1000 } as const;

/** Trajectories that are fetched at once. */
const BATCH = 250;

/**
 * All that is out of quarantine and was read by one model, the newest first, in batches: as many as `most` and `perContributor` let through.
 * What is deleted while they are fetched is left out.
 */
export async function* agreed(
	sql: Queries,
	classId: string,
	{ revision, dimensions }: { revision: string; dimensions: number },
	{ most, perContributor }: { most: number; perContributor: number } = TAKEN,
): AsyncGenerator<Recalled[]> {
	const keys = await sql.query<object>(
		`with settled as (${SETTLED}), ranked as (
			select exchange_id, contributor_id, agreed, alternative_agreed, deposited_at,
				row_number() over (partition by contributor_id order by deposited_at desc, exchange_id) as place
			from settled
		)
		select exchange_id, contributor_id, agreed, alternative_agreed from ranked
		where place <= $5 order by deposited_at desc, exchange_id limit $4`,
		[classId, revision, dimensions, most, perContributor],
	);
	for (let start = 0; start < keys.length; start += BATCH) {
		const rows = await sql.query<Found>(
			`select ${RECALLED} from
				jsonb_to_recordset($2::jsonb) as f (exchange_id text, contributor_id text, agreed text, alternative_agreed boolean)
			${WITH_TEXTS} order by t.deposited_at desc, t.exchange_id`,
			[classId, asRows(keys.slice(start, start + BATCH))],
		);
		yield rows.map(recalledOf);
	}
}

/** The same as the lines of a file that a run takes with it. */
export async function* knownLines(...asked: Parameters<typeof agreed>): AsyncGenerator<string> {
	for await (const batch of agreed(...asked)) yield memoryLines(batch);
}
