/** What is said of exchanges, and the label that enough of it agrees on. */
import { TEACHER } from './classes';
import { asRows, type Queries } from './sql';

/**
 * Makes sure of exchanges and holds them until the transaction ends, everywhere in one order: two that say something of the same wait for each
 * other, and both are counted.
 */
export async function holdExchanges(sql: Queries, classId: string, exchanges: readonly string[]): Promise<void> {
	await sql.query(
		`insert into exchanges (class_id, id) select $1, id from unnest($2::text[]) with ordinality as given (id, place) order by place
		on conflict (class_id, id) do update set id = excluded.id`,
		[classId, [...new Set(exchanges)].sort()],
	);
}

/** What somebody, or the judge in their browser, says; a person's own word takes the place of the judge's, and of their earlier one. */
export async function putSayings(
	sql: Queries,
	classId: string,
	labeller: string,
	sayings: readonly { exchange_id: string; label: string; by_person: boolean }[],
): Promise<void> {
	// A statement may touch a row once: of an exchange that is an answer here and an alternative there, the person's word counts, else the first.
	const each = new Map<string, (typeof sayings)[number]>();
	for (const saying of sayings) if (saying.by_person || !each.has(saying.exchange_id)) each.set(saying.exchange_id, saying);
	await sql.query(
		`insert into sayings (class_id, labeller, exchange_id, label, by_person)
		select $1, $2, exchange_id, label, by_person from jsonb_to_recordset($3::jsonb) as given (exchange_id text, label text, by_person boolean)
		on conflict (class_id, exchange_id, labeller) do update set label = excluded.label, by_person = true, said_at = now() where excluded.by_person`,
		[classId, labeller, asRows([...each.values()])],
	);
}

/** Gives exchanges the label on which their sayings agree now, by the rule of `settledLabel`, or none. */
export async function settle(sql: Queries, classId: string, quorum: number, exchanges: readonly string[]): Promise<void> {
	await sql.query(
		`with counts as (
			select exchange_id, label, count(*) as given from sayings where class_id = $1 and exchange_id = any($2::text[]) group by exchange_id, label
		), ranked as (
			select exchange_id, label, given,
				row_number() over by_count as place, lead(given) over by_count as next
			from counts window by_count as (partition by exchange_id order by given desc)
		)
		update exchanges e set label = (
			select r.label from ranked r where r.exchange_id = e.id and r.place = 1 and r.given >= $3 and r.given > coalesce(r.next, 0)
				and not exists (select 1 from sayings s where s.class_id = $1 and s.exchange_id = e.id and s.labeller = $4 and s.label <> r.label)
		)
		where e.class_id = $1 and e.id = any($2::text[])`,
		[classId, [...new Set(exchanges)], quorum, TEACHER],
	);
}

/** The same, by the class's own quorum. */
export async function settleAgain(sql: Queries, classId: string, exchanges: readonly string[]): Promise<void> {
	const [row] = await sql.query<{ quorum: number }>('select quorum from classes where id = $1', [classId]);
	await settle(sql, classId, row!.quorum, exchanges);
}
