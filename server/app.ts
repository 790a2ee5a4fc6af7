import { createHash } from 'node:crypto';

import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { cors } from 'hono/cors';

import { join, memberOf, MemoryRefusal } from '$lib/storage/memory/classes';
import type { Sql } from '$lib/storage/memory/sql';
import { MemoryInputError, parsed } from '$lib/storage/memory/wire';
import { JoinSchema } from '$lib/storage/memory/calls';

import { deskRoutes } from './desk';
import { rateLimit } from './rateLimit';
import { studentRoutes } from './students';

export interface ServerOptions {
	sql: Sql;
	/** Pages that may ask, by their origin; `*` for every one: a call brings its token along, and no cookie. */
	origins: string[];
	/** Who is at the other end: an address, as far as it is known. */
	addressOf: (context: Context) => string;
	log: (line: string) => void;
	/** Calls that a member may make. */
	calls?: { burst: number; perSecond: number };
	now?: () => number;
}

/** Bytes of a body: fifty trajectories of a model with states of 4096 numbers take less; a whole memory comes in one file. */
export const BODY_BYTES = { call: 4e6, file: 64e6 };
/** A class behind one address joins at once; whoever guesses codes needs longer than the class lasts. */
const STRANGERS = { burst: 90, perSecond: 1 };
const CALLS = { burst: 120, perSecond: 20 };
/** As so many calls counts one that is answered with all that a class knows. */
const WHOLE = 20;

/** The class server as a function of requests: joining, the calls of students, and the teacher's desk. */
export function classApp({ sql, origins, addressOf, log, calls = CALLS, now = Date.now }: ServerOptions) {
	const strangers = rateLimit(STRANGERS, now);
	const members = rateLimit(calls, now);
	const known = new Set<string>(); // hashes of tokens that were let in: no stranger can keep them out
	const app = new Hono<Env>();

	app.use(async (context, next) => {
		const start = performance.now();
		await next();
		const who = context.get('member')?.role ?? 'stranger';
		log(`${context.req.method} ${context.req.path} ${context.res.status} ${Math.round(performance.now() - start)} ms ${who}`);
	});
	app.use(
		cors({
			origin: origins.includes('*') ? '*' : origins,
			allowHeaders: ['authorization', 'content-type'],
			allowMethods: ['GET', 'POST', 'DELETE'],
			exposeHeaders: ['retry-after'],
			maxAge: 3600,
		}),
	);
	app.use('/desk/import', limited(BODY_BYTES.file));
	app.use(async (context, next) => (context.req.path === '/desk/import' ? next() : limited(BODY_BYTES.call)(context, next)));

	app.get('/health', async (context) => {
		await sql.query('select 1');
		return context.json({ conscienceLab: 'class server' });
	});
	app.post('/join', async (context) => {
		const address = addressOf(context);
		if (strangers.wait(address) > 0) return tooMany(context, strangers.wait(address));
		strangers.take(address);
		const asked = parsed(JoinSchema, await jsonOf(context));
		const { pseudonym, name } = await join(sql, asked);
		known.add(hashOf(asked.token));
		return context.json({ pseudonym, name });
	});
	app.use(async (context, next) => {
		const secret = /^Bearer ([0-9a-f]{64})$/.exec(context.req.header('authorization') ?? '')?.[1];
		const hash = hashOf(secret ?? '');
		const address = addressOf(context);
		const limit = known.has(hash) ? members : strangers;
		const wait = limit.wait(known.has(hash) ? hash : address);
		if (wait > 0) return tooMany(context, wait);
		try {
			if (secret === undefined) throw new MemoryRefusal(401, 'A token is needed. Join the class with its code.');
			context.set('member', await memberOf(sql, secret));
		} catch (error) {
			if (error instanceof MemoryRefusal) {
				known.delete(hash);
				strangers.take(address);
			}
			throw error;
		}
		known.add(hash);
		members.take(hash, context.req.path === '/memory' ? WHOLE : 1);
		return next();
	});
	app.route('/', studentRoutes(sql, log));
	app.route('/desk', deskRoutes(sql, log));
	app.notFound((context) => context.json({ error: `There is nothing at ${context.req.method} ${context.req.path}.` }, 404));
	app.onError((error, context) => answerTo(error, context, log));
	return app;
}

const hashOf = (secret: string) => createHash('sha256').update(secret).digest('hex');

export interface Env {
	Variables: { member: Awaited<ReturnType<typeof memberOf>> };
}

const limited = (maxSize: number) =>
	bodyLimit({
		maxSize,
		onError: (context) => context.json({ error: `More than ${maxSize / 1e6} MB at once is too much: send it in parts.` }, 413),
	});

function tooMany(context: Context, seconds: number) {
	context.header('retry-after', String(Math.ceil(seconds)));
	return context.json({ error: `That was too often. Try again in ${Math.ceil(seconds)} s.` }, 429);
}

/** The body as JSON. @throws MemoryInputError */
export async function jsonOf(context: Context): Promise<unknown> {
	const text = await context.req.text();
	try {
		return JSON.parse(text);
	} catch {
		throw new MemoryInputError(`The body is not JSON: it begins with ${JSON.stringify(text.slice(0, 40))}.`);
	}
}

/** What went wrong, as an answer. Of what is nobody's business (a query, a path) only the log knows. */
function answerTo(error: Error, context: Context, log: (line: string) => void) {
	if (error instanceof MemoryInputError) return context.json({ error: error.message }, 400);
	if (error instanceof MemoryRefusal) return context.json({ error: error.message }, error.status);
	log(`! ${context.req.method} ${context.req.path}: ${error.message}`);
	return context.json({ error: 'The server could not do that now. Nothing was kept of this call; try again.' }, 503);
}
