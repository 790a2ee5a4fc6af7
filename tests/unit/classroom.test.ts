/** A student in a class: joining, the queue of what is shared, and what becomes of it when the server is away. */
import 'fake-indexeddb/auto';

import { beforeEach, describe, expect, it, vi } from 'vitest';

import type { Trajectory } from '$lib/conscience/memory';
import { presetById } from '$lib/experiment/presets';
import { Classroom, type ClassAccess, type StudentClient } from '$lib/state/classroom.svelte';
import * as store from '$lib/storage/classStore';
import type { KeptRun } from '$lib/storage/database';
import { ClassServerError, serverAddress } from '$lib/storage/memory/client';

import { trajectory } from './trajectories';

/** A class server in memory: it can be away, and refuse what it is told to. */
function fakeServer() {
	const kept = new Map<string, Trajectory>();
	const server = {
		kept,
		away: false,
		calls: 0,
		left: '',
		tokens: [] as string[],
		refuses: (() => false) as (trajectory: Trajectory) => boolean,
		loseAnswer: false,
	};
	const answer = <T>(work: () => T) => {
		if (server.away) throw new ClassServerError(null, 'The class server does not answer.');
		const result = work();
		if (!server.loseAnswer) return result;
		server.loseAnswer = false;
		throw new ClassServerError(null, 'The answer was lost.');
	};
	const client: StudentClient = {
		memory: { nearest: async () => [], deposit: async () => ({ added: 0, known: 0, refused: 0 }), measured: async () => {} },
		info: async () => answer(() => ({ ...{ role: 'student' as const, pseudonym: 'ann', code: null, name: 'Ethics', quorum: 2, cap: 9 }, ...{ contributors: 1, trajectories: kept.size, quarantined: 0 } })), // prettier-ignore
		deposit: async (given) =>
			answer(() => {
				server.calls++;
				if (given.some(server.refuses)) throw new ClassServerError(400, 'question: must not be rude');
				const known = given.filter(({ id }) => kept.has(id)).length;
				for (const each of given) kept.set(each.id, each);
				return { added: given.length - known, known, refused: 0 };
			}),
		deposits: async () => answer(() => []),
		agreed: async () => answer(() => ''),
		removeDeposits: async (ids) => answer(() => ids.forEach((id) => kept.delete(id))),
		leave: async (deposits) => answer(() => void (server.left = deposits)),
	};
	const access: ClassAccess = {
		async join(_, { pseudonym, token }) {
			return answer(() => {
				server.tokens.push(token);
				return { pseudonym, name: 'Ethics' };
			});
		},
		client: () => client,
		newSecret: () => String(Math.random()),
	};
	return { server, access };
}

const run = { id: 'r1', experiment: presetById('twin').experiment } as KeptRun;
const questions = (n: number) => Array.from({ length: n }, (_, i) => `Question ${i}?`);

function classroomOf(access: ClassAccess, asked: readonly string[], pauses = [5], whileReading = async () => {}) {
	const states = async (_: string, exchanges: readonly unknown[]) => {
		await whileReading();
		return exchanges.map(() => ({ revision: 'f'.repeat(64), values: Float32Array.of(1, 2) }));
	};
	const events = async () => {
		const verdicts = await Promise.all(
			asked.map(async (question, i) => {
				const { frameworkId, frameworkHash, answer, judge, verdict } = await trajectory({ question });
				return {
					id: `v${i}`,
					step: 1,
					question,
					answer,
					frameworkId,
					frameworkHash,
					judge,
					verdict,
					trueLabel: 'unethical' as const,
					flagged: true,
				};
			}),
		);
		return [{ kind: 'verdicts' as const, step: 1, verdicts, refused: [] }];
	};
	return new Classroom(store, access, { events, labels: async () => new Map() }, states, pauses);
}

beforeEach(async () => store.writeMembership(null));

async function joined(access: ClassAccess, asked: readonly string[]) {
	const classroom = classroomOf(access, asked);
	await classroom.begin();
	expect(classroom.membership).toBeNull(); // off until somebody joins
	await classroom.join('localhost:8787', 'ABCD-EFGH', 'ann');
	expect(classroom.membership).toMatchObject({ server: 'http://localhost:8787', role: 'student', pseudonym: 'ann', name: 'Ethics' });
	return classroom;
}

describe('a student in a class', () => {
	it('shares what a run has reviewed, in batches, and nothing twice', async () => {
		const { server, access } = fakeServer();
		const classroom = await joined(access, questions(45));
		await classroom.deposit(run);
		expect(server.kept.size).toBe(45);
		expect(server.calls).toBe(3);
		expect(classroom).toMatchObject({ waiting: 0, reading: null, fault: null, reached: true, sent: { added: 45, known: 0, refused: 0 } });
		const [first] = server.kept.values();
		expect(first).toMatchObject({ model: 'organism', revision: 'f'.repeat(64), run: 'r1', state: { values: Float32Array.of(1, 2) } });
		await classroom.deposit(run);
		expect(classroom.sent).toEqual({ added: 45, known: 45, refused: 0 });
	});

	it('keeps what waits while the server is away, over a reload, and sends it when it is back', async () => {
		const { server, access } = fakeServer();
		const before = await joined(access, questions(30));
		server.away = true;
		await before.deposit(run);
		expect(before).toMatchObject({ waiting: 30, reached: false, fault: null });

		const after = classroomOf(access, []); // the page is opened again
		await after.begin();
		expect(after).toMatchObject({ waiting: 30, reached: false });
		expect(after.membership?.pseudonym).toBe('ann');
		server.away = false;
		// By itself, after its pause, which a busy machine makes longer; whichever of the two sends it, the other (a second tab) learns of it.
		await vi.waitFor(() => expect([before.waiting, after.waiting]).toEqual([0, 0]), { timeout: 15_000 });
		expect(server.kept.size).toBe(30);
	});

	it('sends again what may have been lost on the way, and it is kept once', async () => {
		const { server, access } = fakeServer();
		const classroom = await joined(access, questions(3));
		server.loseAnswer = true;
		await classroom.deposit(run);
		expect(classroom.waiting).toBe(3);
		await classroom.refresh();
		expect(classroom.sent).toEqual({ added: 0, known: 3, refused: 0 });
		expect(server.kept.size).toBe(3);
	});

	it('sends the others where one is not wanted, and says why', async () => {
		const { server, access } = fakeServer();
		const classroom = await joined(access, questions(25));
		server.refuses = ({ question }) => question === 'Question 7?';
		await classroom.deposit(run);
		expect(server.kept.size).toBe(24);
		expect(classroom).toMatchObject({ waiting: 0, rejected: { count: 1, reason: 'question: must not be rude' } });
	});

	it('joins once, also when the answer was lost', async () => {
		const { server, access } = fakeServer();
		const classroom = classroomOf(access, []);
		await classroom.begin();
		server.loseAnswer = true;
		expect(await classroom.join('localhost:8787', 'ABCD-EFGH', 'ann')).toBe(false);
		expect(classroom.refusal).toContain('lost');
		expect(await classroom.join('localhost:8787', 'ABCD-EFGH', 'ann')).toBe(true);
		expect(new Set(server.tokens).size).toBe(1);
	});

	it('leaves, and forgets its token and what waits', async () => {
		const { server, access } = fakeServer();
		const classroom = await joined(access, questions(2));
		server.away = true;
		await classroom.deposit(run);
		await classroom.leave('delete');
		expect(classroom.membership).not.toBeNull(); // what is shared can't be deleted now, and would never be
		server.away = false;
		await classroom.leave('delete');
		expect(server.left).toBe('delete');
		expect(classroom).toMatchObject({ membership: null, waiting: 0 });
		expect(await store.readMembership()).toBeNull();
		expect(await store.countWaiting()).toBe(0);
	});

	it('takes nothing that was meant for one class to another', async () => {
		const { server, access } = fakeServer();
		const classroom: Classroom = classroomOf(access, questions(3), [5], async () => {
			await classroom.leave('keep');
			await classroom.join('localhost:8788', 'ABCD-EFGH', 'bob');
		});
		await classroom.begin();
		await classroom.join('localhost:8787', 'ABCD-EFGH', 'ann');
		await classroom.deposit(run);
		expect(classroom.membership?.pseudonym).toBe('bob');
		expect([server.kept.size, await store.countWaiting(), classroom.reading]).toEqual([0, 0, null]);

		const another = classroomOf(access, questions(3), [5], () => store.writeMembership(null)); // left in another tab
		await another.begin();
		await another.deposit(run);
		expect([server.kept.size, await store.countWaiting()]).toEqual([0, 0]);
	});

	it('sends what waits for the class that was joined while another call was under way', async () => {
		const { server, access } = fakeServer();
		const classroom = await joined(access, questions(2));
		let asked = 0;
		server.refuses = () => {
			if (asked++ === 0) void classroom.leave('keep').then(() => classroom.join('localhost:8788', 'ABCD-EFGH', 'bob')).then(() => classroom.deposit(run)); // prettier-ignore
			return false;
		};
		await classroom.deposit(run);
		await vi.waitFor(() => expect(classroom.sent).toEqual({ added: 0, known: 2, refused: 0 }));
		expect(classroom).toMatchObject({ waiting: 0, sending: false, membership: { pseudonym: 'bob' } });
	});

	it('leaves on the page what went wrong, until the reader does something else', async () => {
		const { server, access } = fakeServer();
		const classroom = classroomOf(access, questions(2), [5], () => Promise.reject(new Error('The GPU was lost.')));
		await classroom.begin();
		await classroom.join('localhost:8787', 'ABCD-EFGH', 'ann');
		await classroom.deposit(run);
		expect(classroom.fault).toBe('The GPU was lost.');
		await classroom.refresh();
		expect(classroom.fault).toBeNull();
		server.away = true;
		await classroom.leave('delete');
		expect(classroom.fault).toContain('You are still in the class');
	});

	it('tells what else goes wrong, and keeps what waits', async () => {
		const { server, access } = fakeServer();
		const classroom = await joined(access, questions(2));
		server.refuses = () => {
			throw new ClassServerError(401, 'This class does not know you (any more).');
		};
		await classroom.deposit(run);
		expect(classroom).toMatchObject({ waiting: 2, fault: 'This class does not know you (any more).' });
	});
});

it('reads an address as people type it', () => {
	expect(serverAddress(' 192.168.1.20:8787/ ')).toBe('http://192.168.1.20:8787');
	expect(serverAddress('https://class.example/lab/')).toBe('https://class.example/lab');
	expect(() => serverAddress('http://')).toThrow('no address');
});
