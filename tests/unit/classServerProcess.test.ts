/** The class server as a process of its own, over a folder. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { processSuite, startServer } from '../memory/processSuite';

const newFolder = () => mkdtemp(join(tmpdir(), 'class-'));

processSuite('a class server over a folder', async () => ({ args: ['--folder', await newFolder()], environment: { DATABASE_URL: '' } }));

it('lets no second server at its folder', async () => {
	const folder = await newFolder();
	const first = await startServer(['--folder', folder], { DATABASE_URL: '' });
	try {
		await expect(startServer(['--folder', folder], { DATABASE_URL: '' })).rejects.toThrow('in use by another class server');
	} finally {
		first.process.kill('SIGKILL');
	}
});
