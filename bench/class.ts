/**
 * `npm run bench -- class`: sixty members of a class deposit and ask for a minute, each one call after the other, over HTTP, on the embedded
 * store and, with DATABASE_URL, on that PostgreSQL. An error, or a deposit that was acknowledged and is not there, ends it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { serve } from '@hono/node-server';

import { createClass, type Member, memberOf } from '$lib/storage/memory/classes';
import { openPglite } from '$lib/storage/memory/pglite';
import type { Sql } from '$lib/storage/memory/sql';

import { classApp } from '../server/app';
import { openPostgres } from '../server/postgres';
import { loadClass, quantile } from '../tests/memory/load';
import { processor, today, writeReport } from './report';

const { values } = parseArgs({
	options: {
		clients: { type: 'string', default: '60' },
		seconds: { type: 'string', default: '60' },
		out: { type: 'string', default: 'bench/results/class.json' },
	},
});
const [clients, seconds] = [Number(values.clients), Number(values.seconds)];

async function measure(store: string, sql: Sql) {
	const { code } = await createClass(sql, 'A class at work', { cap: 1e6 });
	const noted: string[] = [];
	const unlimited = { burst: 1e9, perSecond: 1e9 }; // what is measured is the server, not its patience
	const app = classApp({
		sql,
		origins: ['*'],
		addressOf: () => 'here',
		log: (line) => line.startsWith('!') && noted.push(line),
		calls: unlimited,
	});
	const server = await new Promise<ReturnType<typeof serve>>((resolve) => {
		const started = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () => resolve(started));
	});
	const { port } = server.address() as { port: number };
	const load = await loadClass(`http://127.0.0.1:${port}`, code, { clients, seconds });
	const missing = await lost(sql, load.acknowledged);
	await new Promise((resolve) => server.close(resolve));
	if (load.errors.length + missing + noted.length > 0)
		throw new Error(`${store}: ${load.errors.length} errors, ${missing} deposits lost. ${load.errors[0] ?? ''} ${noted[0] ?? ''}`);
	const ms = (times: readonly number[], share: number) => Math.round(quantile(times, share) * 10) / 10;
	return {
		store,
		clients,
		seconds,
		deposits: load.deposits.length,
		queries: load.queries.length,
		'trajectories kept': [...load.acknowledged.values()].reduce((sum, ids) => sum + ids.length, 0),
		'deposit of 3, ms p50': ms(load.deposits, 0.5),
		'deposit of 3, ms p95': ms(load.deposits, 0.95),
		'query of 5, ms p50': ms(load.queries, 0.5),
		'query of 5, ms p95': ms(load.queries, 0.95),
		errors: load.errors.length,
		lost: missing,
	};
}

/** Deposits that were acknowledged and are not there. */
async function lost(sql: Sql, acknowledged: ReadonlyMap<string, readonly string[]>): Promise<number> {
	let missing = 0;
	for (const [token, ids] of acknowledged) {
		const { classId, contributorId } = (await memberOf(sql, token)) as Extract<Member, { role: 'student' }>;
		const rows = await sql.query<{ id: string }>('select exchange_id as id from trajectories where class_id = $1 and contributor_id = $2', [
			classId,
			contributorId,
		]);
		const kept = new Set(rows.map(({ id }) => id));
		missing += ids.filter((id) => !kept.has(id)).length;
	}
	return missing;
}

const folder = await mkdtemp(path.join(tmpdir(), 'class-'));
const url = process.env['DATABASE_URL'];
const stores: [string, () => Promise<Sql>][] = [['PGlite in a folder', () => openPglite(path.join(folder, 'memory'))]];
if (url) stores.push(['PostgreSQL', () => openPostgres(url, (error) => console.error(error.message))]);
const [busy] = loadavg() as [number]; // what else the machine was doing
const rows = [];
for (const [store, open] of stores) {
	const sql = await open();
	try {
		rows.push(await measure(store, sql));
	} finally {
		await sql.close();
	}
}
await rm(folder, { recursive: true, force: true });
console.table(rows.map(({ store, ...row }) => ({ store, ...row })));
writeReport(values.out, {
	what: `${clients} members of a class over HTTP on this machine, each one call after the other: of three calls two ask for the 5 nearest of all, one deposits 3 trajectories with states of 96 numbers. Clients and server share the processor.`,
	how: `One run of ${seconds} seconds for each store, from an empty memory, no warm-up; times as a client sees them. Before it the machine's load average was ${busy.toFixed(1)}, on ${availableParallelism()} cores.`,
	...{ date: today(), processor: processor(), adapter: null },
	rows,
});
