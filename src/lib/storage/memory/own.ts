import type { Memory, PooledState } from '$lib/conscience/memory';

import { knownLines, TAKEN } from './agreed';
import { type ClassInfo, classInfo, createClass, join, listClasses, newSecret, type Student } from './classes';
import { removeClass } from './desk';
import { exportLines, importLines } from './jsonl';
import type { Sql } from './sql';
import { deposit, nearest, putBenefits } from './trajectories';

/** A browser keeps no more than so many trajectories of the reader's own runs. */
const CAP = 50_000;

/** A memory that is one person's alone: a class of one, whose quorum is their own word. It is made when there is none, and anew when it is cleared. */
export async function ownClass(sql: Sql) {
	let me = await begin(sql);
	const memory: Memory = {
		nearest: (state, k) => nearest(sql, me.classId, state, k),
		deposit: (trajectories) => deposit(sql, me, trajectories),
		measured: (benefits) => putBenefits(sql, me, benefits),
	};
	return {
		memory,
		info: (): Promise<ClassInfo> => classInfo(sql, me.classId),
		async exportLines(): Promise<Uint8Array<ArrayBuffer>> {
			let text = '';
			for await (const lines of exportLines(sql, me.classId)) text += lines;
			return new TextEncoder().encode(text);
		},
		/** All of it that a model has read, as JSON lines. */
		async agreed({ revision, values }: PooledState): Promise<string> {
			let text = '';
			const caps = { most: TAKEN.most, perContributor: TAKEN.most }; // all of it is one's own
			for await (const lines of knownLines(sql, me.classId, { revision, dimensions: values.length }, caps)) text += lines;
			return text;
		},
		importLines: (text: string) => importLines(sql, me.classId, text),
		async clear(): Promise<void> {
			await removeClass(sql, me.classId);
			me = await begin(sql);
		},
	};
}

/** In one transaction: of two tabs that open the memory at once, the second finds what the first has made. */
function begin(sql: Sql): Promise<Student> {
	return sql.transaction(async (transaction) => {
		const [there] = await listClasses(transaction);
		const [me] = there ? await transaction.query<{ id: string }>('select id from contributors where class_id = $1 and pseudonym = $2', [there.id, 'me']) : []; // prettier-ignore
		if (there && me) return { classId: there.id, role: 'student', contributorId: me.id, pseudonym: 'me' };
		const { code } = await createClass(transaction, 'A memory of your own', { quorum: 1, cap: CAP });
		return join(transaction, { code, pseudonym: 'me', token: newSecret() });
	});
}
