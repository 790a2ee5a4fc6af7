/** Folders that files of models are kept in: the browser's own (OPFS), and one in memory where that is refused. */
import { storageUse } from './room';

/** A flat folder: files by name. */
export interface Folder {
	/** A file as it is now, or null. It can be read until the file is changed or removed. */
	read(name: string): Promise<Blob | null>;
	/** Opens a file, made if need be, to write on from byte `at`; what lay beyond is cut off. One writer a file at a time. */
	write(name: string, at: number): Promise<Writer>;
	remove(name: string): Promise<void>;
	names(): Promise<string[]>;
	/** The browser would give so many bytes more. */
	fits(bytes: number): Promise<boolean>;
}

export interface Writer {
	/** @throws DOMException named QuotaExceededError when there is no room */
	append(chunk: Uint8Array<ArrayBuffer>): void;
	close(): void;
}

const FOLDER = 'model-files';
/** How often a file that another worker still holds is asked for: a worker that was ended lets go of its files a moment later. */
const TRIES = 20;
const PAUSE_MS = 100;

/**
 * The folder in the browser's own file system. It is written by sync access handles, which only dedicated workers have: what
 * they write is on disk at once, while a writable stream shows nothing before it is closed, so that a page that goes takes all of it along.
 * @throws DOMException where the browser refuses, as in some private windows
 */
export async function opfsFolder(): Promise<Folder> {
	const root = await navigator.storage.getDirectory();
	const folder = await root.getDirectoryHandle(FOLDER, { create: true });
	return {
		read: async (name) => (await unlessMissing(folder.getFileHandle(name).then((file) => file.getFile()))) ?? null,
		write: async (name, at) => writerOf(await holdFile(await folder.getFileHandle(name, { create: true })), at),
		remove: async (name) => void (await unlessMissing(folder.removeEntry(name))),
		async names() {
			const names: string[] = [];
			for await (const name of folder.keys()) names.push(name);
			return names;
		},
		async fits(bytes) {
			const use = await storageUse();
			return (use === null || use.usage + bytes <= use.quota) && wouldGrow(folder, bytes);
		},
	};
}

/** Asks by a file of that size, without content: Chromium's estimate says 10 GiB more than what is used, whatever it would give. */
async function wouldGrow(folder: FileSystemDirectoryHandle, bytes: number): Promise<boolean> {
	const name = `room-${crypto.randomUUID()}`;
	const handle = await (await folder.getFileHandle(name, { create: true })).createSyncAccessHandle();
	try {
		handle.truncate(bytes);
		return handle.getSize() === bytes; // a private window of Chromium does not say that it refused
	} catch (error) {
		if ((error as DOMException).name === 'QuotaExceededError') return false;
		throw error;
	} finally {
		handle.truncate(0);
		handle.close();
		await folder.removeEntry(name);
	}
}

async function holdFile(file: FileSystemFileHandle): Promise<FileSystemSyncAccessHandle> {
	for (let left = TRIES; ; left--) {
		try {
			return await file.createSyncAccessHandle();
		} catch (error) {
			if (left === 0 || (error as DOMException).name !== 'NoModificationAllowedError') throw error;
			await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
		}
	}
}

function writerOf(handle: FileSystemSyncAccessHandle, from: number): Writer {
	let at = from;
	handle.truncate(at);
	return {
		append(chunk) {
			const written = handle.write(chunk, { at });
			at += written;
			// A private window of Chromium that is full throws nothing: it says that it wrote 4294967288 bytes, its error -8.
			if (written !== chunk.length) throw new DOMException(`${written} of ${chunk.length} bytes were written`, 'QuotaExceededError');
		},
		close() {
			handle.flush();
			handle.close();
		},
	};
}

async function unlessMissing<T>(found: Promise<T>): Promise<T | undefined> {
	try {
		return await found;
	} catch (error) {
		if ((error as DOMException).name === 'NotFoundError') return undefined;
		throw error;
	}
}

/** A folder that lasts as long as the worker. */
export function memoryFolder(): Folder {
	const files = new Map<string, Blob>();
	return {
		read: async (name) => files.get(name) ?? null,
		async write(name, at) {
			const parts: BlobPart[] = [(files.get(name) ?? new Blob()).slice(0, at)];
			return { append: (chunk) => void parts.push(chunk), close: () => void files.set(name, new Blob(parts)) };
		},
		remove: async (name) => void files.delete(name),
		names: async () => [...files.keys()],
		fits: async () => true,
	};
}
