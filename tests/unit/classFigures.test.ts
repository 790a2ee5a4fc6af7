/** What docs/class-server.md says of a class at work is what was measured. */
import { readFileSync } from 'node:fs';

import { expect, it } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

it('tells the figures of the class server as they were measured, without an error or a loss', () => {
	const { rows } = JSON.parse(read('bench/results/class.json')) as { rows: (Record<string, number> & { store: string })[] };
	expect(rows.map(({ store, clients, seconds }) => [store, clients, seconds])).toEqual([
		['PGlite in a folder', 60, 60],
		['PostgreSQL', 60, 60],
	]);
	const seconds = (row: Record<string, number>, what: string) =>
		['p50', 'p95'].map((share) => `${(row[`${what}, ms ${share}`]! / 1000).toFixed(2)} s`).join(', ');
	const table = read('docs/class-server.md').split('\n').map((line) => line.split('|').map((cell) => cell.trim()).slice(1, -1)); // prettier-ignore
	for (const row of rows) {
		const figures = [String(row['deposits']), String(row['queries']), seconds(row, 'deposit of 3'), seconds(row, 'query of 5')];
		expect(table).toContainEqual([row.store, ...figures, '0', '0']);
		expect([row['errors'], row['lost']]).toEqual([0, 0]);
	}
});
