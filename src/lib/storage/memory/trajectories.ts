/** Leaving trajectories in a memory, taking them back, and finding those that are like another. */
import type { Benefit, DepositReport, Memory, Neighbour, PooledState, Recalled, Remembered, Trajectory } from '$lib/conscience/memory';
import { exchangeId } from '$lib/conscience/memory';

import type { Student } from './classes';
import { holdExchanges, putSayings, settle } from './quarantine';
import { asRows, type Queries, type Sql } from './sql';
import { MemoryInputError } from './wire';

/** A memory in a database, as one of its contributors has it. */
export const sqlMemory = (sql: Sql, student: Student): Memory => ({
	nearest: (state, k) => nearest(sql, student.classId, state, k),
	deposit: (trajectories) => deposit(sql, student, trajectories),
	measured: (benefits) => putBenefits(sql, student, benefits),
});

/**
 * Leaves trajectories, all of them or none but those over the cap; what is there already stays as it is, and is no second say.
 * @throws MemoryInputError where an id is not that of its texts
 */
export async function deposit(sql: Sql, { classId, contributorId }: Student, trajectories: readonly Trajectory[]): Promise<DepositReport> {
	const rows = await Promise.all([...new Map(trajectories.map((each) => [each.id, each])).values()].map(rowOf));
	return sql.transaction(async (transaction) => {
		// Deposits of one contributor take turns, so that their cap holds.
		await transaction.query('select 1 from contributors where class_id = $1 and id = $2 for update', [classId, contributorId]);
		const [standing] = await transaction.query<{ cap: number; quorum: number; count: number; kept: string[] }>(
			`select cap, quorum,
				(select count(*)::int from trajectories where class_id = $1 and contributor_id = $2) as count,
				array(select exchange_id from trajectories where class_id = $1 and contributor_id = $2 and exchange_id = any($3::text[])) as kept
			from classes where id = $1`,
			[classId, contributorId, rows.map(({ exchange_id }) => exchange_id)],
		);
		const { cap, quorum, count, kept } = standing!;
		const there = new Set(kept);
		const isNew = rows.filter(({ exchange_id }) => !there.has(exchange_id));
		const added = isNew.slice(0, Math.max(0, cap - count));
		const known = rows.filter(({ exchange_id }) => there.has(exchange_id));
		const exchanges = [...added, ...known].flatMap(exchangesOf);
		await holdExchanges(transaction, classId, exchanges);
		await putTrajectories(transaction, classId, contributorId, [...added, ...known]);
		await settle(transaction, classId, quorum, exchanges);
		return { added: added.length, known: known.length, refused: isNew.length - added.length };
	});
}

type Row = Awaited<ReturnType<typeof rowOf>>;

/** A trajectory as a row of the table, with what it says of its exchanges. */
export async function rowOf({ id, state, alternative, depositedAt, ...trajectory }: Trajectory & { depositedAt?: number }) {
	const { question, answer, frameworkId, frameworkHash, verdict, judge, label, model, revision, run, step } = trajectory;
	if (id !== (await exchangeId(trajectory, frameworkHash)))
		throw new MemoryInputError(`The id ${id.slice(0, 8)}… is not that of its question, answer and framework: make it by exchangeId.`);
	return {
		exchange_id: id,
		alternative_id: alternative && (await exchangeId({ question, answer: alternative.answer }, frameworkHash)),
		framework_id: frameworkId,
		framework_hash: frameworkHash,
		state_revision: state.revision,
		state: vectorText(state.values),
		deposited_at: depositedAt === undefined ? null : new Date(depositedAt).toISOString(),
		...{ question, answer, verdict, judge, alternative, label, model, revision, run, step },
	};
}

/** A vector as pgvector reads it. */
const vectorText = (values: Float32Array) => `[${values.join(',')}]`;
const exchangesOf = ({ exchange_id, alternative_id }: Row) => [exchange_id, ...(alternative_id ? [alternative_id] : [])];

/** Keeps rows of one contributor, whose exchanges are held, and what they say. */
export async function putTrajectories(sql: Queries, classId: string, contributorId: string, rows: readonly Row[]): Promise<void> {
	const columns =
		'exchange_id, question, answer, framework_id, framework_hash, verdict, judge, alternative, alternative_id, label, model, revision, run, step, state_revision';
	await sql.query(
		`insert into trajectories (class_id, contributor_id, state, deposited_at, ${columns})
		select $1, $2, state::vector, coalesce(deposited_at, now()), ${columns} from jsonb_to_recordset($3::jsonb) as given (
			exchange_id text, question text, answer text, framework_id text, framework_hash text, verdict jsonb, judge jsonb, alternative jsonb,
			alternative_id text, label text, model text, revision text, run text, step integer, state_revision text, state text,
			deposited_at timestamptz)
		on conflict (class_id, contributor_id, exchange_id) do update set label = coalesce(excluded.label, trajectories.label)`,
		[classId, contributorId, asRows([...new Map(rows.map((row) => [row.exchange_id, row])).values()])],
	);
	const sayings = rows.flatMap(({ exchange_id, verdict, label, alternative, alternative_id }) => [
		{ exchange_id, label: label ?? verdict.label, by_person: label !== null },
		...(alternative && alternative_id ? [{ exchange_id: alternative_id, label: alternative.verdict.label, by_person: false }] : []),
	]);
	await putSayings(sql, classId, contributorId, sayings);
}

/** What one has left and enough agree on, as the queries below give it. */
export interface Found {
	trajectory: Omit<Remembered, 'state' | 'depositedAt'>;
	deposited_at: Date;
	state_revision: string;
	state: string;
	benefits: Benefit[];
}

export const recalledOf = ({ trajectory, deposited_at, state_revision, state, benefits }: Found): Recalled => ({
	...trajectory,
	depositedAt: deposited_at.getTime(),
	state: { revision: state_revision, values: Float32Array.from(JSON.parse(state) as number[]) },
	benefits,
});

/** What is out of quarantine and nearest by the cosine, each exchange once: where several have left it, with an alternative that is agreed on, else the first. */
export async function nearest(sql: Queries, classId: string, { revision, values }: PooledState, k: number): Promise<Neighbour[]> {
	const rows = await sql.query<Found & { similarity: number }>(
		`with settled as (${SETTLED}), found as (
			select *, 1 - (state <=> $4::vector) as similarity from settled order by state <=> $4::vector, exchange_id limit $5
		)
		select ${RECALLED}, f.similarity from found f ${WITH_TEXTS} order by f.similarity desc, f.exchange_id`,
		[classId, revision, values.length, vectorText(values), k],
	);
	return rows.map(({ similarity, ...row }) => {
		const { benefits, ...trajectory } = recalledOf(row);
		return { trajectory, similarity, benefits };
	});
}

/** A trajectory `t` of a contributor `c`, but for its state, as the lab knows it. */
export const TRAJECTORY = `jsonb_build_object('id', t.exchange_id, 'contributor', c.pseudonym, 'question', t.question, 'answer', t.answer,
	'frameworkId', t.framework_id, 'frameworkHash', t.framework_hash, 'verdict', t.verdict, 'judge', t.judge, 'alternative', t.alternative,
	'label', t.label, 'model', t.model, 'revision', t.revision, 'run', t.run, 'step', t.step)`;

/** The exchanges of a class ($1) that are out of quarantine, of states of one model ($2) and length ($3), each from one who left it. */
export const SETTLED = `select distinct on (t.exchange_id) t.exchange_id, t.contributor_id, t.state, t.deposited_at, e.label as agreed,
		coalesce(a.label = 'ethical', false) as alternative_agreed
	from trajectories t
	join exchanges e on e.class_id = t.class_id and e.id = t.exchange_id
	left join exchanges a on a.class_id = t.class_id and a.id = t.alternative_id
	where t.class_id = $1 and t.state_revision = $2 and vector_dims(t.state) = $3 and e.label is not null
	order by t.exchange_id, alternative_agreed desc, t.deposited_at, t.contributor_id`;

/** What was found `f` of a class ($1) with all that belongs to it: a row is `Found`. */
export const RECALLED = `${TRAJECTORY} || jsonb_build_object('agreed', f.agreed, 'alternativeAgreed', f.alternative_agreed) as trajectory,
	t.deposited_at, t.state_revision, t.state::text as state,
	(select coalesce(jsonb_agg(jsonb_build_object('id', b.exchange_id, 'contributor', c.pseudonym, 'measuredBy', m.pseudonym,
		'question', b.question, 'value', b.value) order by b.measured_by, b.question), '[]') from benefits b
		join contributors m on m.class_id = b.class_id and m.id = b.measured_by
		where b.class_id = $1 and b.contributor_id = f.contributor_id and b.exchange_id = f.exchange_id) as benefits`;
export const WITH_TEXTS = `join trajectories t on t.class_id = $1 and t.contributor_id = f.contributor_id and t.exchange_id = f.exchange_id
	join contributors c on c.class_id = $1 and c.id = f.contributor_id`;

/** Leaves what was measured; the first measurement of a question counts. Those of a trajectory that is not there (any more) are dropped. */
export async function putBenefits(
	sql: Queries,
	{ classId, contributorId }: Pick<Student, 'classId' | 'contributorId'>,
	benefits: readonly { id: string; contributor: string; question: string; value: number }[],
): Promise<void> {
	await sql.query(
		`insert into benefits (class_id, contributor_id, exchange_id, measured_by, question, value)
		select $1, t.contributor_id, t.exchange_id, $2, trim(given.question), given.value
		from jsonb_to_recordset($3::jsonb) as given (id text, contributor text, question text, value double precision)
		join contributors c on c.class_id = $1 and c.pseudonym = given.contributor
		join trajectories t on t.class_id = $1 and t.contributor_id = c.id and t.exchange_id = given.id
		on conflict do nothing`,
		[classId, contributorId, asRows(benefits)],
	);
}
