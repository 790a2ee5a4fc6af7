import { type Context, Hono } from 'hono';

import { CursorSchema, LabelsSchema, WhichSchema } from '$lib/storage/memory/calls';
import { MemoryRefusal } from '$lib/storage/memory/classes';
import { contributors, label, quarantined, remove, removeClass, removeContributor } from '$lib/storage/memory/desk';
import { exportLines, importLines } from '$lib/storage/memory/jsonl';
import type { Sql } from '$lib/storage/memory/sql';
import { LIMITS, parsed } from '$lib/storage/memory/wire';

import { type Env, jsonOf } from './app';
import { jsonLines } from './jsonLines';

/** What the teacher's key opens. */
export function deskRoutes(sql: Sql, log: (line: string) => void) {
	const routes = new Hono<Env>();
	routes.use(async (context, next) => {
		if (context.get('member').role !== 'teacher')
			throw new MemoryRefusal(403, 'That is the teacher’s desk: it opens with the teacher’s key.');
		return next();
	});
	const classOf = (context: Context<Env>) => context.get('member').classId;

	routes.post('/quarantine', async (context) =>
		context.json(await quarantined(sql, classOf(context), LIMITS.deskPage, parsed(CursorSchema, await jsonOf(context)))),
	);
	routes.post('/labels', async (context) => {
		await label(sql, classOf(context), parsed(LabelsSchema, await jsonOf(context)).labels);
		return context.json({});
	});
	routes.get('/contributors', async (context) => context.json(await contributors(sql, classOf(context))));
	routes.delete('/contributors/:id', async (context) => {
		await removeContributor(sql, classOf(context), context.req.param('id'));
		return context.json({});
	});
	routes.delete('/trajectories', async (context) => {
		const { which } = parsed(WhichSchema, await jsonOf(context));
		return context.json({ removed: await remove(sql, context.get('member'), which) });
	});
	routes.get('/export', (context) => jsonLines(context, exportLines(sql, classOf(context)), log));
	routes.post('/import', async (context) => context.json(await importLines(sql, classOf(context), await context.req.text())));
	routes.delete('/class', async (context) => {
		await removeClass(sql, classOf(context));
		return context.json({});
	});
	return routes;
}
