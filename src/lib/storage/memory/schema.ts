import type { Sql } from './sql';

/**
 * The memory's tables, in the steps in which they came to be: what a database lacks is done when it is opened. A step that has been released
 * is never changed; another one follows it.
 */
const MIGRATIONS: readonly (readonly string[])[] = [
	[
		'create extension if not exists vector',
		`create table classes (
			id text primary key,
			name text not null,
			code text not null unique,
			key_hash text not null unique,
			quorum integer not null check (quorum between 1 and 9),
			cap integer not null check (cap > 0),
			created_at timestamptz not null default now()
		)`,
		// Who was brought by an import has no token, until somebody asks for one.
		`create table contributors (
			class_id text not null references classes on delete cascade,
			id text not null,
			pseudonym text not null,
			token_hash text unique,
			joined_at timestamptz not null default now(),
			primary key (class_id, id),
			unique (class_id, pseudonym)
		)`,
		// What was asked and answered under a framework. The label is what enough of its sayings agree on, null in quarantine.
		`create table exchanges (
			class_id text not null references classes on delete cascade,
			id text not null,
			label text,
			primary key (class_id, id)
		)`,
		`create table trajectories (
			class_id text not null,
			contributor_id text not null,
			exchange_id text not null,
			question text not null,
			answer text not null,
			framework_id text not null,
			framework_hash text not null,
			verdict jsonb not null,
			judge jsonb not null,
			alternative jsonb,
			alternative_id text,
			label text,
			model text not null,
			revision text not null,
			run text not null,
			step integer not null,
			state_revision text not null,
			state vector not null,
			deposited_at timestamptz not null default now(),
			primary key (class_id, contributor_id, exchange_id),
			foreign key (class_id, contributor_id) references contributors on delete cascade,
			foreign key (class_id, exchange_id) references exchanges on delete cascade
		)`,
		'create index trajectories_by_state on trajectories (class_id, state_revision)',
		'create index trajectories_by_exchange on trajectories (class_id, exchange_id)',
		// The labeller is a contributor's id, or the teacher.
		`create table sayings (
			class_id text not null,
			exchange_id text not null,
			labeller text not null,
			label text not null check (label in ('ethical', 'neutral', 'unethical')),
			by_person boolean not null,
			said_at timestamptz not null default now(),
			primary key (class_id, exchange_id, labeller),
			foreign key (class_id, exchange_id) references exchanges on delete cascade
		)`,
		`create table benefits (
			class_id text not null,
			contributor_id text not null,
			exchange_id text not null,
			measured_by text not null,
			question text not null,
			value double precision not null,
			primary key (class_id, contributor_id, exchange_id, measured_by, question),
			foreign key (class_id, contributor_id, exchange_id) references trajectories on delete cascade
		)`,
	],
];

/** Two servers that start on one database at once take turns by this number. */
const MIGRATING = 726_361;

/** Brings a database to the tables of this version, each step whole or not at all. @throws Error where a newer version has been at it */
export async function migrate(sql: Sql): Promise<void> {
	await sql.transaction(async (transaction) => {
		await transaction.query('select pg_advisory_xact_lock($1)', [MIGRATING]);
		await transaction.query('create table if not exists memory_version (version integer not null)');
		const [row] = await transaction.query<{ version: number }>('select version from memory_version');
		if (!row) await transaction.query('insert into memory_version (version) values (0)');
		const from = row?.version ?? 0;
		if (from > MIGRATIONS.length) {
			throw new Error(
				`The memory's tables are of version ${from}, and this lab knows them to version ${MIGRATIONS.length}. Nothing was changed; use a newer lab.`,
			);
		}
		for (const statement of MIGRATIONS.slice(from).flat()) await transaction.query(statement);
		await transaction.query('update memory_version set version = $1', [MIGRATIONS.length]);
	});
}
