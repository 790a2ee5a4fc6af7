import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCES = fileURLToPath(new URL('../export/python', import.meta.url));

/** The files of export/python, by their paths there. */
export async function pythonSources(): Promise<Record<string, string>> {
	const entries = await readdir(SOURCES, { recursive: true, withFileTypes: true });
	const files = entries
		.filter((entry) => entry.isFile() && /\.(py|yaml|txt|md)$/.test(entry.name))
		.map((entry) => path.join(entry.parentPath, entry.name));
	const read = files
		.toSorted()
		.map(async (file) => [path.relative(SOURCES, file).replaceAll('\\', '/'), await readFile(file, 'utf8')] as const);
	return Object.fromEntries(await Promise.all(read));
}
