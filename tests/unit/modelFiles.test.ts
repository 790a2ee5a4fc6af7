import { describe, expect, test } from 'vitest';

import { createModelFiles } from '$lib/storage/modelFiles';
import { memoryFolder } from '$lib/storage/opfs';

import { BYTES, contentOf, disk, filesIn, server, startAnother } from './modelFilesHere';
import { sha256, someBytes, type TestServer } from './modelFilesServer';

const VERSION = { etag: '"1"' };
/** No waiting between tries. */
const QUICK = [0, 0];

const files = (folder = disk) => filesIn(folder, QUICK);
const ranges = () => server.asked.map(({ headers }) => headers.range);

/** A file of which an earlier visit has left a part. */
async function begun(served: Parameters<TestServer['serve']>[0] = { bytes: BYTES, ...VERSION }) {
	const file = server.serve({ ...served, cut: () => 100_000 });
	await expect(filesIn(disk).open(file)).rejects.toMatchObject({ name: 'DownloadError' });
	const [kept] = await files().list();
	expect(kept).toEqual({ url: file.url, bytes: 100_000, complete: false });
	server.asked.length = 0;
	server.serve(served);
	return file;
}

describe('a file', () => {
	test('is downloaded once, and told of as it comes', async () => {
		const file = server.serve({ bytes: BYTES });
		const told: number[] = [];
		const first = await files().open(file, { onBytes: (bytes) => told.push(bytes) });
		expect(await contentOf(first)).toBe(file.sha256);
		expect([told[0], told.at(-1)]).toEqual([0, BYTES.length]);
		expect(told).toEqual(told.toSorted((a, b) => a - b));

		const again: number[] = [];
		expect(await contentOf(await files().open(file, { onBytes: (bytes) => again.push(bytes) }))).toBe(file.sha256);
		expect([again, server.asked.length]).toEqual([[BYTES.length], 1]);
		expect(await files().list()).toEqual([{ url: file.url, bytes: BYTES.length, complete: true }]);
		await files().remove(file.url);
		expect([await files().list(), await disk.names()]).toEqual([[], []]);
	});

	test('may be empty', async () => {
		expect((await files().open(server.serve({ bytes: new Uint8Array() }))).size).toBe(0);
	});

	test('of which the source says nothing is kept as it came, and what happens to it on disk is found', async () => {
		const { url } = server.serve({ bytes: BYTES });
		const unknown = { url, bytes: null, sha256: null };
		await files().open(unknown);
		await files().open(unknown);
		expect(server.asked).toHaveLength(1);
		await damage();
		expect(await contentOf(await files().open(unknown))).toBe(sha256(BYTES));
		expect(server.asked).toHaveLength(2);
	});

	test('is told from others by its whole address, which must be one', async () => {
		const [one, two] = [server.serve({ bytes: BYTES }, '/a?v=1'), server.serve({ bytes: someBytes(10, 2) }, '/a?v=2')];
		await files().open(one);
		expect(await contentOf(await files().open(two))).toBe(two.sha256);
		await expect(files().open({ ...one, url: 'webllm/shard.bin' })).rejects.toThrow(/'webllm\/shard.bin' is no address/);
	});
});

type Headings = Record<string, string>;
/** The first answer has this status. */
const first = (status: number) => (nth: number) => (nth === 0 ? status : undefined);

describe('a download that breaks off', () => {
	test('goes on by range at once, of the same version only', async () => {
		const file = server.serve({ bytes: BYTES, ...VERSION, cut: (nth) => (nth < 2 ? 50_000 : undefined) });
		expect(await contentOf(await files().open(file))).toBe(file.sha256);
		expect(ranges()).toEqual([undefined, 'bytes=50000-', 'bytes=100000-']);
		expect(server.asked.map(({ headers }) => headers['if-range'])).toEqual([undefined, '"1"', '"1"']);
	});

	test('too often is an error that says how far it came, and the next time goes on from there', async () => {
		const file = server.serve({ bytes: BYTES, lastModified: 'Sat, 21 Nov 2026 12:00:00 GMT', cut: () => 60_000 });
		await expect(files().open(file)).rejects.toThrow(/broke off after 0.2 MB.*load it again, and it goes on/);
		expect(server.asked).toHaveLength(3);
		expect((await files().list())[0]).toMatchObject({ bytes: 180_000, complete: false });
		server.serve({ bytes: BYTES, lastModified: 'Sat, 21 Nov 2026 12:00:00 GMT' });
		expect(await contentOf(await files().open(file))).toBe(file.sha256);
		expect(ranges().at(-1)).toBe('bytes=180000-');
	});

	test('where nothing comes for long counts as broken off', async () => {
		const file = server.serve({ bytes: BYTES, ...VERSION, stall: (nth) => (nth === 0 ? 70_000 : undefined) });
		const blob = await createModelFiles(async () => disk, { pauses: QUICK, patience: 200 }).open(file);
		expect(await contentOf(blob)).toBe(file.sha256);
		expect(ranges()).toEqual([undefined, 'bytes=70000-']);
		server.serve({ bytes: BYTES, stall: () => 0 }, '/never');
		const never = createModelFiles(async () => disk, { pauses: [], patience: 50 }).open({ ...file, url: `${server.origin}/never` });
		await expect(never).rejects.toThrow(/nothing came for 0.05 s/);
	});

	test.each([
		['ignores ranges', { noRanges: true }],
		['has another version', { etag: '"2"' }],
		['has another version and ignores If-Range', { etag: '"2"', noIfRange: true }],
		['packs what it sends', { gzip: true, etag: '"2"' }],
		['goes on from elsewhere', { status: first(206), headers: () => ({ 'content-range': 'bytes 5-299999/300000' }) }],
		[
			'sends a range of what it packed',
			{ status: first(206), headers: (nth: number): Headings => (nth === 0 ? { 'content-encoding': 'gzip' } : {}) },
		],
		['finds that it has changed', { status: first(412) }],
		['can’t go on from there', { status: first(416) }],
	])('starts over where the server %s', async (_, served) => {
		await begun();
		const told: number[] = [];
		const file = server.serve({ bytes: someBytes(300_000, 7), ...VERSION, ...served });
		const blob = await files().open({ ...file, sha256: null }, { onBytes: (bytes) => told.push(bytes) });
		expect(await contentOf(blob)).toBe(file.sha256);
		expect([ranges()[0], told[0]]).toEqual(['bytes=100000-', 0]);
	});

	test('starts over when its hash tells that the rest was of another version, which nothing else did', async () => {
		await begun({ bytes: BYTES });
		const file = server.serve({ bytes: someBytes(300_000, 7) });
		const { url } = file;
		expect(await contentOf(await files().open({ url, bytes: file.bytes, sha256: file.sha256 }))).toBe(file.sha256);
	});

	test('starts over where nothing would tell', async () => {
		const { url } = await begun({ bytes: BYTES });
		const file = server.serve({ bytes: someBytes(300_000, 7) });
		expect(await contentOf(await files().open({ url, bytes: null, sha256: null }))).toBe(file.sha256);
		expect(ranges()).toEqual([undefined]);
	});

	test('goes on by date where the tag does not promise the same bytes', async () => {
		const lastModified = 'Sat, 21 Nov 2026 12:00:00 GMT';
		const file = server.serve({ bytes: BYTES, etag: 'W/"1"', lastModified, cut: (nth) => (nth === 0 ? 50_000 : undefined) });
		expect(await contentOf(await files().open(file))).toBe(file.sha256);
		expect(server.asked[1]!.headers['if-range']).toBe(lastModified);
	});

	test('after the last byte was whole', async () => {
		const { url, sha256 } = await begun();
		server.serve({ bytes: BYTES.subarray(0, 100_000), ...VERSION });
		const whole = { url, bytes: null, sha256: null };
		expect((await files().open(whole)).size).toBe(100_000);
		expect(ranges()).toEqual(['bytes=100000-']);
		expect(sha256).not.toBe(await contentOf(await files().open(whole)));
	});

	test('goes on in a file that came packed', async () => {
		const file = server.serve({ bytes: BYTES, ...VERSION, gzip: true, cut: (nth) => (nth === 0 ? 100_000 : undefined) });
		expect(await contentOf(await files().open(file))).toBe(file.sha256);
		expect(await contentOf(await files().open(server.serve({ bytes: BYTES, gzip: true }, '/whole')))).toBe(file.sha256);
	});
});

describe('what the server answers', () => {
	test('a file that is not there is missed at once, also where a page comes in its place', async () => {
		const missing = { url: `${server.origin}/none.bin`, bytes: 10, sha256: null };
		await expect(files().open(missing)).rejects.toMatchObject({ name: 'MissingFileError', message: expect.stringContaining('status 404') as string }); // prettier-ignore
		const page = server.serve({ bytes: new TextEncoder().encode('<!doctype html>'), type: 'text/html; charset=utf-8' });
		await expect(files().open(page)).rejects.toThrow(/no such file \(a web page came back\)/);
		expect(await disk.names()).toEqual([]);
		expect(server.asked).toHaveLength(2);
	});

	test('a busy server is asked again, one that refuses is not', async () => {
		const file = server.serve({ bytes: BYTES, status: (nth) => (nth < 2 ? 503 : undefined) });
		expect((await files().open(file)).size).toBe(BYTES.length);
		const refused = server.serve({ bytes: BYTES, status: () => 403 }, '/refused');
		await expect(files().open(refused)).rejects.toThrow(/status 403 Forbidden/);
		expect(server.asked).toHaveLength(4);
	});

	test('nobody at home', async () => {
		const file = server.serve({ bytes: BYTES });
		await server.close();
		await expect(files().open(file)).rejects.toThrow(/no answer .*Is the server running/);
		await startAnother();
	});

	test('a wrong file is an error that says what came, and nothing of it is kept', async () => {
		const file = { ...server.serve({ bytes: BYTES }), sha256: 'a'.repeat(64) };
		const opened = files().open(file);
		await expect(opened).rejects.toMatchObject({ name: 'DamagedFileError' });
		await expect(opened).rejects.toThrow(`300000 bytes with SHA-256 ${sha256(BYTES)} came, expected 300000 bytes with SHA-256 aaaa`);
		expect([server.asked.length, await disk.names()]).toEqual([1, []]);
	});

	test('a file of another size is not even fetched; without a length it is let go when it gets too long', async () => {
		const file = { ...server.serve({ bytes: BYTES }), bytes: 299_999 };
		const told: number[] = [];
		await expect(files().open(file, { onBytes: (bytes) => told.push(bytes) })).rejects.toThrow(
			/has 300000 bytes on the server, expected 299999/,
		);
		expect(told).toEqual([]);
		server.serve({ bytes: BYTES, chunked: true });
		await expect(files().open({ ...file, bytes: 1000 })).rejects.toMatchObject({ name: 'DamagedFileError' });
		expect(await disk.names()).toEqual([]);
	});
});

const noteName = async () => (await disk.names()).find((name) => name.endsWith('.json'))!;

/** Changes one byte of the one file that lies on disk. */
async function damage() {
	const name = (await disk.names()).find((name) => !name.endsWith('.json'))!;
	const bytes = new Uint8Array(await (await disk.read(name))!.arrayBuffer());
	bytes[12_345]! ^= 1;
	const writer = await disk.write(name, 0);
	writer.append(bytes);
	writer.close();
}

describe('what lies on disk', () => {
	test('damaged, it is fetched again, once', async () => {
		const file = server.serve({ bytes: BYTES });
		await files().open(file);
		await damage();
		expect(await contentOf(await files().open(file))).toBe(file.sha256);
		expect(server.asked).toHaveLength(2);

		await damage();
		server.serve({ bytes: someBytes(300_000, 3) });
		await expect(files().open(file)).rejects.toMatchObject({ name: 'DamagedFileError' });
		expect(server.asked).toHaveLength(3);
	});

	test('a damaged part costs one more download', async () => {
		const file = await begun();
		await damage();
		expect(await contentOf(await files().open(file))).toBe(file.sha256);
		expect(ranges()).toEqual(['bytes=100000-', undefined]);
	});

	test('of another version, it gives way to the one that is asked for', async () => {
		await files().open(server.serve({ bytes: BYTES }));
		const newer = server.serve({ bytes: someBytes(300_000, 3) });
		expect(await contentOf(await files().open(newer))).toBe(newer.sha256);
		expect(await files().list()).toHaveLength(1);
	});

	test('that came whole, but was not checked when the page went, is checked now', async () => {
		const file = server.serve({ bytes: BYTES });
		await files().open(file);
		const note = await disk.write(await noteName(), 0);
		note.append(new TextEncoder().encode(JSON.stringify({ url: file.url, sha256: file.sha256, validator: null, complete: false })));
		note.close();
		expect(await contentOf(await files().open(file))).toBe(file.sha256);
		expect(server.asked).toHaveLength(1);
	});

	test('whose note was cut off counts as nothing', async () => {
		const file = await begun();
		(await disk.write(await noteName(), 20)).close();
		expect(await files().list()).toEqual([]);
		expect(await contentOf(await files().open(file))).toBe(file.sha256);
		expect(ranges()).toEqual([undefined]);
	});

	test('what a browser refuses to keep is held in memory', async () => {
		const file = server.serve({ bytes: BYTES });
		for (const refusing of [
			createModelFiles(() => Promise.reject(new DOMException('denied', 'SecurityError'))),
			files({ ...memoryFolder(), write: () => Promise.reject(new DOMException('private', 'UnknownError')) }),
		]) {
			server.asked.length = 0;
			for (let i = 0; i < 2; i++) expect(await contentOf(await refusing.open(file))).toBe(file.sha256);
			expect([refusing.kept, server.asked.length]).toEqual([false, 1]);
		}
		const keeping = files();
		await keeping.open(file);
		expect(keeping.kept).toBe(true);
	});
});
