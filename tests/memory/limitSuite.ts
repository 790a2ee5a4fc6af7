/** What the class server lets nobody have too much of, and what it does when its database fails. */
import { expect, it } from 'vitest';

import { classInfo, createClass, newSecret } from '$lib/storage/memory/classes';
import type { Sql } from '$lib/storage/memory/sql';

import { BODY_BYTES } from '../../server/app';
import { trajectory } from '../unit/trajectories';
import { appOf, callOf, deposits, joined } from './calls';
import type { Get } from './lives';

export function limitTests(get: Get) {
	it('refuses a body that is too large, with a length that is told or not', async () => {
		const app = appOf(get());
		const { code, id } = await createClass(get(), 'Ethics');
		const token = await joined(callOf(app), code, 'ann');
		const headers = { authorization: `Bearer ${token}` };
		const large = 'x'.repeat(BODY_BYTES.call + 1);
		expect((await callOf(app)('POST', '/deposits', { token, body: large })).status).toBe(413);
		const stream = new Blob([large]).stream();
		const untold = await app.request('/deposits', { method: 'POST', headers, body: stream, duplex: 'half' } as RequestInit);
		expect(untold.status).toBe(413);
		expect(await classInfo(get(), id)).toMatchObject({ trajectories: 0 });
	});

	it('slows down whoever asks too often, and keeps no member out for a stranger’s sake', async () => {
		let now = 0;
		const call = callOf(appOf(get(), [], { calls: { burst: 3, perSecond: 1 }, now: () => now }));
		const { code } = await createClass(get(), 'Ethics');
		const ann = await joined(call, code, 'ann');
		const ask = () => call('GET', '/class', { token: ann });
		for (let i = 0; i < 3; i++) expect((await ask()).status).toBe(200);
		const late = await ask();
		expect([late.status, late.headers.get('retry-after')]).toEqual([429, '1']);
		now += 1000;
		expect((await ask()).status).toBe(200);

		const guess = () => call('POST', '/join', { body: { code: 'AAAA-AAAA', pseudonym: 'eve', token: newSecret() } });
		const statuses = [];
		for (let i = 0; i < 100; i++) statuses.push((await guess()).status);
		expect(statuses.filter((status) => status === 404).length).toBeLessThan(95);
		expect(statuses.at(-1)).toBe(429);
		expect((await call('GET', '/class', { token: newSecret() })).status).toBe(429);
		now += 1000;
		expect((await ask()).status).toBe(200);
	});

	it('breaks off what it can’t give whole, so that nobody takes a part of a memory for all of it', async () => {
		const { code } = await createClass(get(), 'Ethics', { quorum: 1 });
		const log: string[] = [];
		let fetched = 0;
		const failing: Sql = {
			...get(),
			query(text, parameters) {
				if (text.includes('jsonb_to_recordset($2::jsonb) as f') && ++fetched > 1) throw new Error('the database is gone');
				return get().query(text, parameters);
			},
		};
		const call = callOf(appOf(failing, log, { calls: { burst: 1e6, perSecond: 1e6 } }));
		const ann = await joined(call, code, 'ann');
		const many = await Promise.all(Array.from({ length: 300 }, (_, i) => trajectory({ question: `q${i}` })));
		for (let at = 0; at < 300; at += 50) await call('POST', '/deposits', { token: ann, body: deposits(many.slice(at, at + 50)) });
		await expect(call('GET', `/memory?revision=${'f'.repeat(64)}&dimensions=2`, { token: ann })).rejects.toThrow();
		expect(log.join()).toContain('/memory broke off: the database is gone');
		expect((await call('GET', '/memory?revision=x&dimensions=2', { token: ann })).json).toMatchObject({ error: expect.stringContaining('revision') as string }); // prettier-ignore
		expect((await call('GET', `/memory?revision=${'f'.repeat(64)}`, { token: ann })).status).toBe(400);
	});

	it('counts a whole memory as many calls', async () => {
		const now = 0;
		const call = callOf(appOf(get(), [], { calls: { burst: 30, perSecond: 1 }, now: () => now }));
		const { code } = await createClass(get(), 'Ethics');
		const ann = await joined(call, code, 'ann');
		const ask = async () => (await call('GET', `/memory?revision=${'f'.repeat(64)}&dimensions=2`, { token: ann })).status;
		expect([await ask(), await ask(), await ask()]).toEqual([200, 200, 429]);
	});

	it('tells nothing of itself when the database fails', async () => {
		const log: string[] = [];
		const broken: Sql = { query: () => Promise.reject(new Error('relation "classes" of /var/lib')), transaction: () => Promise.reject(new Error('no')), close: async () => {} }; // prettier-ignore
		const { status, text } = await callOf(appOf(broken, log))('GET', '/health');
		expect(status).toBe(503);
		expect(text).not.toContain('/var/lib');
		expect(log.join()).toContain('/var/lib');
	});
}
