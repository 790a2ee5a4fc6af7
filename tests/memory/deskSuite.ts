/** The teacher's desk of a memory in a database, and the memory as a file. */
import { expect, it } from 'vitest';

import { verdictOf } from '$lib/conscience/judge';
import { exchangeId } from '$lib/conscience/memory';
import { classInfo, createClass, join, listClasses, newSecret, type Student } from '$lib/storage/memory/classes';
import { contributors, depositsOf, label, leave, quarantined, remove, removeClass, removeContributor } from '$lib/storage/memory/desk';
import { exportLines, importLines } from '$lib/storage/memory/jsonl';
import type { Sql } from '$lib/storage/memory/sql';
import { deposit, putBenefits } from '$lib/storage/memory/trajectories';

import { trajectory } from '../unit/trajectories';
import { classOf, type Get, lifeOfClass, NASTY } from './lives';

export function deskTests(get: Get) {
	it('shows what is in quarantine page by page, and lets out what the teacher agrees to', async () => {
		const sql = get();
		const { students, id } = await classOf(sql, ['ann', 'bob']);
		const given = await Promise.all(['a', 'b', 'c'].map((question) => trajectory({ question })));
		const alternative = { answer: 'Help.', verdict: verdictOf([0.9, 0.05, 0.05]) };
		await deposit(sql, students[0]!, [{ ...given[0]!, alternative }]);
		await deposit(sql, students[0]!, given.slice(1));
		await deposit(sql, students[1]!, given.slice(2));
		const first = await quarantined(sql, id, 1);
		expect(first[0]).toMatchObject({ question: 'a', contributor: 'ann', agreed: null, said: { unethical: 1 }, alternative });
		const rest = await quarantined(sql, id, 5, first[0]);
		expect(rest.map(({ question }) => question)).toEqual(['b']);
		await label(sql, id, [
			{ id: given[0]!.id, label: 'unethical' },
			{ id: given[1]!.id, label: 'ethical' },
			{ id: 'd'.repeat(64), label: 'ethical' }, // of what is not there nothing is said
		]);
		expect((await quarantined(sql, id, 5)).map(({ question, agreed }) => [question, agreed])).toEqual([
			['a', 'unethical'],
			['b', null],
		]);
		await label(sql, id, [
			{ id: await exchangeId({ question: 'a', answer: 'Help.' }, given[0]!.frameworkHash), label: 'ethical' },
			{ id: given[1]!.id, label: 'unethical' }, // on second thoughts
		]);
		expect(await quarantined(sql, id, 5)).toEqual([]);
		expect(await contributors(sql, id)).toMatchObject([
			{ pseudonym: 'ann', trajectories: 3, settled: 3, overruled: 0 },
			{ pseudonym: 'bob', trajectories: 1, settled: 1, overruled: 0 },
		]);
	});

	it('lists the class in the order in which it came, those of one moment by name', async () => {
		const sql = get();
		const { id } = await classOf(sql, ['eve', 'dan', 'cai', 'bob', 'ann']);
		const moments = { eve: 1, dan: 2, cai: 3, bob: 3, ann: 3 };
		for (const [pseudonym, second] of Object.entries(moments))
			await sql.query('update contributors set joined_at = to_timestamp($3) where class_id = $1 and pseudonym = $2', [id, pseudonym, second]); // prettier-ignore
		expect((await contributors(sql, id)).map(({ pseudonym }) => pseudonym)).toEqual(['eve', 'dan', 'ann', 'bob', 'cai']);
	});

	it('gives out nothing that the teacher contradicts, whatever the class says after', async () => {
		const sql = get();
		const { students, id } = await classOf(sql, ['ann', 'bob']);
		const given = await trajectory();
		await deposit(sql, students[0]!, [given]);
		await label(sql, id, [{ id: given.id, label: 'ethical' }]);
		await deposit(sql, students[1]!, [given]);
		expect(await classInfo(sql, id)).toMatchObject({ trajectories: 2, quarantined: 1 });
		for (const waits of await quarantined(sql, id, 5)) expect(waits).toMatchObject({ agreed: null, said: { unethical: 2, ethical: 1 } });
		await label(sql, id, [{ id: given.id, label: 'unethical' }]); // on second thoughts
		expect(await quarantined(sql, id, 5)).toEqual([]);
	});

	it('lets students delete what is theirs, and what they said for it', async () => {
		const sql = get();
		const { students, id } = await classOf(sql, ['ann', 'bob']);
		const [ann, bob] = students as [Student, Student];
		const given = await trajectory();
		await deposit(sql, ann, [given]);
		await deposit(sql, bob, [given]);
		expect(await classInfo(sql, id)).toMatchObject({ trajectories: 2, quarantined: 0 });
		await expect(remove(sql, ann, [{ contributorId: bob.contributorId, id: given.id }])).rejects.toThrow('not yours');
		expect(await remove(sql, ann, [{ contributorId: ann.contributorId, id: given.id }])).toBe(1);
		expect(await remove(sql, ann, [{ contributorId: ann.contributorId, id: given.id }])).toBe(0);
		expect(await classInfo(sql, id)).toMatchObject({ trajectories: 1, quarantined: 1 });
		expect((await depositsOf(sql, id, bob.contributorId, 5)).map(({ agreed }) => agreed)).toEqual([null]);
		expect(await depositsOf(sql, id, ann.contributorId, 5)).toEqual([]);
	});

	it('takes somebody out with all that they left and said, and leaves what is not theirs', async () => {
		const sql = get();
		const { students, id, code, teacher } = await classOf(sql, ['ann', 'bob', 'cai']);
		const [ann, bob] = students as [Student, Student];
		const given = await trajectory();
		await deposit(sql, ann, [given]);
		await deposit(sql, bob, [given]);
		await removeContributor(sql, id, bob.contributorId);
		expect(await classInfo(sql, id)).toMatchObject({ trajectories: 1, quarantined: 1, contributors: 2 });
		expect(await remove(sql, teacher, [{ contributorId: ann.contributorId, id: given.id }])).toBe(1);
		await leave(sql, id, ann.contributorId);
		await expect(join(sql, { code, pseudonym: 'ann', token: newSecret() })).rejects.toThrow('called');
	});

	it('deletes a class whole, and no other', async () => {
		const sql = get();
		const [one, other] = [await classOf(sql, ['ann']), await classOf(sql, ['ann'])];
		for (const { students } of [one, other]) await deposit(sql, students[0]!, [await trajectory()]);
		await removeClass(sql, one.id);
		expect((await listClasses(sql)).map(({ id }) => id)).not.toContain(one.id);
		for (const table of ['contributors', 'exchanges', 'trajectories', 'sayings'])
			expect(await sql.query(`select 1 from ${table} where class_id = $1`, [one.id])).toEqual([]);
		expect(await classInfo(sql, other.id)).toMatchObject({ trajectories: 1 });
	});
}

async function textOf(sql: Sql, id: string): Promise<string> {
	let text = '';
	for await (const lines of exportLines(sql, id)) text += lines;
	return text;
}

export function fileTests(get: Get) {
	it('comes back from its lines as it was, and from its lines twice as well', async () => {
		const sql = get();
		const { students, id } = await classOf(sql, ['ann', 'bob', 'cai', 'dee']);
		for (const { by, trajectory } of await lifeOfClass(5)) await deposit(sql, students[by]!, [trajectory]);
		const [some] = await quarantined(sql, id, 1);
		await label(sql, id, [{ id: some!.id, label: 'unethical' }]);
		await putBenefits(sql, students[1]!, [{ id: some!.id, contributor: some!.contributor, question: NASTY, value: -0.5 }]);
		const text = await textOf(sql, id);
		expect(text).not.toContain('token');

		const copy = await createClass(sql, 'Copy');
		expect(await importLines(sql, copy.id, text)).toEqual({ lines: text.trim().split('\n').length, faults: [] });
		const sorted = (lines: string) => lines.trim().split('\n').map((line) => JSON.stringify(Object.entries(JSON.parse(line) as object).sort())).sort(); // prettier-ignore
		expect(sorted(await textOf(sql, copy.id))).toEqual(sorted(text));
		const { name, ...standing } = await classInfo(sql, id);
		expect(await classInfo(sql, copy.id)).toEqual({ ...standing, name: 'Copy' });
		expect(name).toBe('Ethics');
		await importLines(sql, copy.id, text);
		expect(sorted(await textOf(sql, copy.id))).toEqual(sorted(text));
	});

	it('says which lines it can’t use, and uses the others', async () => {
		const sql = get();
		const { students, id } = await classOf(sql, ['ann']);
		await deposit(sql, students[0]!, [await trajectory()]);
		const [line] = (await textOf(sql, id)).split('\n');
		const wrong = JSON.stringify({ ...(JSON.parse(line!) as object), question: 'another' });
		const { id: copy } = await createClass(sql, 'Copy');
		const { lines, faults } = await importLines(sql, copy, ['no json', line, '{"kind":"secret"}', wrong].join('\n'));
		expect(lines).toBe(1);
		expect(faults.map(({ line }) => line)).toEqual([1, 3, 4]);
		expect(faults[2]!.message).toContain('exchangeId');
	});
}
