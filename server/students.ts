import { type Context, Hono } from 'hono';

import { knownLines } from '$lib/storage/memory/agreed';
import { classInfo, listClasses, MemoryRefusal, type Student } from '$lib/storage/memory/classes';
import { BenefitsSchema, DepositSchema, IdsSchema, NearestSchema, OfModelSchema } from '$lib/storage/memory/calls';
import { depositsOf, leave, remove, removeContributor } from '$lib/storage/memory/desk';
import type { Sql } from '$lib/storage/memory/sql';
import { deposit, nearest, putBenefits } from '$lib/storage/memory/trajectories';
import { parsed, withList } from '$lib/storage/memory/wire';

import { type Env, jsonOf } from './app';
import { jsonLines } from './jsonLines';

/** Deposits that a student is shown of their own. */
const SHOWN = 500;

/** What every member may ask, and what students may do with what is theirs. */
export function studentRoutes(sql: Sql, log: (line: string) => void) {
	const routes = new Hono<Env>();
	routes.get('/class', async (context) => {
		const member = context.get('member');
		const code = member.role === 'teacher' ? (await listClasses(sql)).find(({ id }) => id === member.classId)!.code : null;
		const pseudonym = member.role === 'student' ? member.pseudonym : null;
		return context.json({ role: member.role, pseudonym, code, ...(await classInfo(sql, member.classId)) });
	});
	routes.post('/nearest', async (context) => {
		const { state, k } = parsed(NearestSchema, await jsonOf(context));
		const found = await nearest(sql, context.get('member').classId, state, k);
		return context.json(found.map((neighbour) => ({ ...neighbour, trajectory: withList(neighbour.trajectory) })));
	});
	routes.get('/memory', (context) => {
		const of = parsed(OfModelSchema, context.req.query());
		return jsonLines(context, knownLines(sql, context.get('member').classId, of), log);
	});
	routes.post('/deposits', async (context) => {
		const student = studentOf(context);
		const { trajectories } = parsed(DepositSchema, await jsonOf(context));
		return context.json(await deposit(sql, student, trajectories));
	});
	routes.get('/deposits', async (context) => {
		const { classId, contributorId } = studentOf(context);
		return context.json(await depositsOf(sql, classId, contributorId, SHOWN));
	});
	routes.delete('/deposits', async (context) => {
		const student = studentOf(context);
		const { ids } = parsed(IdsSchema, await jsonOf(context));
		const { contributorId } = student;
		return context.json({ removed: await remove(sql, student, ids.map((id) => ({ contributorId, id }))) }); // prettier-ignore
	});
	routes.post('/benefits', async (context) => {
		const student = studentOf(context);
		await putBenefits(sql, student, parsed(BenefitsSchema, await jsonOf(context)).benefits);
		return context.json({});
	});
	routes.delete('/membership', async (context) => {
		const { classId, contributorId } = studentOf(context);
		if (context.req.query('deposits') === 'delete') await removeContributor(sql, classId, contributorId);
		else await leave(sql, classId, contributorId);
		return context.json({});
	});
	return routes;
}

function studentOf(context: Context<Env>): Student {
	const member = context.get('member');
	if (member.role === 'student') return member;
	throw new MemoryRefusal(403, 'The teacher’s key leaves nothing in the memory: join with the code, as a student does.');
}
