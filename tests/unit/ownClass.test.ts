/** A memory of one's own in a database. */
import { expect, it } from 'vitest';

import { parseMemory } from '$lib/experiment/memoryFile';
import { listClasses } from '$lib/storage/memory/classes';
import { ownClass } from '$lib/storage/memory/own';
import { openPglite } from '$lib/storage/memory/pglite';

import { trajectory } from './trajectories';

it('is one memory, also when two tabs open it at once, found again, given to runs whole, and made anew when it is cleared', async () => {
	const sql = await openPglite();
	const [one, other] = await Promise.all([ownClass(sql), ownClass(sql)]);
	expect(await listClasses(sql)).toHaveLength(1);
	const given = await trajectory();
	expect(await one.memory.deposit([given])).toEqual({ added: 1, known: 0, refused: 0 });
	expect(await other.info()).toMatchObject({ trajectories: 1, quarantined: 0 }); // one word is enough
	const again = await ownClass(sql);
	const { trajectories, faults } = await parseMemory(await again.agreed(given.state));
	expect([trajectories.map(({ id }) => id), faults]).toEqual([[given.id], []]);
	const lines = new TextDecoder().decode(await again.exportLines());
	await again.clear();
	expect(await again.info()).toMatchObject({ trajectories: 0 });
	expect(await again.importLines(lines)).toEqual({ lines: 2, faults: [] }); // it, and what is said of it
	expect(await (await ownClass(sql)).info()).toMatchObject({ trajectories: 1 });
	await sql.close();
});
