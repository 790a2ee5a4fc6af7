/** `npm run class-server`: a memory that a class shares. docs/class-server.md says how to run one. */
import { mkdir } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { parseArgs } from 'node:util';

import { serve } from '@hono/node-server';
import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';
import { renderUnicodeCompact } from 'uqr';

import { createClass, DEFAULT_CAP, DEFAULT_QUORUM, listClasses, renewKey } from '$lib/storage/memory/classes';
import { openPglite } from '$lib/storage/memory/pglite';
import type { Sql } from '$lib/storage/memory/sql';

import { classApp } from './app';
import { holdFolder } from './folderLock';
import { openPostgres } from './postgres';

const USAGE = `Usage: npm run class-server -- [--port 8787] [--host 0.0.0.0] [--folder class-memory] [--name "Ethics 10b"]
                            [--new-class NAME] [--new-key CODE] [--quorum ${DEFAULT_QUORUM}] [--cap ${DEFAULT_CAP}]
                            [--origin URL …] [--lab URL] [--address URL] [--behind-proxy]
With DATABASE_URL in the environment the memory lies in that PostgreSQL, which needs pgvector; else in the folder.`;

/** So long may calls that are under way take when the server is told to end, in ms. */
const DRAIN = 10_000;

const log = (line: string) => console.log(`${new Date().toISOString()} ${line}`);

function options() {
	const { values } = parseArgs({
		options: {
			port: { type: 'string', default: process.env['PORT'] ?? '8787' },
			host: { type: 'string', default: '0.0.0.0' },
			folder: { type: 'string', default: 'class-memory' },
			name: { type: 'string', default: 'Our class' },
			'new-class': { type: 'string' },
			'new-key': { type: 'string' },
			quorum: { type: 'string', default: String(DEFAULT_QUORUM) },
			cap: { type: 'string', default: String(DEFAULT_CAP) },
			origin: { type: 'string', multiple: true, default: ['*'] },
			lab: { type: 'string' },
			address: { type: 'string' },
			'behind-proxy': { type: 'boolean', default: false },
			help: { type: 'boolean', default: false },
		},
	});
	const whole = (name: 'port' | 'quorum' | 'cap', most: number) => {
		const number = Number(values[name]);
		if (Number.isInteger(number) && number >= (name === 'port' ? 0 : 1) && number <= most) return number;
		throw new RangeError(`--${name} is ${values[name]}; expected a whole number up to ${most}.`);
	};
	return { ...values, port: whole('port', 65_535), quorum: whole('quorum', 9), cap: whole('cap', 1e6) };
}
type Options = ReturnType<typeof options>;

async function openStore({ folder }: Options): Promise<{ sql: Sql; where: string }> {
	const url = process.env['DATABASE_URL'];
	if (url)
		return { sql: await openPostgres(url, ({ message }) => log(`! a connection to the database broke: ${message}`)), where: 'PostgreSQL' };
	await mkdir(folder, { recursive: true });
	const release = await holdFolder(folder);
	const sql = await openPglite(`${folder}/memory`);
	return { sql: { ...sql, close: () => sql.close().finally(release) }, where: `the folder ${folder}` };
}

/** Makes the class that is asked for, and the first one where there is none; tells keys, which are not kept, here and only now. */
async function prepareClasses(sql: Sql, { name, 'new-class': newClass, 'new-key': keyFor, quorum, cap }: Options): Promise<void> {
	const there = await listClasses(sql);
	const wanted = newClass ?? (there.length === 0 ? name : null);
	if (wanted !== null) {
		const { code, key } = await createClass(sql, wanted, { quorum, cap });
		console.log(
			`\nA new class, “${wanted}”, with the code ${code}. Its teacher’s key, shown this once (keep it, and keep it to yourself):\n\n    ${key}\n`,
		);
	}
	if (keyFor === undefined) return;
	const found = there.find(({ code }) => code === keyFor.toUpperCase());
	if (!found) throw new RangeError(`There is no class with the code ${keyFor}. There are: ${there.map(({ code }) => code).join(', ')}.`);
	console.log(
		`\nThe new teacher’s key of “${found.name}”, shown this once; the old one opens nothing any more:\n\n    ${await renewKey(sql, found.id)}\n`,
	);
}

/** Where this machine can be reached in its network, else on itself. */
function ownAddress(host: string, port: number): string {
	const everywhere = host === '0.0.0.0' || host === '::';
	const outside = Object.values(networkInterfaces()).flatMap((each) => each ?? []).find(({ family, internal }) => family === 'IPv4' && !internal); // prettier-ignore
	return `http://${everywhere ? (outside?.address ?? 'localhost') : host}:${port}`;
}

async function printClasses(sql: Sql, address: string, lab: string | undefined): Promise<void> {
	console.log(`Address: ${address}`);
	for (const { name, code } of await listClasses(sql)) {
		console.log(`Class:   ${code}  “${name}”`);
		if (!lab) continue;
		const link = `${lab.replace(/#.*$/, '')}#/class?${new URLSearchParams({ server: address, code }).toString()}`;
		console.log(`Join:    ${link}\n${renderUnicodeCompact(link)}`);
	}
	if (!lab)
		console.log(
			'Students open the lab’s page “Class” and type both; with --lab URL (where they open the lab) a link and its QR code are shown here.',
		);
}

async function main(): Promise<void> {
	const chosen = options();
	if (chosen.help) return console.log(USAGE);
	const { sql, where } = await openStore(chosen);
	await prepareClasses(sql, chosen);
	const direct = (context: Context) => getConnInfo(context).remote.address ?? 'unknown';
	// Behind a proxy, the address that it saw itself is the last of the list; those before it are what others say.
	const addressOf = (context: Context) =>
		(chosen['behind-proxy'] && context.req.header('x-forwarded-for')?.split(',').at(-1)?.trim()) || direct(context);
	const app = classApp({ sql, origins: chosen.origin, addressOf, log });
	const server = serve({ fetch: app.fetch, port: chosen.port, hostname: chosen.host }, ({ port }) => {
		void printClasses(sql, chosen.address ?? ownAddress(chosen.host, port), chosen.lab).then(() =>
			log(`ready, the memory in ${where}; end it with Ctrl+C`),
		);
	});
	server.on('error', ({ message }) => {
		console.error(`The server could not begin: ${message}. Is the port taken? Another one: --port.`);
		void sql.close().finally(() => process.exit(1));
	});

	let ending = false;
	const end = (signal: string) => {
		if (ending) return;
		ending = true;
		log(`${signal}: no more calls are taken, those under way are finished`);
		setTimeout(() => process.exit(1), DRAIN).unref();
		server.close(() => void sql.close().then(() => (log('ended, nothing is lost'), process.exit(0))));
		// A connection that is kept alive would hold the server open once its last answer is out.
		setInterval(() => 'closeIdleConnections' in server && server.closeIdleConnections(), 100).unref();
	};
	for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(signal));
}

await main().catch((error: unknown) => {
	console.error(error instanceof RangeError || error instanceof TypeError ? `${error.message}\n${USAGE}` : (error as Error).message);
	process.exit(1);
});
