/** The support headers beside the compiler read and write streams as libtvm does: in WebAssembly, with the runtime that ships. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';

const run = promisify(execFile);
let folder: string;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), 'support-'));
	await run(inject('compiler'), ['tests/webllm/support.py', folder]);
}, 600_000);

afterAll(async () => {
	await rm(folder, { recursive: true });
});

it('reads what libtvm wrote, and writes the same', async () => {
	const [parameters, again] = [join(folder, 'parameters'), join(folder, 'again')];
	await run(process.execPath, [join(folder, 'support.cjs'), parameters, again]);
	expect((await readFile(again)).equals(await readFile(parameters))).toBe(true);
});
