// `npm run verify`: what `npm test` leaves out: format, lint, types, parity with PEFT in Python, the class's memory on PostgreSQL, and the experiment check.
import { command, runChecks, vitest } from './checks.mjs';
import { ensurePostgres } from './postgres.mjs';
import { node } from './process.mjs';
import { ensurePython } from './python.mjs';

const peft = vitest('peft');
const postgres = vitest('postgres');

await runChecks('verify', [
	command('format', node('prettier/bin/prettier.cjs', '--check', '.')),
	// Each of these keeps one core busy, and none is timed.
	[
		command('experiment', node('tsx/dist/cli.mjs', 'cli/check.ts')),
		command('lint', node('eslint/bin/eslint.js', '.', '--max-warnings', '0')),
		{ name: peft.name, run: async (log) => (await ensurePython(), peft.run(log)) },
		{ name: postgres.name, run: async (log) => (await ensurePostgres(), postgres.run(log)) },
		command('svelte-check', node('svelte-check/bin/svelte-check', '--tsconfig', './tsconfig.json', '--fail-on-warnings')),
	],
	command('tsc', node('typescript/bin/tsc', '--noEmit')),
]);
