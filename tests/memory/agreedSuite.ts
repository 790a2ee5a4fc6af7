import { expect, it } from 'vitest';

import { ListMemory } from '$lib/conscience/listMemory';
import type { Recalled, Remembered } from '$lib/conscience/memory';
import { agreed } from '$lib/storage/memory/agreed';
import type { Sql } from '$lib/storage/memory/sql';
import { deposit, putBenefits } from '$lib/storage/memory/trajectories';

import { trajectory } from '../unit/trajectories';
import { classOf, type Get, lifeOfClass } from './lives';

const OF = { revision: 'f'.repeat(64), dimensions: 2 };

async function all(sql: Sql, classId: string, of = OF, caps?: { most: number; perContributor: number }) {
	const found: Recalled[] = [];
	for await (const batch of agreed(sql, classId, of, caps)) found.push(...batch);
	return found;
}

/** What of a class's memory may be taken along into a run. */
export function agreedTests(get: Get) {
	it('gives all that a search could find, and nothing of the quarantine', async () => {
		const sql = get();
		for (const seed of [4, 5]) {
			const names = ['ann', 'bob', 'cai', 'dee'];
			const { students, id } = await classOf(sql, names);
			let clock = 0;
			const list = new ListMemory(2, Infinity, () => clock++);
			for (const { by, trajectory } of await lifeOfClass(seed)) {
				await deposit(sql, students[by]!, [trajectory]);
				await list.of(names[by]!).deposit([trajectory]);
			}
			const essence = ({ contributor, id, agreed, alternativeAgreed, state }: Remembered) =>
				JSON.stringify([id, contributor, agreed, alternativeAgreed, [...state.values]]);
			const everything = await list.of('ann').nearest({ revision: OF.revision, values: new Float32Array(6).fill(1) }, Infinity);
			const ours = await all(sql, id, { ...OF, dimensions: 6 });
			expect(ours.length).toBeGreaterThan(5);
			expect(ours.map(essence).sort()).toEqual(everything.map(({ trajectory }) => essence(trajectory)).sort());
		}
	});

	it('takes the newest first, so many and no more, and no more of one than of others', async () => {
		const sql = get();
		const { students, id } = await classOf(sql, ['ann', 'bob'], { quorum: 1 });
		for (let i = 0; i < 6; i++) await deposit(sql, students[0]!, [await trajectory({ question: `ann ${i}` })]);
		for (let i = 0; i < 2; i++) await deposit(sql, students[1]!, [await trajectory({ question: `bob ${i}` })]);
		const questions = async (most: number, perContributor: number) =>
			(await all(sql, id, OF, { most, perContributor })).map(({ question }) => question);
		expect(await questions(9, 3)).toEqual(['bob 1', 'bob 0', 'ann 5', 'ann 4', 'ann 3']);
		expect(await questions(4, 9)).toEqual(['bob 1', 'bob 0', 'ann 5', 'ann 4']);
	});

	it('fetches a larger memory whole, each exchange once and in one order', async () => {
		const sql = get();
		const { students, id } = await classOf(sql, ['ann', 'bob'], { quorum: 1 });
		const many = await Promise.all(Array.from({ length: 300 }, (_, i) => trajectory({ question: `q${i}` })));
		for (const student of students) for (let at = 0; at < 300; at += 50) await deposit(sql, student, many.slice(at, at + 50));
		const found = await all(sql, id);
		expect(new Set(found.map(({ id }) => id)).size).toBe(300);
		expect(found).toHaveLength(300);
		expect(await all(sql, id)).toEqual(found);
	});

	it('knows no other model, length or class, and tells what was measured', async () => {
		const sql = get();
		const [one, other] = [await classOf(sql, ['ann', 'bob'], { quorum: 1 }), await classOf(sql, ['ann'], { quorum: 1 })];
		const given = await trajectory();
		await deposit(sql, one.students[0]!, [given, await trajectory({ question: 'longer', values: [1, 2, 3] })]);
		const benefit = { id: given.id, contributor: 'ann', question: 'another', value: 0.25 };
		await putBenefits(sql, one.students[1]!, [benefit]);
		const [found, ...more] = await all(sql, one.id);
		expect(more).toEqual([]);
		expect(found).toMatchObject({ ...given, contributor: 'ann', benefits: [{ ...benefit, measuredBy: 'bob' }] });
		expect(await all(sql, one.id, { ...OF, revision: 'e'.repeat(64) })).toEqual([]);
		expect(await all(sql, other.id)).toEqual([]);
	});
}
