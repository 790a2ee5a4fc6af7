/** What the tests of a memory share: classes, texts that are hard to keep, and the life of a class by chance. */
import { LABELS, type Label, verdictOf } from '$lib/conscience/judge';
import type { PooledState, Trajectory } from '$lib/conscience/memory';
import { normal, seededRandom } from '$lib/model/random';
import { createClass, join, type Member, newSecret, type Student } from '$lib/storage/memory/classes';
import type { Sql } from '$lib/storage/memory/sql';

import { trajectory } from '../unit/trajectories';

export type Get = () => Sql;

export const NASTY = `'); drop table trajectories; -- " $1 \\ {"a": 1} 𝔘𝔫𝔦 \u202e ${'\n\t'}`;

export async function classOf(sql: Sql, names: readonly string[], options: { quorum?: number; cap?: number } = {}) {
	const made = await createClass(sql, 'Ethics', options);
	const students: Student[] = [];
	for (const pseudonym of names) students.push(await join(sql, { code: made.code, pseudonym, token: newSecret() }));
	return { ...made, students, teacher: { classId: made.id, role: 'teacher' } as Member };
}

export const drawn = (random: () => number): PooledState['values'] => Float32Array.from({ length: 6 }, () => normal(random));

/** Deposits and words of a class by chance, the same for the same seed. */
export async function lifeOfClass(seed: number): Promise<{ by: number; trajectory: Trajectory }[]> {
	const random = seededRandom(seed);
	const pickOf = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)]!;
	return Promise.all(
		Array.from({ length: 60 }, async () => {
			const label: Label | null = random() < 0.2 ? pickOf(LABELS) : null;
			const p = random() < 0.5 ? [0.8, 0.1, 0.1] : [0.1, 0.1, 0.8];
			const alternative = random() < 0.5 ? { answer: pickOf(['Kind.', 'Kinder.']), verdict: verdictOf(random() < 0.8 ? [0.9, 0.05, 0.05] : [0.1, 0.8, 0.1]) } : null; // prettier-ignore
			const about = { question: `q${Math.floor(random() * 8)}`, answer: pickOf(['yes', 'no']), verdict: verdictOf(p), label, alternative };
			return { by: Math.floor(random() * 4), trajectory: await trajectory({ ...about, values: [...drawn(random)] }) };
		}),
	);
}
