import type { Given } from '$lib/storage/dropped/found';

/** More than any model has: what holds more is a folder of folders, and is not read to its end. */
const MOST_FILES = 10_000;

/** What came by a chooser: a folder's files know their paths in it. */
export function givenByChoice(files: readonly File[]): Given {
	const paths = files.map((file) => ({ path: file.webkitRelativePath || file.name, file }));
	return { name: nameOf(paths.map(({ path }) => path)), files: paths };
}

/** What fell on the page: a folder, a zip, or the files of a folder. To be called while it falls: later the items are empty. @throws RangeError */
export async function givenByDrop(files: readonly File[], items: DataTransferItemList): Promise<Given> {
	const entries = [...items].map((item) => item.webkitGetAsEntry?.() ?? null);
	if (!entries.some((entry) => entry?.isDirectory)) return givenByChoice(files);
	const found: { path: string; file: File }[] = [];
	for (const entry of entries) if (entry) await walk(entry, found);
	return { name: entries.length === 1 ? entries[0]!.name : nameOf(found.map(({ path }) => path)), files: found };
}

async function walk(entry: FileSystemEntry, found: { path: string; file: File }[]): Promise<void> {
	if (found.length > MOST_FILES)
		throw new RangeError(`There are more than ${MOST_FILES} files in it, and a model has few. Give the folder of one model.`);
	if (isFile(entry)) {
		const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject));
		found.push({ path: entry.fullPath.replace(/^\//, ''), file });
	} else if (!entry.name.startsWith('.')) {
		for (const inside of await entriesOf(entry as FileSystemDirectoryEntry)) await walk(inside, found);
	}
}

/** A browser gives a hundred at a time. */
async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
	const reader = folder.createReader();
	const entries: FileSystemEntry[] = [];
	for (;;) {
		const more = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
		if (more.length === 0) return entries;
		entries.push(...more);
	}
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;

/** The folder that all lie in, or the one file. */
function nameOf(paths: readonly string[]): string {
	const [first = ''] = paths;
	const [folder, ...rest] = first.split('/');
	return rest.length > 0 || paths.length === 1 ? folder! : 'model';
}
