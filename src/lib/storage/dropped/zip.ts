/**
 * The files of a zip that stays on disk: its directory is read, and then each file by itself, unpacked part by part, so that a zip of a
 * gigabyte takes a few megabytes of memory (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3). fflate unpacks; its own
 * readers of zips either want all of it in memory or don't read the directory, which alone says which files count.
 */
import { Inflate } from 'fflate';

import { DroppedModelError, type GivenFile, MOST_FILES, partsOf } from './given';

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;
const MOST_COMMENT = 0xffff;
const MOST_DIRECTORY = 10_000_000;
/** So few packed bytes at a time: unpacked they may be a thousand times as many. */
const PACKED_BYTES = 2 ** 16;
const AGAIN = 'Zip the folder again, or give the folder itself.';

/** A file as the directory lists it. */
interface Entry {
	path: string;
	method: number;
	crc: number;
	packed: number;
	size: number;
	/** Where its own header begins. */
	at: number;
}

/** The files that a zip holds, without its folders. @throws DroppedModelError */
export async function filesOfZip(zip: Blob, called: string): Promise<GivenFile[]> {
	const { entries, at, bytes } = await findDirectory(zip, called);
	const directory = await viewOf(zip, at, at + bytes, called);
	const files: Entry[] = [];
	const seen = new Set<string>();
	let position = 0;
	for (let i = 0; i < entries; i++) {
		if (position + ENTRY_BYTES > bytes || directory.getUint32(position, true) !== ENTRY)
			throw damaged(called, 'its directory is cut short');
		const { entry, length } = readEntry(directory, position, called);
		position += length;
		if (entry.path.endsWith('/')) continue;
		if (seen.has(entry.path))
			throw new DroppedModelError(`${called} holds ${entry.path} twice, and which one counts nobody can say. ${AGAIN}`);
		seen.add(entry.path);
		files.push(entry);
	}
	return files.map((entry) => ({ path: entry.path, size: entry.size, read: () => unpack(zip, entry, called) }));
}

/** The end of a zip says where its directory lies; a comment may follow it. */
async function findDirectory(zip: Blob, called: string): Promise<{ entries: number; at: number; bytes: number }> {
	const from = Math.max(0, zip.size - END_BYTES - MOST_COMMENT);
	const tail = await viewOf(zip, from, zip.size, called);
	const isEnd = (i: number) =>
		tail.getUint32(i, true) === END && i + END_BYTES + tail.getUint16(i + END_BYTES - 2, true) === tail.byteLength;
	let end = tail.byteLength - END_BYTES;
	while (end >= 0 && !isEnd(end)) end--;
	if (end < 0) throw new DroppedModelError(`${called} is no zip, or was cut short: its end is missing. Download or zip it again.`);
	const [disk, entries, bytes, at] = [tail.getUint16(end + 4, true), tail.getUint16(end + 10, true), tail.getUint32(end + 12, true), tail.getUint32(end + 16, true)]; // prettier-ignore
	if (entries === 0xffff || bytes === 0xffffffff || at === 0xffffffff) throw isZip64(called);
	if (disk !== 0) throw new DroppedModelError(`${called} is one part of a zip in several. Put them together, or give the folder itself.`);
	if (entries > MOST_FILES || bytes > MOST_DIRECTORY)
		throw new DroppedModelError(`${called} holds ${entries} files, and a model has few. Zip the folder of one model.`);
	if (at + bytes > from + end) throw damaged(called, 'its directory lies outside of it');
	return { entries, at, bytes };
}

function readEntry(view: DataView, at: number, called: string): { entry: Entry; length: number } {
	const short = (offset: number) => view.getUint16(at + offset, true);
	const long = (offset: number) => view.getUint32(at + offset, true);
	const length = ENTRY_BYTES + short(28) + short(30) + short(32);
	if (at + length > view.byteLength) throw damaged(called, 'its directory is cut short');
	const name = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at + ENTRY_BYTES, short(28)));
	const entry = {
		path: name.replaceAll('\\', '/').replace(/^(\.\/)+/, ''),
		method: short(10),
		crc: long(16),
		packed: long(20),
		size: long(24),
		at: long(42),
	};
	if (short(8) & 1)
		throw new DroppedModelError(
			`${called} is encrypted: ${entry.path} can’t be read without its password. Unpack it, and give the folder.`,
		);
	if ([entry.packed, entry.size, entry.at].includes(0xffffffff)) throw isZip64(called);
	if (/^(\/|[a-z]:)|(^|\/)\.\.(\/|$)/i.test(entry.path) || entry.path === '')
		throw new DroppedModelError(
			`${called} names a file '${entry.path}', which leads out of its folder: no model’s zip does that. ${AGAIN}`,
		);
	return { entry, length };
}

/** @throws DroppedModelError when it is not the file that the directory lists */
async function* unpack(zip: Blob, entry: Entry, called: string): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
	const { path, method, packed, size, crc } = entry;
	const wrong = (why: string) => damaged(`${called}: ${path}`, why);
	if (method !== 0 && method !== 8)
		throw new DroppedModelError(`${called}: ${path} is packed by method ${method}; stored (0) and deflated (8) are read. ${AGAIN}`);
	if (entry.at + LOCAL_BYTES > zip.size) throw wrong('it lies outside of the zip');
	const local = await viewOf(zip, entry.at, entry.at + LOCAL_BYTES, called);
	if (local.getUint32(0, true) !== LOCAL) throw wrong('there is no file where the directory says');
	const begin = entry.at + LOCAL_BYTES + local.getUint16(26, true) + local.getUint16(28, true);
	if (begin + packed > zip.size) throw wrong('it is cut short');
	const data = zip.slice(begin, begin + packed);
	const { createCRC32 } = await import('hash-wasm'); // as sha256Stream does: a zip is rare
	const sum = await createCRC32();
	let bytes = 0;
	for await (const part of method === 0 ? partsOf(path, data) : inflated(path, data, wrong)) {
		if ((bytes += part.length) > size) throw wrong(`it holds more than the ${size} bytes that the directory says`);
		sum.update(part);
		yield part;
	}
	if (bytes !== size) throw wrong(`it holds ${bytes} bytes, and the directory says ${size}`);
	if (Number.parseInt(sum.digest('hex'), 16) !== crc) throw wrong('its content is not what was zipped (CRC-32)');
}

async function* inflated(path: string, data: Blob, wrong: (why: string) => Error): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
	let parts: Uint8Array[] = [];
	const inflate = new Inflate((part) => parts.push(part));
	let left = data.size;
	for await (const packed of partsOf(path, data, PACKED_BYTES)) {
		left -= packed.length;
		try {
			inflate.push(packed, left === 0);
		} catch (error) {
			throw wrong((error as Error).message);
		}
		for (const part of parts) yield part as Uint8Array<ArrayBuffer>;
		parts = [];
	}
}

async function viewOf(zip: Blob, begin: number, end: number, called: string): Promise<DataView> {
	const bytes = await zip
		.slice(begin, end)
		.arrayBuffer()
		.catch((cause: unknown) => {
			throw new DroppedModelError(`The browser can’t read ${called} (${(cause as Error).message}). Give it again.`, { cause });
		});
	return new DataView(bytes);
}

const damaged = (what: string, why: string) => new DroppedModelError(`${what} is damaged: ${why}. Download or zip it again.`);
const isZip64 = (called: string) =>
	new DroppedModelError(
		`${called} is a zip of the 64-bit kind, for files of over 4 GB, which is not read. Unpack it, and give the folder itself.`,
	);
