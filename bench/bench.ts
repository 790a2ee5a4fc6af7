/**
 * `npm run bench`: measures every part in turn and prints one table of what was aimed at and what was reached; `-- steps shell` measures those
 * only. The other lines of the table are those of the last time. Options go to a part that is named alone: `-- steps --rounds 1`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { type PartReport, processor, today, writeReport } from './report';
import { markdown, tableOf } from './table';

/** In the order of their time, the longest last. `builds` is true of those that open the built lab. */
const PARTS = {
	speed: { builds: false },
	writing: { builds: false },
	shell: { builds: true },
	memory: { builds: false },
	precision: { builds: false },
	class: { builds: false },
	steps: { builds: false },
	kernels: { builds: false },
	halves: { builds: false },
	judge: { builds: false },
	modelMemory: { builds: false },
	conscience: { builds: true },
} satisfies Record<string, { builds: boolean }>;
type Part = keyof typeof PARTS;

const root = fileURLToPath(new URL('..', import.meta.url));
const resultOf = (part: Part) => path.join(root, 'bench', 'results', `${part}.json`);
const isPart = (word: string): word is Part => Object.hasOwn(PARTS, word);

const words = process.argv.slice(2);
const optionsAt = words.findIndex((word) => word.startsWith('--'));
const [named, options] = optionsAt < 0 ? [words, []] : [words.slice(0, optionsAt), words.slice(optionsAt)];
const unknown = named.filter((word) => !isPart(word));
if (unknown.length > 0) throw new RangeError(`The bench has no part ${unknown.join(', ')}. It has: ${Object.keys(PARTS).join(', ')}.`);
if (options.length > 0 && named.length !== 1)
	throw new RangeError(`Options are those of one part: name it before ${options.join(' ')}, as in \`npm run bench -- steps --rounds 1\`.`);
const parts = named.length > 0 ? named.filter(isPart) : (Object.keys(PARTS) as Part[]);

const run = (...args: string[]): boolean => spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0;

if (parts.some((part) => PARTS[part].builds) && !run('node_modules/vite/bin/vite.js', 'build', '--logLevel', 'warn'))
	throw new Error('The lab could not be built.');
const failed = parts.filter((part) => {
	console.log(`\n${part}`);
	return !run('--import', 'tsx', `bench/${part}.ts`, ...options);
});

const known = (Object.keys(PARTS) as Part[]).filter((part) => existsSync(resultOf(part)));
const reports = Object.fromEntries(known.map((part) => [part, JSON.parse(readFileSync(resultOf(part), 'utf8')) as PartReport]));
const rows = tableOf(reports);
console.log(`\n${markdown(rows)}\n`);
writeReport(path.join(root, 'bench', 'results', 'bench.json'), {
	what: 'What was aimed at, where it began, and where it stands.',
	how: 'Each part says under `parts` when, where and how it was measured: shapes, warm-up, repetitions and spread.',
	...{ date: today(), processor: processor(), adapter: Object.values(reports).find(({ adapter }) => adapter)?.adapter ?? null },
	rows,
	parts: reports,
});
if (failed.length > 0) {
	console.error(`Not measured now, for the reasons above: ${failed.join(', ')}. Their lines are those of the last time.`);
	process.exitCode = 1;
}
