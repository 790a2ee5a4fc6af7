// `npm run verify`: what `npm test` leaves out: format, lint, types, parity with PEFT in Python, SmolLM2's true weights, the export for TRL, damaged files, the class's memory on PostgreSQL, and the experiment check.
import { command, runChecks, vitest } from './checks.mjs';
import { ensureChromium } from './chromium.mjs';
import { ensurePostgres } from './postgres.mjs';
import { node } from './process.mjs';
import { ensurePython } from './python.mjs';

const peft = vitest('peft');
const postgres = vitest('postgres');
const inChromium = vitest('smollm2-chromium');

await runChecks('verify', [
	command('format', node('prettier/bin/prettier.cjs', '--check', '.')),
	// Each of these keeps one core busy, and none is timed.
	[
		command('experiment', node('tsx/dist/cli.mjs', 'cli/check.ts')),
		command('lint', node('eslint/bin/eslint.js', '.', '--max-warnings', '0')),
		{ name: peft.name, run: async (log) => (await ensurePython(), peft.run(log)) },
		vitest('python', 20),
		{ name: postgres.name, run: async (log) => (await ensurePostgres(), postgres.run(log)) },
		vitest('fuzz'),
		command('svelte-check', node('svelte-check/bin/svelte-check', '--tsconfig', './tsconfig.json', '--fail-on-warnings')),
	],
	vitest('smollm2'),
	{ name: inChromium.name, run: async (log) => (await ensureChromium(), inChromium.run(log)) },
	command('tsc', node('typescript/bin/tsc', '--noEmit')),
]);
