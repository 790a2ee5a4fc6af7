/** What a teacher does at the desk, and a student with what is their own: looking through, labelling, taking out. */
import type { Label, Verdict } from '$lib/conscience/judge';

import { type Member, MemoryRefusal, TEACHER } from './classes';
import { holdExchanges, putSayings, settleAgain } from './quarantine';
import { asRows, type Queries, type Sql } from './sql';

/** A trajectory in a list: what people read of it. */
export interface Listed {
	id: string;
	contributorId: string;
	contributor: string;
	question: string;
	answer: string;
	frameworkId: string;
	verdict: Verdict;
	alternative: { answer: string; verdict: Verdict } | null;
	alternativeId: string | null;
	model: string;
	run: string;
	step: number;
	depositedAt: number;
	/** What a quorum has agreed on; null in quarantine. */
	agreed: Label | null;
	alternativeAgreed: Label | null;
	/** How many say what of the answer. */
	said: Partial<Record<Label, number>>;
}

/** Where a list goes on: behind the last that was shown. */
export type Cursor = Pick<Listed, 'depositedAt' | 'contributorId' | 'id'>;

const LISTED = `select t.exchange_id as id, t.contributor_id as "contributorId", c.pseudonym as contributor, t.question, t.answer,
	t.framework_id as "frameworkId", t.verdict, t.alternative, t.alternative_id as "alternativeId", t.model, t.run, t.step,
	(extract(epoch from t.deposited_at) * 1000000)::bigint::text as stamp, e.label as agreed, a.label as "alternativeAgreed",
	(select coalesce(jsonb_object_agg(label, given), '{}') from (
		select label, count(*)::int as given from sayings s where s.class_id = t.class_id and s.exchange_id = t.exchange_id group by label) counted) as said
	from trajectories t
	join contributors c on c.class_id = t.class_id and c.id = t.contributor_id
	join exchanges e on e.class_id = t.class_id and e.id = t.exchange_id
	left join exchanges a on a.class_id = t.class_id and a.id = t.alternative_id`;

type ListedRow = Omit<Listed, 'depositedAt'> & { stamp: string };
const listed = ({ stamp, ...row }: ListedRow): Listed => ({ ...row, depositedAt: Number(stamp) / 1000 });

/** What has a say missing, of the answer or the alternative, the first deposit first; each exchange once. Those after `after` in that order. */
export async function quarantined(sql: Queries, classId: string, limit: number, after: Cursor | null = null): Promise<Listed[]> {
	const rows = await sql.query<ListedRow>(
		`${LISTED}
		where t.class_id = $1 and (e.label is null or (t.alternative_id is not null and a.label is null))
			and not exists (select 1 from trajectories o where o.class_id = t.class_id and o.exchange_id = t.exchange_id
				and o.alternative_id is not distinct from t.alternative_id and (o.deposited_at, o.contributor_id) < (t.deposited_at, t.contributor_id))
			and ($3::bigint is null or ((extract(epoch from t.deposited_at) * 1000000)::bigint, t.contributor_id, t.exchange_id) > ($3::bigint, $4::text, $5::text))
		order by t.deposited_at, t.contributor_id, t.exchange_id limit $2`,
		[classId, limit, after && Math.round(after.depositedAt * 1000), after?.contributorId ?? null, after?.id ?? null],
	);
	return rows.map(listed);
}

/** What somebody has left, the newest first. */
export async function depositsOf(sql: Queries, classId: string, contributorId: string, limit: number): Promise<Listed[]> {
	const rows = await sql.query<ListedRow>(
		`${LISTED} where t.class_id = $1 and t.contributor_id = $2 order by t.deposited_at desc, t.exchange_id limit $3`,
		[classId, contributorId, limit],
	);
	return rows.map(listed);
}

/** The teacher says what exchanges are; a later word takes the place of an earlier one. Of what is not there (any more) nothing is said. */
export async function label(sql: Sql, classId: string, labels: readonly { id: string; label: Label }[]): Promise<void> {
	await sql.transaction(async (transaction) => {
		const there = await transaction.query<{ id: string }>('select id from exchanges where class_id = $1 and id = any($2::text[])', [
			classId,
			labels.map(({ id }) => id),
		]);
		const known = new Set(there.map(({ id }) => id));
		const said = labels.filter(({ id }) => known.has(id));
		await holdExchanges(transaction, classId, [...known]);
		await putSayings(transaction, classId, TEACHER, said.map(({ id, label }) => ({ exchange_id: id, label, by_person: true }))); // prettier-ignore
		await settleAgain(transaction, classId, [...known]);
	});
}

export interface Contributor {
	id: string;
	pseudonym: string;
	/** Milliseconds since 1970. */
	joinedAt: number;
	trajectories: number;
	/** Of what they left and others settled: how often the class agreed on another label than their judge gave. */
	overruled: number;
	settled: number;
}

/** Who is in the class, the first to join first; those of one moment, as an import or a clock of whole milliseconds makes them, by name. */
export async function contributors(sql: Queries, classId: string): Promise<Contributor[]> {
	const rows = await sql.query<Omit<Contributor, 'joinedAt'> & { joined_at: Date }>(
		`select c.id, c.pseudonym, c.joined_at, count(t.exchange_id)::int as trajectories, count(e.label)::int as settled,
			count(*) filter (where e.label <> t.verdict->>'label')::int as overruled
		from contributors c
		left join trajectories t on t.class_id = c.class_id and t.contributor_id = c.id
		left join exchanges e on e.class_id = t.class_id and e.id = t.exchange_id
		where c.class_id = $1 group by c.id, c.pseudonym, c.joined_at order by c.joined_at, c.pseudonym`,
		[classId],
	);
	return rows.map(({ joined_at, ...row }) => ({ ...row, joinedAt: joined_at.getTime() }));
}

/** Takes trajectories out with what was said for them; a student only their own. Resolves to how many there were. */
export async function remove(sql: Sql, member: Member, which: readonly { contributorId: string; id: string }[]): Promise<number> {
	const { classId } = member;
	if (member.role === 'student' && which.some(({ contributorId }) => contributorId !== member.contributorId))
		throw new MemoryRefusal(403, 'That is not yours to delete: your teacher can.');
	return sql.transaction(async (transaction) => {
		const gone = await transaction.query<{ contributor_id: string; exchange_id: string; alternative_id: string | null }>(
			`delete from trajectories t using jsonb_to_recordset($2::jsonb) as given ("contributorId" text, id text)
			where t.class_id = $1 and t.contributor_id = given."contributorId" and t.exchange_id = given.id
			returning t.contributor_id, t.exchange_id, t.alternative_id`,
			[classId, asRows(which)],
		);
		const sayings = gone.flatMap(({ contributor_id, exchange_id, alternative_id }) =>
			[exchange_id, alternative_id].flatMap((id) => (id ? [{ labeller: contributor_id, id }] : [])),
		);
		await unsay(transaction, classId, sayings);
		return gone.length;
	});
}

async function unsay(sql: Queries, classId: string, sayings: readonly { labeller: string; id: string }[]): Promise<void> {
	const exchanges = sayings.map(({ id }) => id);
	await holdExchanges(sql, classId, exchanges);
	await sql.query(
		`delete from sayings s using jsonb_to_recordset($2::jsonb) as given (labeller text, id text)
		where s.class_id = $1 and s.labeller = given.labeller and s.exchange_id = given.id`,
		[classId, asRows(sayings)],
	);
	await settleAgain(sql, classId, exchanges);
}

/** Takes somebody out of the class with all that they left, said and measured; their token lets them in no more. */
export async function removeContributor(sql: Sql, classId: string, contributorId: string): Promise<void> {
	await sql.transaction(async (transaction) => {
		const said = await transaction.query<{ id: string }>('select exchange_id as id from sayings where class_id = $1 and labeller = $2', [
			classId,
			contributorId,
		]);
		await transaction.query('delete from benefits where class_id = $1 and measured_by = $2', [classId, contributorId]);
		await transaction.query('delete from contributors where class_id = $1 and id = $2', [classId, contributorId]);
		await unsay(transaction, classId, said.map(({ id }) => ({ labeller: contributorId, id }))); // prettier-ignore
	});
}

/** Somebody leaves; what they left stays under their pseudonym, to which nobody has a token any more. */
export async function leave(sql: Queries, classId: string, contributorId: string): Promise<void> {
	await sql.query('update contributors set token_hash = null where class_id = $1 and id = $2', [classId, contributorId]);
}

/** Deletes a class with everything in it. */
export async function removeClass(sql: Queries, classId: string): Promise<void> {
	await sql.query('delete from classes where id = $1', [classId]);
}
