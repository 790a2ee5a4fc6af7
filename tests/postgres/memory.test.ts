/** The memory and the class server on a real PostgreSQL with pgvector: the suites that PGlite passes, too. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';
import { afterAll, beforeAll, expect } from 'vitest';

import { openPostgres } from '../../server/postgres';
import { processSuite } from '../memory/processSuite';
import { serverSuite } from '../memory/serverSuite';
import { memorySuite } from '../memory/suite';

const PYTHON = process.env['POSTGRES_PYTHON']!;

let server: ChildProcess;
let folder: string;
let url: string;
let databases = 0;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), 'postgres-'));
	await chmod(folder, 0o755); // as root, the server runs as somebody else
	server = spawn(PYTHON, ['tests/postgres/serve.py', join(folder, 'data')], { stdio: ['pipe', 'pipe', 'inherit'] });
	const [line] = (await Promise.race([
		once(server.stdout!, 'data'),
		once(server, 'exit').then(([code]) => Promise.reject(new Error(`PostgreSQL could not be started (${code}): see its message above.`))),
	])) as [Buffer];
	url = line.toString().trim();
});

afterAll(async () => {
	server?.stdin!.end();
	if (server && server.exitCode === null) await once(server, 'exit');
	await rm(folder, { recursive: true, force: true });
});

/** A database of its own. */
async function newDatabase(): Promise<string> {
	const name = `memory${databases++}`;
	const client = new pg.Client({ connectionString: url });
	await client.connect();
	await client.query(`create database ${name}`);
	await client.end();
	return url.replace(/\/postgres(?=\?|$)/, `/${name}`);
}

const open = async () => openPostgres(await newDatabase(), (error) => expect.fail(error.message));

memorySuite('a memory in PostgreSQL', open);
serverSuite('the class server on PostgreSQL', open);
processSuite('a class server on PostgreSQL', async () => ({ args: [], environment: { DATABASE_URL: await newDatabase() } }));
