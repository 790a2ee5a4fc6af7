/** The class server's calls, on whichever PostgreSQL: what they let in, and what they don't. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { verdictOf } from '$lib/conscience/judge';
import { parseMemory } from '$lib/experiment/memoryFile';
import { classInfo, createClass, newSecret } from '$lib/storage/memory/classes';
import type { Listed } from '$lib/storage/memory/desk';
import type { Sql } from '$lib/storage/memory/sql';
import { withList } from '$lib/storage/memory/wire';

import { trajectory } from '../unit/trajectories';
import { appOf, callOf, deposits, joined } from './calls';
import { limitTests } from './limitSuite';
import type { Get } from './lives';

export function serverSuite(name: string, open: () => Promise<Sql>): void {
	describe(name, () => {
		let sql: Sql;
		beforeAll(async () => {
			sql = await open();
		});
		afterAll(() => sql?.close());

		tellTests(() => sql);
		refuseTests(() => sql);
		limitTests(() => sql);
	});
}

function tellTests(get: Get) {
	it('lets one deposit and another find it, once the teacher agrees', async () => {
		const call = callOf(appOf(get()));
		const { code, key } = await createClass(get(), 'Ethics 10b');
		const [ann, bob] = [await joined(call, code, 'ann'), await joined(call, code, 'bob')];
		const given = await trajectory({ alternative: { answer: 'Help.', verdict: verdictOf([0.9, 0.05, 0.05]) } });
		expect((await call('POST', '/deposits', { token: ann, body: deposits([given]) })).json).toEqual({ added: 1, known: 0, refused: 0 });
		expect((await call('POST', '/deposits', { token: ann, body: deposits([given]) })).json).toEqual({ added: 0, known: 1, refused: 0 });
		const ask = { state: withList(given).state, k: 5 };
		expect((await call('POST', '/nearest', { token: bob, body: ask })).json).toEqual([]);

		const quarantine = (await call('POST', '/desk/quarantine', { token: key, body: null })).json as Listed[];
		const labels = [
			{ id: quarantine[0]!.id, label: 'unethical' },
			{ id: quarantine[0]!.alternativeId, label: 'ethical' },
		];
		expect((await call('POST', '/desk/labels', { token: key, body: { labels } })).status).toBe(200);
		const [found] = (await call('POST', '/nearest', { token: bob, body: ask })).json as [{ trajectory: object }];
		expect(found.trajectory).toMatchObject({ ...withList(given), contributor: 'ann', agreed: 'unethical', alternativeAgreed: true });
		await call('POST', '/benefits', { token: bob, body: { benefits: [{ id: given.id, contributor: 'ann', question: 'q', value: 0.5 }] } });
		expect((await call('POST', '/nearest', { token: ann, body: ask })).json).toMatchObject([
			{ benefits: [{ measuredBy: 'bob', value: 0.5 }] },
		]);

		expect((await call('GET', '/class', { token: bob })).json).toEqual({
			...{ role: 'student', pseudonym: 'bob', code: null, name: 'Ethics 10b', quorum: 2, cap: 2000 },
			...{ contributors: 2, trajectories: 1, quarantined: 0 },
		});
		expect((await call('GET', '/class', { token: key })).json).toMatchObject({ role: 'teacher', pseudonym: null, code });
		expect((await call('GET', '/deposits', { token: ann })).json).toMatchObject([{ question: given.question, agreed: 'unethical' }]);
		const lines = await call('GET', '/desk/export', { token: key });
		expect(lines.headers.get('content-type')).toContain('jsonl');
		expect(lines.text.trim().split('\n')).toHaveLength(6); // one trajectory, four words, one benefit
		const { key: other, code: otherCode } = await createClass(get(), 'Another');
		expect((await call('POST', '/desk/import', { token: other, body: lines.text })).json).toEqual({ lines: 6, faults: [] });

		const known = `/memory?revision=${given.state.revision}&dimensions=${given.state.values.length}`;
		const taken = await call('GET', known, { token: bob });
		expect(taken.headers.get('content-type')).toContain('jsonl');
		expect((await parseMemory(taken.text)).faults).toEqual([]);
		expect((await parseMemory(taken.text)).trajectories).toMatchObject([
			{ ...given, contributor: 'ann', agreed: 'unethical', alternativeAgreed: true, benefits: [{ measuredBy: 'bob', value: 0.5 }] },
		]);
		expect((await call('GET', known, { token: await joined(call, otherCode, 'eve') })).text).toBe(taken.text); // the class that took it in
		expect((await call('GET', known)).status).toBe(401);

		expect((await call('DELETE', '/deposits', { token: ann, body: { ids: [given.id] } })).json).toEqual({ removed: 1 });
		expect((await call('DELETE', '/membership?deposits=delete', { token: bob })).status).toBe(200);
		expect((await call('GET', '/class', { token: bob })).status).toBe(401);
		expect((await call('GET', '/desk/contributors', { token: key })).json).toMatchObject([{ pseudonym: 'ann', trajectories: 0 }]);
		expect((await call('DELETE', '/desk/class', { token: key })).status).toBe(200);
		expect((await call('GET', '/class', { token: ann })).status).toBe(401);
	});

	it('allows the pages that it was told of, and says in its log who asked what, without a token or a text', async () => {
		const log: string[] = [];
		const app = appOf(get(), log);
		const { code } = await createClass(get(), 'Ethics');
		const asked = await app.request('/deposits', {
			method: 'OPTIONS',
			headers: { origin: 'https://lab.example', 'access-control-request-method': 'POST' },
		});
		expect(asked.headers.get('access-control-allow-origin')).toBe('https://lab.example');
		const foreign = await app.request('/health', { headers: { origin: 'https://elsewhere.example' } });
		expect(foreign.headers.get('access-control-allow-origin')).not.toBe('https://elsewhere.example');
		const open = await appOf(get(), log, { origins: ['*'] }).request('/health', { headers: { origin: 'https://elsewhere.example' } });
		expect(open.headers.get('access-control-allow-origin')).toBe('*');
		const token = await joined(callOf(app), code, 'ann');
		await callOf(app)('POST', '/deposits', { token, body: deposits([await trajectory()]) });
		expect(log.at(-1)).toMatch(/^POST \/deposits 200 \d+ ms student$/);
		expect(log.join()).not.toContain(token);
	});
}

function refuseTests(get: Get) {
	it('lets nobody in without a token, a student to no desk, and the teacher’s key to no deposit', async () => {
		const call = callOf(appOf(get()));
		const { code, key, id } = await createClass(get(), 'Ethics');
		const ann = await joined(call, code, 'ann');
		const paths = [
			['GET', '/class'],
			['POST', '/deposits'],
			['POST', '/nearest'],
			['GET', '/memory'],
			['GET', '/desk/export'],
			['DELETE', '/desk/class'],
		] as const;
		for (const [method, path] of paths) {
			for (const token of [undefined, newSecret(), key.slice(1), `${key}0`, "' or 1=1 --"]) {
				const { status } = await call(method, path, { ...(token && { token }), ...(method !== 'GET' && { body: {} }) });
				expect(status, `${method} ${path}`).toBe(401);
			}
			if (path.startsWith('/desk')) expect((await call(method, path, { token: ann })).status).toBe(403);
		}
		const body = deposits([await trajectory()]);
		expect((await call('POST', '/deposits', { token: key, body })).status).toBe(403);
		expect((await call('POST', '/join', { body: { code: 'WRNG-CDDE', pseudonym: 'eve', token: newSecret() } })).status).toBe(404);
		expect((await call('GET', '/elsewhere', { token: ann })).status).toBe(404);
		expect(await classInfo(get(), id)).toMatchObject({ trajectories: 0, contributors: 1 });
	});

	it('gives and takes nothing of a class for the token, or the key, of another', async () => {
		const call = callOf(appOf(get()));
		const [one, other] = [await createClass(get(), 'One', { quorum: 1 }), await createClass(get(), 'Other', { quorum: 1 })];
		const [ann, eve] = [await joined(call, one.code, 'ann'), await joined(call, other.code, 'eve')];
		const given = await trajectory();
		await call('POST', '/deposits', { token: ann, body: deposits([given]) });
		const [{ contributorId }] = (await call('GET', '/deposits', { token: ann })).json as [Listed];
		expect((await call('POST', '/nearest', { token: eve, body: { state: withList(given).state, k: 5 } })).json).toEqual([]);
		const known = `/memory?revision=${given.state.revision}&dimensions=${given.state.values.length}`;
		expect((await call('GET', known, { token: ann })).text).toContain(given.id);
		expect((await call('GET', known, { token: eve })).text).toBe('');
		expect((await call('DELETE', '/deposits', { token: eve, body: { ids: [given.id] } })).json).toEqual({ removed: 0 });
		const which = [{ contributorId, id: given.id }];
		expect((await call('DELETE', '/desk/trajectories', { token: other.key, body: { which } })).json).toEqual({ removed: 0 });
		await call('POST', '/desk/labels', { token: other.key, body: { labels: [{ id: given.id, label: 'ethical' }] } });
		await call('DELETE', `/desk/contributors/${contributorId}`, { token: other.key });
		expect((await call('GET', '/desk/export', { token: other.key })).text).toBe('');
		await call('DELETE', '/desk/class', { token: other.key });
		expect((await call('GET', '/deposits', { token: ann })).json).toMatchObject([{ id: given.id, agreed: 'unethical' }]);
	});

	it('keeps nothing of a body that is not what it should be, and says why', async () => {
		const call = callOf(appOf(get(), [], { calls: { burst: 1e6, perSecond: 1e6 } }));
		const { code, id } = await createClass(get(), 'Ethics');
		const ann = await joined(call, code, 'ann');
		const given = withList(await trajectory());
		const wrong: [string, object][] = [
			['id', { ...given, id: 'x' }],
			['id', { ...given, answer: 'Another answer.' }],
			['question', { ...given, question: ' ' }],
			['question', { ...given, question: 'x'.repeat(4001) }],
			['answer', { ...given, answer: 'a\0b' }],
			['answer', { ...given, answer: 'a\ud800b' }],
			['values', { ...given, state: { ...given.state, values: [] } }],
			['values', { ...given, state: { ...given.state, values: [0, 0] } }],
			['values', { ...given, state: { ...given.state, values: [1, null] } }],
			['values', { ...given, state: { ...given.state, values: Array.from({ length: 4097 }, () => 1) } }],
			['probabilities', { ...given, verdict: { label: 'ethical', probabilities: { ethical: 1, neutral: 1, unethical: 1 } } }],
			['label', { ...given, label: 'evil' }],
			['step', { ...given, step: 2 ** 40 }],
			['engine', { ...given, judge: { ...given.judge, engine: 'me' } }],
		];
		for (const [field, bad] of wrong) {
			const { status, json } = await call('POST', '/deposits', { token: ann, body: { trajectories: [bad] } });
			expect({ status, json }, field).toMatchObject({ status: 400, json: { error: expect.stringContaining(field) as string } });
		}
		const many = { trajectories: Array.from({ length: 51 }, () => given) };
		for (const body of ['', '{', 'null', '[]', '{"trajectories": 3}', many])
			expect((await call('POST', '/deposits', { token: ann, body })).status).toBe(400);
		expect(await classInfo(get(), id)).toMatchObject({ trajectories: 0 });
	});

	it('answers whatever it is sent, and never by falling over', async () => {
		const log: string[] = [];
		const call = callOf(appOf(get(), log, { calls: { burst: 1e6, perSecond: 1e6 } }));
		const { code, key } = await createClass(get(), 'Ethics');
		const ann = await joined(call, code, 'ann');
		const given = withList(await trajectory());
		// Anything at all, and a real deposit with anything in the place of one of its fields.
		const changed = fc.tuple(fc.constantFrom(...Object.keys(given)), fc.jsonValue()).map(([field, value]) => ({ trajectories: [{ ...given, [field]: value }] })); // prettier-ignore
		const bodies = fc.oneof(fc.string(), fc.jsonValue(), changed);
		const paths = fc.constantFrom('/deposits', '/nearest', '/benefits', '/desk/labels', '/desk/quarantine', '/desk/import');
		await fc.assert(
			fc.asyncProperty(paths, bodies, async (path, body) => {
				const { status } = await call('POST', path, { token: path.startsWith('/desk') ? key : ann, body });
				expect(status).toBeLessThan(500);
			}),
			{ numRuns: 150 },
		);
		expect(log.filter((line) => line.startsWith('!'))).toEqual([]);
	});
}
