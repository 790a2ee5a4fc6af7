/**
 * Files of models, kept in this browser: fetched once, resumed where a download broke off, and checked by hash whenever they are used.
 * For workers; a page can only list and remove them.
 */
import * as v from 'valibot';

import { sha256 } from '$lib/model/sha256';
import { sha256OfFile, startSha256 } from '$lib/model/sha256Stream';

import { type Begin, type Begun, download, type DownloadOptions, type ModelFile } from './download';
import { inMegabytes, toStorageError } from './errors';
import { DamagedFileError, ModelFileError, StorageFullError } from './fileErrors';
import { type Folder, memoryFolder, opfsFolder } from './opfs';
import { storageUse } from './room';

export type { ModelFile } from './download';

export interface KeptFile {
	url: string;
	/** Those that are here, of a file that is not complete. */
	bytes: number;
	complete: boolean;
}

/** Content of the reader's own, of which all is known before it is kept. */
export type KeptContent = ModelFile & { bytes: number; sha256: string };
export type PutOptions = Pick<DownloadOptions, 'signal' | 'onBytes'>;

export interface ModelFiles {
	/**
	 * The file, checked just now; what is missing of it is downloaded. Read the Blob soon: it lies on disk, and goes when the file is
	 * removed or fetched anew. A file without a hash is taken as it was first fetched.
	 * @throws MissingFileError, DamagedFileError, StorageFullError, DownloadError, and the signal's reason
	 */
	open(file: ModelFile, options?: Pick<DownloadOptions, 'signal' | 'onBytes' | 'onWait' | 'token'>): Promise<Blob>;
	/** The file if it is here whole, checked just now; null if it isn't, or is damaged. Nothing is fetched. @throws ModelFileError where the browser keeps no files */
	find(file: ModelFile, signal?: AbortSignal): Promise<Blob | null>;
	/**
	 * Keeps content that no server has; whatever lay there goes. Nothing of it stays when that ends early.
	 * @throws DamagedFileError when it turns out to be other content, StorageFullError, ModelFileError, what the content throws, and the signal's reason
	 */
	put(file: KeptContent, content: AsyncIterable<Uint8Array<ArrayBuffer>>, options?: PutOptions): Promise<void>;
	/** Bytes of the files that are not here yet, as far as their sizes are known. @throws StorageFullError when they have no room */
	missing(files: readonly ModelFile[]): Promise<number>;
	list(): Promise<KeptFile[]>;
	/** Waits until nobody downloads the file. */
	remove(url: string, signal?: AbortSignal): Promise<void>;
	/** False once the browser has refused to keep a file: it is held in memory, and fetched again the next time. */
	readonly kept: boolean;
}

const LOCK_PREFIX = 'conscience-lab-file:';
/** Bytes that files leave free, for the reader's runs. */
const SPARE = 16e6;
/** Up to here a file is hashed natively, in memory; a larger one part by part. */
const WHOLE_BYTES = 64 * 2 ** 20;

/** What is known of a file that lies in the folder; beside it as JSON. */
const Entry = v.object({
	url: v.string(),
	/** Of a complete file what it was found to be, of another what it should become. */
	sha256: v.nullable(v.string()),
	validator: v.nullable(v.string()),
	complete: v.boolean(),
});
type Entry = v.InferOutput<typeof Entry>;
const ENTRY = '.json';

/** The files of this browser. `disk` and the options of downloads are for tests. */
export function createModelFiles(disk: () => Promise<Folder> = opfsFolder, downloading: DownloadOptions = {}): ModelFiles {
	const memory = memoryFolder();
	let kept = true;
	/** Does it on disk, or in memory where the browser refuses: some do so only when a file is opened. */
	const onDisk = async <T>(work: (folder: Folder) => Promise<T>, signal?: AbortSignal): Promise<T> => {
		try {
			return await work(await disk());
		} catch (error) {
			if (error instanceof ModelFileError || signal?.aborted) throw error;
			kept = false;
			return work(memory);
		}
	};
	/** What can't be fetched anew has to be on disk. */
	const onDiskOnly = async <T>(work: (folder: Folder) => Promise<T>): Promise<T> => {
		const folder = await disk().catch((cause: unknown) => {
			throw new ModelFileError(
				'This browser keeps no files for the page, as in some private windows. Open the lab in an ordinary window for a model of your own.',
				{ cause },
			);
		});
		return work(folder);
	};
	return {
		async open(file, options = {}) {
			checkUrl(file.url);
			const { signal } = options;
			return alone(file.url, signal, () => onDisk((folder) => openIn(folder, file, { ...downloading, ...options }), signal));
		},
		find: (file, signal) => alone(file.url, signal, () => onDiskOnly((folder) => findIn(folder, file))),
		put: (file, content, options = {}) =>
			alone(file.url, options.signal, () => onDiskOnly((folder) => putIn(folder, file, content, options))),
		missing: (files) => onDisk((folder) => missingIn(folder, files)),
		list: () => onDisk(listIn),
		remove: (url, signal) => alone(url, signal, () => onDisk(async (folder) => removeFrom(folder, await keyOf(url)), signal)),
		get kept() {
			return kept;
		},
	};
}

async function openIn(folder: Folder, file: ModelFile, options: DownloadOptions): Promise<Blob> {
	const { signal, onBytes } = options;
	const key = await keyOf(file.url);
	const found = await look(folder, key);
	if (found && isWhole(file, found)) {
		const { fault } = await check({ ...file, sha256: file.sha256 ?? found.entry.sha256 }, found.data);
		signal?.throwIfAborted();
		if (fault === null) {
			onBytes?.(found.data.size);
			return found.data;
		}
	}
	const begun = begunOf(file, found);
	for (let isNew = begun.bytes === 0; ; isNew = true) {
		if (isNew) await removeFrom(folder, key);
		await fetchInto(folder, key, file, begun, options);
		const data = (await folder.read(key)) ?? new Blob();
		const { sha256, fault } = await check(file, data);
		signal?.throwIfAborted();
		if (fault === null) {
			await writeEntry(folder, key, { url: file.url, sha256, validator: begun.validator, complete: true });
			return data;
		}
		await removeFrom(folder, key);
		// What had lain here may be to blame; what came whole just now is what the server has.
		if (isNew) throw new DamagedFileError(`${file.url} is not the file that was expected: ${fault}. Load it again; if that does not help, reload the page, or make the model’s folder anew.`); // prettier-ignore
		begun.bytes = 0;
	}
}

async function findIn(folder: Folder, file: ModelFile): Promise<Blob | null> {
	const found = await look(folder, await keyOf(file.url));
	if (!found || !isWhole(file, found)) return null;
	const { fault } = await check({ ...file, sha256: file.sha256 ?? found.entry.sha256 }, found.data);
	return fault === null ? found.data : null;
}

async function putIn(
	folder: Folder,
	file: KeptContent,
	content: AsyncIterable<Uint8Array<ArrayBuffer>>,
	options: PutOptions,
): Promise<void> {
	const { url, bytes, sha256 } = file;
	const key = await keyOf(url);
	await removeFrom(folder, key);
	await ensureRoom(folder, url, bytes);
	try {
		await writeEntry(folder, key, { url, sha256, validator: null, complete: false });
		const written = await writeContent(folder, key, content, options);
		if (written.bytes !== bytes || written.sha256 !== sha256)
			throw new DamagedFileError(
				`${url}: ${written.bytes} bytes with SHA-256 ${written.sha256} came, expected ${bytes} with ${sha256}: the file was changed while it was read. Give it again.`,
			);
		await writeEntry(folder, key, { url, sha256, validator: null, complete: true });
	} catch (error) {
		await removeFrom(folder, key);
		const isFull = !(error instanceof ModelFileError) && (await toStorageError(error)).fault === 'full';
		throw isFull ? await noRoom(url, null, error) : error;
	}
}

async function writeContent(
	folder: Folder,
	key: string,
	content: AsyncIterable<Uint8Array<ArrayBuffer>>,
	{ signal, onBytes }: PutOptions,
): Promise<{ bytes: number; sha256: string }> {
	const hash = await startSha256();
	const writer = await folder.write(key, 0);
	let bytes = 0;
	try {
		for await (const chunk of content) {
			signal?.throwIfAborted();
			hash.update(chunk);
			writer.append(chunk);
			bytes += chunk.length;
			onBytes?.(bytes);
		}
	} finally {
		writer.close();
	}
	return { bytes, sha256: hash.digest() };
}

/** Downloads what `begun` lacks; what came is kept when it fails, unless it can't become the file or has no room. */
async function fetchInto(folder: Folder, key: string, file: ModelFile, begun: Begun, options: DownloadOptions): Promise<void> {
	const { url, bytes, sha256 } = file;
	const note = (validator: string | null) => writeEntry(folder, key, { url, sha256, validator, complete: false });
	if (bytes !== null) await ensureRoom(folder, url, bytes - begun.bytes);
	const begin: Begin = async (at, validator, total) => {
		if (bytes === null && total !== null) await ensureRoom(folder, url, total - at);
		if (at === 0) {
			await folder.remove(key); // first, or, should the page go now, another version's bytes would lie under this validator
			await note(validator);
		}
		return folder.write(key, at);
	};
	try {
		await note(begun.validator); // a browser that refuses to write does so before anything is fetched
		await download(file, begun, begin, options);
	} catch (error) {
		const isFull = !(error instanceof ModelFileError) && (await toStorageError(error)).fault === 'full';
		// A part that can't become the file would take the room of the reader's runs.
		if (isFull || error instanceof DamagedFileError || begun.bytes === 0) await removeFrom(folder, key);
		throw isFull ? await noRoom(url, null, error) : error;
	}
}

/** The part of the file that a download can go on from. */
function begunOf({ bytes, sha256 }: ModelFile, found: Found | null): Begun {
	const nothing = { bytes: 0, validator: null };
	if (!found || found.entry.complete) return nothing;
	const { entry, data } = found;
	const isOther = entry.sha256 !== null && sha256 !== null && entry.sha256 !== sha256;
	const isUnsure = entry.validator === null && sha256 === null; // nothing would tell that the rest is of another version
	return isOther || isUnsure || data.size > (bytes ?? Infinity) ? nothing : { bytes: data.size, validator: entry.validator };
}

/** By what is known without reading it. */
const isWhole = ({ bytes, sha256 }: ModelFile, { entry, data }: Found): boolean =>
	entry.complete && data.size === (bytes ?? data.size) && entry.sha256 === (sha256 ?? entry.sha256);

async function missingIn(folder: Folder, files: readonly ModelFile[]): Promise<number> {
	let missing = 0;
	let replaced = 0;
	for (const file of files) {
		checkUrl(file.url);
		const found = await look(folder, await keyOf(file.url));
		if (file.bytes === null || (found && isWhole(file, found))) continue;
		const begun = begunOf(file, found).bytes;
		missing += file.bytes - begun;
		replaced += (found?.data.size ?? 0) - begun;
	}
	if (missing > 0) await ensureRoom(folder, files.length === 1 ? files[0]!.url : `these ${files.length} files`, missing - replaced);
	return missing;
}

async function listIn(folder: Folder): Promise<KeptFile[]> {
	const keys = (await folder.names()).flatMap((name) => (name.endsWith(ENTRY) ? [name.slice(0, -ENTRY.length)] : []));
	const found = await Promise.all(keys.map((key) => look(folder, key)));
	return found.flatMap((file) => (file ? [{ url: file.entry.url, bytes: file.data.size, complete: file.entry.complete }] : []));
}

interface Found {
	entry: Entry;
	data: Blob;
}

async function look(folder: Folder, key: string): Promise<Found | null> {
	const [text, data] = await Promise.all([folder.read(key + ENTRY).then((blob) => blob?.text()), folder.read(key)]);
	const entry = v.safeParse(v.pipe(v.string(), v.parseJson(), Entry), text); // cut off where the page went while it was written
	return entry.success && data ? { entry: entry.output, data } : null;
}

async function writeEntry(folder: Folder, key: string, entry: Entry): Promise<void> {
	const writer = await folder.write(key + ENTRY, 0);
	try {
		writer.append(new TextEncoder().encode(JSON.stringify(entry)));
	} finally {
		writer.close();
	}
}

async function removeFrom(folder: Folder, key: string): Promise<void> {
	await folder.remove(key + ENTRY); // first: data without it count as nothing
	await folder.remove(key);
}

async function ensureRoom(folder: Folder, what: string, bytes: number): Promise<void> {
	if (!(await folder.fits(bytes + SPARE))) throw await noRoom(what, bytes);
}

/** `bytes` are to come; null for what ran out of room in the middle. */
async function noRoom(what: string, bytes: number | null, cause?: unknown): Promise<StorageFullError> {
	const needed = bytes === null ? '' : ` It takes ${inMegabytes(bytes)} more, and ${inMegabytes(SPARE)} stay free for your runs.`;
	const use = await storageUse(); // without the quota, which browsers make up
	const used = use ? ` The lab uses ${inMegabytes(use.usage)} now.` : '';
	return new StorageFullError(
		`There is no room in the browser for ${what}.${needed}${used} Delete runs on the Runs page, or free space on the disk, and load it again.`,
		{ cause },
	);
}

/** What the data are, and in words why they are not the file; null when they are. */
async function check({ bytes, sha256: expected, gitSha1 }: ModelFile, data: Blob): Promise<{ sha256: string; fault: string | null }> {
	const actual = data.size > WHOLE_BYTES ? await sha256OfFile(data) : await sha256(await data.arrayBuffer());
	const blob = gitSha1 && !expected ? await gitBlobSha1(data) : null;
	const isIt = (expected ?? actual) === actual && (bytes ?? data.size) === data.size && (blob === null || blob === gitSha1);
	const wanted = [
		...(bytes === null ? [] : [`${bytes} bytes`]),
		...(expected ? [`SHA-256 ${expected}`] : []),
		...(blob === null ? [] : [`git’s SHA-1 ${gitSha1}`]),
	].join(' with ');
	const found = blob === null ? `SHA-256 ${actual}` : `git’s SHA-1 ${blob}`;
	return { sha256: actual, fault: isIt ? null : `${data.size} bytes with ${found} came, expected ${wanted}` };
}

/** As git names a file's content: SHA-1 of `blob <bytes>\0` and the bytes. Only small files are kept so. */
async function gitBlobSha1(data: Blob): Promise<string> {
	const digest = await crypto.subtle.digest('SHA-1', await new Blob([`blob ${data.size}\0`, data]).arrayBuffer());
	return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const keyOf = async (url: string) => (await sha256(url)).slice(0, 40);

function checkUrl(url: string): void {
	if (!URL.canParse(url)) throw new ModelFileError(`'${url}' is no address of a file: give it in full, as https://…/params_shard_0.bin.`);
}

/** Does `work` while nobody else, in any tab or worker, does something to the file. */
async function alone<T>(url: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
	signal?.throwIfAborted();
	if (!globalThis.navigator?.locks) return work(); // as outside a secure context, where no file can be checked either
	return navigator.locks.request(LOCK_PREFIX + url, signal ? { signal } : {}, work);
}
