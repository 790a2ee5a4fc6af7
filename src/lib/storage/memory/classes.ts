/** Classes and who is in them: a code lets in, a token says who somebody is, a key opens the teacher's desk. Of token and key only the hash is kept. */
import { sha256 } from '$lib/model/sha256';

import type { Queries } from './sql';

/** A class as its members may know it. */
export interface ClassInfo {
	name: string;
	/** So many have to say the same of an exchange before others are given it. */
	quorum: number;
	/** Trajectories that one contributor may leave. */
	cap: number;
	contributors: number;
	trajectories: number;
	/** Exchanges that no quorum has settled yet. */
	quarantined: number;
}

/** Who asks: a contributor of a class, or its teacher. */
export type Member = { classId: string } & ({ role: 'student'; contributorId: string; pseudonym: string } | { role: 'teacher' });
export type Student = Extract<Member, { role: 'student' }>;

/** What is asked for is not allowed, or not there. `status` is the one of HTTP. */
export class MemoryRefusal extends Error {
	override name = 'MemoryRefusal';
	constructor(
		readonly status: 401 | 403 | 404 | 409,
		message: string,
	) {
		super(message);
	}
}

export const TEACHER = 'teacher';
export const DEFAULT_QUORUM = 2;
export const DEFAULT_CAP = 2000;

/** Letters and digits that are not taken for one another when a code is read aloud or from the board: 30 of them, so that 8 make 6.6·10¹¹ codes. */
const CODE_SIGNS = '23456789ABCDEFGHJKMNPQRSTVWXYZ';

/** A secret that nobody guesses, of 256 random bits. */
export const newSecret = () =>
	Array.from(crypto.getRandomValues(new Uint8Array(32)), (byte) => byte.toString(16).padStart(2, '0')).join('');

function newCode(): string {
	const sign = () => {
		for (;;) {
			const [byte] = crypto.getRandomValues(new Uint8Array(1));
			if (byte! < 240) return CODE_SIGNS[byte! % CODE_SIGNS.length]!; // 240 is 8 · 30: each is equally likely
		}
	};
	const half = () => Array.from({ length: 4 }, sign).join('');
	return `${half()}-${half()}`;
}

/** A code as it is kept, however it was typed. */
export const codeOf = (typed: string) => {
	const signs = typed.toUpperCase().replace(/[^0-9A-Z]/g, '');
	return `${signs.slice(0, 4)}-${signs.slice(4)}`;
};

/** Makes a class. The key is given here once, and never again. */
export async function createClass(
	sql: Queries,
	name: string,
	{ quorum = DEFAULT_QUORUM, cap = DEFAULT_CAP }: { quorum?: number; cap?: number } = {},
): Promise<{ id: string; code: string; key: string }> {
	const [id, code, key] = [crypto.randomUUID(), newCode(), newSecret()];
	await sql.query('insert into classes (id, name, code, key_hash, quorum, cap) values ($1, $2, $3, $4, $5, $6)', [
		id,
		name,
		code,
		await sha256(key),
		quorum,
		cap,
	]);
	return { id, code, key };
}

/** The classes of this store, the oldest first. */
export const listClasses = (sql: Queries) =>
	sql.query<{ id: string; name: string; code: string }>('select id, name, code from classes order by created_at, id');

/** Gives a class another key, where the old one was lost or has become known. */
export async function renewKey(sql: Queries, classId: string): Promise<string> {
	const key = newSecret();
	await sql.query('update classes set key_hash = $2 where id = $1', [classId, await sha256(key)]);
	return key;
}

/**
 * Lets somebody in. The token is of their own making, so that they may ask again when the answer was lost. @throws MemoryRefusal 404 when there
 * is no such class, 409 when the pseudonym is somebody else's
 */
export async function join(
	sql: Queries,
	{ code, pseudonym, token }: { code: string; pseudonym: string; token: string },
): Promise<Student & { name: string }> {
	const [found] = await sql.query<{ id: string; name: string }>('select id, name from classes where code = $1', [codeOf(code)]);
	if (!found) throw new MemoryRefusal(404, 'There is no class with this code. Look at it once more, or ask your teacher.');
	const { id: classId, name } = found;
	const hash = await sha256(token);
	const [joined] = await sql.query<{ id: string; token_hash: string }>(
		`insert into contributors (class_id, id, pseudonym, token_hash) values ($1, $2, $3, $4)
		on conflict (class_id, pseudonym) do update set pseudonym = excluded.pseudonym returning id, token_hash`,
		[classId, crypto.randomUUID(), pseudonym, hash],
	);
	if (joined!.token_hash !== hash)
		throw new MemoryRefusal(409, `Somebody in this class is called “${pseudonym}” already. Take another name.`);
	return { classId, role: 'student', contributorId: joined!.id, pseudonym, name };
}

/** Whose token, or key, it is. @throws MemoryRefusal 401 when it is nobody's */
export async function memberOf(sql: Queries, secret: string): Promise<Member> {
	const hash = await sha256(secret);
	const [student] = await sql.query<{ class_id: string; id: string; pseudonym: string }>(
		'select class_id, id, pseudonym from contributors where token_hash = $1',
		[hash],
	);
	if (student) return { classId: student.class_id, role: 'student', contributorId: student.id, pseudonym: student.pseudonym };
	const [teacher] = await sql.query<{ id: string }>('select id from classes where key_hash = $1', [hash]);
	if (teacher) return { classId: teacher.id, role: 'teacher' };
	throw new MemoryRefusal(401, 'This class does not know you (any more). Join it with its code.');
}

export async function classInfo(sql: Queries, classId: string): Promise<ClassInfo> {
	const [info] = await sql.query<ClassInfo>(
		`select name, quorum, cap,
			(select count(*)::int from contributors where class_id = $1) as contributors,
			(select count(*)::int from trajectories where class_id = $1) as trajectories,
			(select count(distinct t.exchange_id)::int from trajectories t join exchanges e on e.class_id = t.class_id and e.id = t.exchange_id
				where t.class_id = $1 and e.label is null) as quarantined
		from classes where id = $1`,
		[classId],
	);
	return info!;
}
