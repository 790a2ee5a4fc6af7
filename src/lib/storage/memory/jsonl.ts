/** A whole memory as JSON lines, both ways. */
import { excerpt } from '$lib/experiment/folderLines';
import { type LineFault, parseLines } from '$lib/experiment/jsonLines';

import { TEACHER } from './classes';
import { holdExchanges, putSayings, settleAgain } from './quarantine';
import type { Queries, Sql } from './sql';
import { putBenefits, putTrajectories, rowOf, TRAJECTORY } from './trajectories';
import { LineSchema, MemoryInputError, type MemoryLine, parsed } from './wire';

/** Lines that are read and written at once. */
const BATCH = 500;

const TRAJECTORIES = `select t.contributor_id || t.exchange_id as key,
	${TRAJECTORY} || jsonb_build_object('kind', 'trajectory', 'depositedAt', floor(extract(epoch from t.deposited_at) * 1000),
		'state', jsonb_build_object('revision', t.state_revision, 'values', t.state::text::jsonb)) as line
	from trajectories t join contributors c on c.class_id = t.class_id and c.id = t.contributor_id where t.class_id = $1`;
const SAYINGS = `select s.labeller || s.exchange_id as key,
	jsonb_build_object('kind', 'saying', 'id', s.exchange_id, 'labeller', c.pseudonym, 'label', s.label, 'byPerson', s.by_person) as line
	from sayings s left join contributors c on c.class_id = s.class_id and c.id = s.labeller where s.class_id = $1`;
const BENEFITS = `select b.contributor_id || b.exchange_id || b.measured_by || b.question as key,
	jsonb_build_object('kind', 'benefit', 'id', b.exchange_id, 'contributor', c.pseudonym, 'measuredBy', m.pseudonym,
		'question', b.question, 'value', b.value) as line
	from benefits b join contributors c on c.class_id = b.class_id and c.id = b.contributor_id
	join contributors m on m.class_id = b.class_id and m.id = b.measured_by where b.class_id = $1`;

/** Everything in a class's memory, a line each: trajectories, then what was said of them, then what was measured. Tokens and keys are no part of it. */
export async function* exportLines(sql: Queries, classId: string): AsyncGenerator<string> {
	for (const lines of [TRAJECTORIES, SAYINGS, BENEFITS]) {
		let after = '';
		for (;;) {
			const rows = await sql.query<{ key: string; line: MemoryLine }>(
				`select key, line from (${lines}) every where (key collate "C") > ($2 collate "C") order by key collate "C" limit $3`,
				[classId, after, BATCH],
			);
			if (rows.length === 0) break;
			after = rows.at(-1)!.key;
			yield rows.map(({ line }) => `${JSON.stringify(line)}\n`).join('');
		}
	}
}

/**
 * Adds an exported memory to a class, whoever's it was: pseudonyms that the class does not know get a place without a token. What is there
 * already stays; lines that can't be used are told and left out.
 */
export async function importLines(sql: Sql, classId: string, text: string): Promise<{ lines: number; faults: LineFault[] }> {
	const { values, faults } = parseLines<MemoryLine>(text, (json) => {
		try {
			return parsed(LineSchema, json);
		} catch (error) {
			return (error as MemoryInputError).message;
		}
	});
	let lines = 0;
	for (let start = 0; start < values.length; start += BATCH) {
		const batch = values.slice(start, start + BATCH);
		const bad = await sql.transaction((transaction) => putLines(transaction, classId, batch));
		faults.push(...bad);
		lines += batch.length - bad.length;
	}
	return { lines, faults: faults.sort((a, b) => a.line - b.line) };
}

type Numbered = { line: number; value: MemoryLine };

async function putLines(sql: Queries, classId: string, batch: readonly Numbered[]): Promise<LineFault[]> {
	const faults: LineFault[] = [];
	const idOf = await contributorIds(sql, classId, batch.flatMap(({ value }) => namesIn(value))); // prettier-ignore
	const touched: string[] = [];
	const rows = new Map<string, Awaited<ReturnType<typeof rowOf>>[]>();
	for (const { line, value } of batch) {
		if (value.kind !== 'trajectory') continue;
		try {
			const row = await rowOf(value);
			const id = idOf(value.contributor);
			rows.set(id, [...(rows.get(id) ?? []), row]);
		} catch (error) {
			if (!(error instanceof MemoryInputError)) throw error;
			faults.push({ line, message: error.message });
		}
	}
	const sayings = batch.flatMap(({ value }) => (value.kind === 'saying' ? [value] : []));
	const exchanges = [...rows.values()]
		.flat()
		.flatMap(({ exchange_id, alternative_id }) => [exchange_id, ...(alternative_id ? [alternative_id] : [])]);
	touched.push(...exchanges, ...sayings.map(({ id }) => id));
	await holdExchanges(sql, classId, touched);
	for (const [contributorId, of] of rows) await putTrajectories(sql, classId, contributorId, of);
	for (const { id, labeller, label, byPerson } of sayings)
		await putSayings(sql, classId, labeller === null ? TEACHER : idOf(labeller), [{ exchange_id: id, label, by_person: byPerson }]);
	for (const { value } of batch)
		if (value.kind === 'benefit') await putBenefits(sql, { classId, contributorId: idOf(value.measuredBy) }, [value]);
	await settleAgain(sql, classId, touched);
	return faults;
}

const namesIn = (line: MemoryLine): string[] => {
	if (line.kind === 'trajectory') return [line.contributor];
	if (line.kind === 'benefit') return [line.measuredBy];
	return line.labeller === null ? [] : [line.labeller];
};

/** The ids of contributors by their pseudonyms; those that are new are made. */
async function contributorIds(sql: Queries, classId: string, names: readonly string[]): Promise<(pseudonym: string) => string> {
	const each = [...new Set(names)].sort();
	await sql.query(
		`insert into contributors (class_id, id, pseudonym) select $1, given.id, given.pseudonym
		from unnest($2::text[], $3::text[]) as given (id, pseudonym) order by given.pseudonym on conflict (class_id, pseudonym) do nothing`,
		[classId, each.map(() => crypto.randomUUID()), each],
	);
	const rows = await sql.query<{ id: string; pseudonym: string }>(
		'select id, pseudonym from contributors where class_id = $1 and pseudonym = any($2::text[])',
		[classId, each],
	);
	const ids = new Map(rows.map(({ id, pseudonym }) => [pseudonym, id] as const));
	return (pseudonym) => {
		const id = ids.get(pseudonym);
		if (id === undefined) throw new Error(`No contributor is called ${excerpt(JSON.stringify(pseudonym))}, though each was made.`);
		return id;
	};
}
