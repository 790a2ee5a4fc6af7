import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Holds a folder for this process: two that write one embedded database would destroy it. What a process that was killed has left is taken over.
 * Resolves to what lets go of it. @throws Error where another process has it
 */
export async function holdFolder(folder: string): Promise<() => Promise<void>> {
	const path = join(folder, 'in-use');
	for (;;) {
		try {
			await writeFile(path, String(process.pid), { flag: 'wx' });
			return () => rm(path, { force: true });
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
		}
		const holder = Number(await readFile(path, 'utf8').catch(() => ''));
		if (Number.isInteger(holder) && holder > 0 && holder !== process.pid && isAlive(holder))
			throw new Error(
				`The folder ${folder} is in use by another class server (process ${holder}). End that one, or choose another --folder.`,
			);
		await rm(path, { force: true });
	}
}

function isAlive(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === 'EPERM'; // there, and somebody else's
	}
}
