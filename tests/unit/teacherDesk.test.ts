/** The teacher's desk: what waits for a second word, page by page, and what goes wrong. */
import { describe, expect, it } from 'vitest';

import { verdictOf } from '$lib/conscience/judge';
import { type DeskClient, TeacherDesk } from '$lib/state/teacherDesk.svelte';
import { ClassServerError } from '$lib/storage/memory/client';
import type { Cursor, Listed } from '$lib/storage/memory/desk';
import { LIMITS } from '$lib/storage/memory/wire';

const listed = (i: number): Listed => ({
	...{
		id: String(i).padStart(64, '0'),
		contributorId: 'c1',
		contributor: 'ann',
		question: `q${i}`,
		answer: 'a',
		frameworkId: 'three-laws',
	},
	...{ verdict: verdictOf([0.1, 0.1, 0.8]), alternative: null, alternativeId: null, model: 'organism', run: 'r1', step: 0, depositedAt: i },
	...{ agreed: null, alternativeAgreed: null, said: { unethical: 1 } },
});

/** A class in which so many answers wait; a word lets one out. */
function deskOf(waiting: number) {
	let left = Array.from({ length: waiting }, (_, i) => listed(i));
	const state = { away: false };
	const answer = async <T>(work: () => T): Promise<T> => {
		if (state.away) throw new ClassServerError(null, 'The class server does not answer.');
		return work();
	};
	const client: DeskClient = {
		info: () => answer(() => ({ ...{ role: 'teacher' as const, pseudonym: null, code: 'ABCD-EFGH', name: 'Ethics', quorum: 2, cap: 9 }, ...{ contributors: 1, trajectories: waiting, quarantined: left.length } })), // prettier-ignore
		quarantine: (after: Cursor | null) =>
			answer(() => left.filter(({ depositedAt }) => depositedAt > (after?.depositedAt ?? -1)).slice(0, LIMITS.deskPage)),
		label: (labels) => answer(() => void (left = left.filter(({ id }) => !labels.some((label) => label.id === id)))),
		contributors: () => answer(() => []),
		removeContributor: () => answer(() => {}),
		removeTrajectories: (which) => answer(() => void (left = left.filter(({ id }) => !which.some((gone) => gone.id === id)))),
		removeClass: () => answer(() => {}),
		exportLines: () => answer(() => new Uint8Array()),
		importLines: () => answer(() => ({ lines: 3, faults: [{ line: 2, message: 'is not JSON' }] })),
	};
	return { desk: new TeacherDesk(client), state };
}

const questions = ({ quarantine }: TeacherDesk) => quarantine!.map(({ question }) => question);

describe('the teacher’s desk', () => {
	it('shows what waits page by page, and stays where it was turned to when something is said', async () => {
		const { desk } = deskOf(60);
		await desk.refresh();
		expect([questions(desk).length, desk.more]).toEqual([25, true]);
		await desk.next();
		expect(questions(desk)).toEqual(Array.from({ length: 50 }, (_, i) => `q${i}`));
		await desk.label(desk.quarantine![40]!.id, 'unethical');
		expect(questions(desk).length).toBe(50);
		expect(questions(desk)).not.toContain('q40');
		await desk.next();
		expect([questions(desk).length, desk.more]).toEqual([59, false]);
		await desk.removeTrajectory(desk.quarantine![58]!);
		expect(questions(desk).at(-1)).toBe('q58');
		expect(new Set(questions(desk)).size).toBe(58);
	});

	it('tells what of a file it took in, and what went wrong', async () => {
		const { desk, state } = deskOf(0);
		await desk.import(new File([''], 'memory.jsonl'));
		expect(desk.done).toBe('3 lines of memory.jsonl were taken in. 1 could not be used; the first is line 2: is not JSON.');
		state.away = true;
		expect(await desk.removeClass()).toBe(false);
		expect(desk).toMatchObject({ fault: 'The class server does not answer.', done: null, busy: false });
		expect(await desk.export()).toBeNull();
	});
});
