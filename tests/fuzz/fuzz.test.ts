/**
 * Damaged files of every kind that comes from outside, each to be refused by an error that says what is wrong: no hang, no crash, no more memory
 * than the file declares. A share of them in `npm test`, and 100,000 in `npm run verify`. The lab reads them in a process of its own, which may
 * be ended when it does not come back (run.ts).
 */
import { spawn } from 'node:child_process';

import { expect, inject, it } from 'vitest';

declare module 'vitest' {
	export interface ProvidedContext {
		fuzzInputs?: number;
	}
}

/** Another seed makes other inputs; these are the same everywhere. FUZZ_SEED tries one's own. */
const SEED = Number(process.env.FUZZ_SEED ?? 1);
const INPUTS = inject('fuzzInputs') ?? 2500;
/** Milliseconds without a word from the process, after which it is taken not to come back. */
const SILENCE = 20_000;
/** MiB of its heap: no input has 100 kB. */
const HEAP = 512;

/** Reads so many inputs from number `first` on; resolves to what was wrong, null where nothing was. */
function fuzz(first: number, count: number): Promise<string | null> {
	const program = ['--import', 'tsx', `--max-old-space-size=${HEAP}`, 'tests/fuzz/run.ts', ...[SEED, first, count].map(String)];
	const child = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'pipe'] });
	let [last, told] = ['none', ''];
	let hung = false;
	const end = () => ((hung = true), child.kill('SIGKILL'));
	let alarm = setTimeout(end, 3 * SILENCE); // it has to start first
	child.stdout.on('data', (chunk: Buffer) => {
		last = String(chunk).trimEnd().split('\n').at(-1)!;
		clearTimeout(alarm);
		alarm = setTimeout(end, SILENCE);
	});
	child.stderr.on('data', (chunk: Buffer) => (told += String(chunk)));
	return new Promise((resolve) => {
		child.on('close', (code) => {
			clearTimeout(alarm);
			if (hung) resolve(`Input ${last} of seed ${SEED} was not answered within ${SILENCE / 1000} s.`);
			else if (code === 0 && last === 'done') resolve(null);
			else resolve(`${told}\nThe process ended with ${code} at input ${last} of seed ${SEED}.`);
		});
	});
}

it(`refuses or reads each of ${INPUTS} damaged files, seed ${SEED}`, { timeout: 600_000 }, async () => {
	expect(await fuzz(0, INPUTS)).toBeNull();
});
