/** What a memory in a database has to do, on whichever PostgreSQL: the same tests run on PGlite and on a real server. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { LABELS, type Label, verdictOf } from '$lib/conscience/judge';
import { ListMemory } from '$lib/conscience/listMemory';
import { type PooledState, settledLabel } from '$lib/conscience/memory';
import { seededRandom } from '$lib/model/random';
import {
	classInfo,
	codeOf,
	createClass,
	join,
	listClasses,
	memberOf,
	type MemoryRefusal,
	newSecret,
	renewKey,
} from '$lib/storage/memory/classes';
import { migrate } from '$lib/storage/memory/schema';
import type { Sql } from '$lib/storage/memory/sql';
import { deposit, nearest, putBenefits, sqlMemory } from '$lib/storage/memory/trajectories';
import { MemoryInputError } from '$lib/storage/memory/wire';

import { trajectory } from '../unit/trajectories';
import { agreedTests } from './agreedSuite';
import { deskTests, fileTests } from './deskSuite';
import { classOf, drawn, type Get, lifeOfClass, NASTY } from './lives';

/** Describes the tests over the database that `open` gives; each test has classes of its own in it. */
export function memorySuite(name: string, open: () => Promise<Sql>): void {
	describe(name, () => {
		let sql: Sql;
		beforeAll(async () => {
			sql = await open();
		});
		afterAll(() => sql?.close());

		classTests(() => sql);
		depositTests(() => sql);
		nearestTests(() => sql);
		agreedTests(() => sql);
		deskTests(() => sql);
		fileTests(() => sql);
	});
}

function classTests(get: Get) {
	it('lets in whoever has the code, however it is typed, and knows them again by their token alone', async () => {
		const sql = get();
		const { id, code, key } = await createClass(sql, 'Ethics 10b');
		expect(code).toMatch(/^[2-9A-HJKMNP-TV-Z]{4}-[2-9A-HJKMNP-TV-Z]{4}$/);
		const token = newSecret();
		const ann = await join(sql, { code: ` ${code.toLowerCase().replace('-', ' ')}`, pseudonym: 'ann', token });
		expect(ann).toMatchObject({ classId: id, role: 'student', pseudonym: 'ann', name: 'Ethics 10b' });
		expect(await join(sql, { code, pseudonym: 'ann', token })).toEqual(ann); // the answer was lost, and asked for again
		const { name, ...known } = ann;
		expect(await memberOf(sql, token)).toEqual(known);
		expect(name).toBe('Ethics 10b');
		expect(await memberOf(sql, key)).toEqual({ classId: id, role: 'teacher' });
		expect(await listClasses(sql)).toContainEqual({ id, name: 'Ethics 10b', code });
		expect(codeOf('abcd efgh')).toBe('ABCD-EFGH');
	});

	it('refuses another code, a name that is taken, and a token that is nobody’s', async () => {
		const sql = get();
		const { code, key } = await createClass(sql, 'Ethics');
		const refused = (status: number) => expect.objectContaining({ status }) as MemoryRefusal;
		await expect(join(sql, { code: 'AAAA-AAAA', pseudonym: 'ann', token: newSecret() })).rejects.toEqual(refused(404));
		await join(sql, { code, pseudonym: 'ann', token: newSecret() });
		await expect(join(sql, { code, pseudonym: 'ann', token: newSecret() })).rejects.toEqual(refused(409));
		await expect(memberOf(sql, newSecret())).rejects.toEqual(refused(401));
		await expect(memberOf(sql, NASTY)).rejects.toEqual(refused(401));
		const { id } = await memberOf(sql, key).then(({ classId }) => ({ id: classId }));
		const renewed = await renewKey(sql, id);
		await expect(memberOf(sql, key)).rejects.toEqual(refused(401));
		expect(await memberOf(sql, renewed)).toEqual({ classId: id, role: 'teacher' });
	});

	it('keeps no token and no key in the clear', async () => {
		const sql = get();
		const { code, key } = await createClass(sql, 'Ethics');
		const token = newSecret();
		await join(sql, { code, pseudonym: 'ann', token });
		for (const table of ['classes', 'contributors']) {
			const rows = JSON.stringify(await sql.query(`select * from ${table}`));
			expect(rows).toContain('hash');
			expect(rows).not.toContain(key);
			expect(rows).not.toContain(token);
		}
	});

	it('is brought to its version once, and leaves a newer one alone', async () => {
		const sql = get();
		const before = await sql.query('select * from memory_version');
		await migrate(sql);
		expect(await sql.query('select * from memory_version')).toEqual(before);
		await sql.query('update memory_version set version = version + 1');
		await expect(migrate(sql)).rejects.toThrow('use a newer lab');
		await sql.query('update memory_version set version = version - 1');
	});
}

function depositTests(get: Get) {
	it('keeps every field as it came, whatever people write', async () => {
		const sql = get();
		const { students, id } = await classOf(sql, ['ann'], { quorum: 1 });
		const given = await trajectory({
			question: NASTY,
			answer: `${NASTY}!`,
			alternative: { answer: NASTY.repeat(2), verdict: verdictOf([0.8, 0.1, 0.1]) },
			verdict: { ...verdictOf([0.1, 0.2, 0.7]), by: 'file' },
			label: 'neutral',
			run: NASTY,
			values: [0.1, -2.5, 3e-7],
		});
		expect(await deposit(sql, students[0]!, [given])).toEqual({ added: 1, known: 0, refused: 0 });
		const [found] = await nearest(sql, id, given.state, 3);
		const { contributor, agreed, alternativeAgreed, depositedAt, ...kept } = found!.trajectory;
		expect(kept).toEqual(given);
		expect({ contributor, agreed, alternativeAgreed }).toEqual({ contributor: 'ann', agreed: 'neutral', alternativeAgreed: true });
		expect(Math.abs(depositedAt - Date.now())).toBeLessThan(60_000);
		expect(found!.similarity).toBeCloseTo(1, 6);
	});

	it('takes a deposit that is repeated for the same one, within a call and between calls', async () => {
		const sql = get();
		const { students, id } = await classOf(sql, ['ann']);
		const [a, b] = [await trajectory({ question: 'a' }), await trajectory({ question: 'b' })];
		expect(await deposit(sql, students[0]!, [a, a])).toEqual({ added: 1, known: 0, refused: 0 });
		expect(await deposit(sql, students[0]!, [a, b])).toEqual({ added: 1, known: 1, refused: 0 });
		expect(await classInfo(sql, id)).toMatchObject({ trajectories: 2, quarantined: 2, contributors: 1 });
	});

	it('refuses a text under the id of another, and keeps nothing of that call', async () => {
		const sql = get();
		const { students, id } = await classOf(sql, ['ann']);
		const [good, other] = [await trajectory({ question: 'a' }), await trajectory({ question: 'b' })];
		await expect(deposit(sql, students[0]!, [good, { ...good, id: other.id }])).rejects.toThrow(MemoryInputError);
		expect(await classInfo(sql, id)).toMatchObject({ trajectories: 0 });
	});

	it('holds the cap of a contributor, also when calls come at once', async () => {
		const sql = get();
		const { students, id } = await classOf(sql, ['ann', 'bob'], { cap: 5 });
		const many = await Promise.all(Array.from({ length: 12 }, (_, i) => trajectory({ question: `q${i}` })));
		const reports = await Promise.all([0, 4, 8].map((start) => deposit(sql, students[0]!, many.slice(start, start + 4))));
		expect(reports.reduce((sum, { added }) => sum + added, 0)).toBe(5);
		expect(reports.reduce((sum, { refused }) => sum + refused, 0)).toBe(7);
		expect(await deposit(sql, students[1]!, many.slice(0, 5))).toMatchObject({ added: 5 });
		expect(await classInfo(sql, id)).toMatchObject({ trajectories: 10 });
	});

	it('counts every say when a whole class leaves the same at once', async () => {
		const sql = get();
		const names = Array.from({ length: 8 }, (_, i) => `s${i}`);
		const { students, id } = await classOf(sql, names, { quorum: 8 });
		const same = await Promise.all(Array.from({ length: 20 }, (_, i) => trajectory({ question: `q${i}` })));
		await Promise.all(students.map((student, i) => deposit(sql, student, i % 2 ? same : [...same].reverse())));
		expect(await classInfo(sql, id)).toMatchObject({ trajectories: 160, quarantined: 0 });
	});
}

function nearestTests(get: Get) {
	it('finds what a search through a list finds, in the same order, with the same quarantine', async () => {
		const sql = get();
		for (const seed of [1, 2, 3]) {
			const names = ['ann', 'bob', 'cai', 'dee'];
			const { students, id } = await classOf(sql, names);
			let clock = 0;
			const list = new ListMemory(2, Infinity, () => clock++);
			for (const { by, trajectory } of await lifeOfClass(seed)) {
				await deposit(sql, students[by]!, [trajectory]);
				await list.of(names[by]!).deposit([trajectory]);
			}
			const random = seededRandom(seed, 'asked');
			for (let i = 0; i < 5; i++) {
				const state = { revision: 'f'.repeat(64), values: drawn(random) };
				const [ours, theirs] = [await nearest(sql, id, state, 7), await list.of('ann').nearest(state, 7)];
				const essence = ({ trajectory }: (typeof ours)[number]) => {
					const { contributor, id, agreed, alternativeAgreed } = trajectory;
					return { contributor, id, agreed, alternativeAgreed };
				};
				expect(ours.length).toBeGreaterThan(3);
				expect(ours.map(essence)).toEqual(theirs.map(essence));
				ours.forEach(({ similarity }, j) => expect(similarity).toBeCloseTo(theirs[j]!.similarity, 5));
			}
		}
	});

	it('settles exchanges by the rule that the conscience has', async () => {
		const sql = get();
		const { students, id } = await classOf(sql, ['a', 'b', 'c', 'd', 'e']);
		let question = 0;
		await fc.assert(
			fc.asyncProperty(fc.array(fc.constantFrom(...LABELS), { minLength: 1, maxLength: 5 }), async (labels) => {
				const about = await trajectory({ question: `case ${question++}` });
				for (const [i, said] of labels.entries()) await deposit(sql, students[i]!, [{ ...about, label: said }]);
				const [row] = await sql.query<{ label: Label | null }>('select label from exchanges where class_id = $1 and id = $2', [
					id,
					about.id,
				]);
				const sayings = labels.map((said, i) => ({ labeller: String(i), label: said }));
				expect(row!.label).toBe(settledLabel(sayings, 2));
			}),
			{ numRuns: 40 },
		);
	});

	it('compares no states of another model, length or class', async () => {
		const sql = get();
		const [one, other] = [await classOf(sql, ['ann'], { quorum: 1 }), await classOf(sql, ['ann'], { quorum: 1 })];
		const [two, three] = [
			await trajectory({ question: 'two', values: [1, 2] }),
			await trajectory({ question: 'three', values: [1, 2, 3] }),
		];
		await deposit(sql, one.students[0]!, [two, three]);
		const ask = (id: string, state: PooledState) =>
			nearest(sql, id, state, 5).then((found) => found.map((each) => each.trajectory.question));
		expect(await ask(one.id, two.state)).toEqual(['two']);
		expect(await ask(one.id, three.state)).toEqual(['three']);
		expect(await ask(one.id, { ...two.state, revision: 'e'.repeat(64) })).toEqual([]);
		expect(await ask(other.id, two.state)).toEqual([]);
	});

	it('tells with a neighbour what it was worth to others, the first measurement of each', async () => {
		const sql = get();
		const { students, id } = await classOf(sql, ['ann', 'bob'], { quorum: 1 });
		const given = await trajectory();
		const memory = sqlMemory(sql, students[1]!);
		await deposit(sql, students[0]!, [given]);
		const benefit = { id: given.id, contributor: 'ann', question: 'another', value: 0.25 };
		await memory.measured([benefit, { ...benefit, id: 'd'.repeat(64) }]);
		await putBenefits(sql, students[1]!, [{ ...benefit, value: 1 }]);
		expect((await memory.nearest(given.state, 1))[0]!.benefits).toEqual([{ ...benefit, measuredBy: 'bob' }]);
		expect((await nearest(sql, id, given.state, 1))[0]!.trajectory.contributor).toBe('ann');
	});
}
