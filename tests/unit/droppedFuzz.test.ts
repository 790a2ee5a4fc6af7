import fc from 'fast-check';
import { strToU8, zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';

import { DroppedModelError, type GivenFile } from '$lib/storage/dropped/given';
import { lookInto } from '$lib/storage/dropped/look';
import { filesOfZip } from '$lib/storage/dropped/zip';

import { asFolder, asZip, type Files, json, tinyFolder, zipOf } from './droppedFolder';

/** A small zip, so that many can be tried: one file stored, one deflated. */
const SMALL: Files = { 'config.json': json({ a: 1 }), 'long.txt': strToU8('the same again and again. '.repeat(40)) };
const small = () => zipSync({ 'm/config.json': [SMALL['config.json']!, { level: 0 }], 'm/long.txt': [SMALL['long.txt']!, { level: 6 }] });
const blobOf = (bytes: Uint8Array) => new Blob([bytes as Uint8Array<ArrayBuffer>]);

async function contentOf(file: GivenFile): Promise<Uint8Array> {
	const parts: Uint8Array<ArrayBuffer>[] = [];
	for await (const part of file.read()) parts.push(part);
	return new Uint8Array(await new Blob(parts).arrayBuffer());
}
async function unzipped(bytes: Uint8Array): Promise<Record<string, Uint8Array>> {
	const files = await filesOfZip(blobOf(bytes), 'x.zip');
	return Object.fromEntries(await Promise.all(files.map(async (file) => [file.path, await contentOf(file)] as const)));
}
const refusal = (bytes: Uint8Array) => unzipped(bytes).then(() => 'taken', (error: Error) => `${error.name}: ${error.message}`); // prettier-ignore

/** Where the central directory's nth entry begins. */
function entryAt(bytes: Uint8Array, nth = 0): number {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	let at = view.getUint32(bytes.length - 22 + 16, true);
	for (; nth > 0; nth--) at += 46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
	return at;
}
/** The small zip with a field of its first entry, or of its end, set. */
function changed(field: number, value: number, bytes: 2 | 4, at = entryAt(small())): Uint8Array {
	const zip = small();
	const view = new DataView(zip.buffer);
	if (bytes === 2) view.setUint16(at + field, value, true);
	else view.setUint32(at + field, value, true);
	return zip;
}
const END = small().length - 22;

describe('a zip', () => {
	test('gives back what was put in, whatever it was', async () => {
		const path = fc.stringMatching(/^[a-z]{1,8}(\/[a-z]{1,8}){0,2}$/);
		await fc.assert(
			fc.asyncProperty(
				fc.dictionary(path, fc.uint8Array({ maxLength: 3000 }), { maxKeys: 5 }),
				fc.constantFrom(0, 6),
				async (files, level) => {
					const zip = zipSync(Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`${name}.x`, [bytes, { level: level }]])));
					const expected = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`${name}.x`, bytes]));
					expect(await unzipped(zip)).toEqual(expected);
				},
			),
			{ numRuns: 60 },
		);
	});

	test.each<[string, Uint8Array, RegExp]>([
		['is none', strToU8('no zip at all, but long enough to be one'), /is no zip, or was cut short/],
		['was cut short', small().slice(0, -30), /is no zip, or was cut short/],
		['is encrypted', changed(8, 1, 2), /x\.zip is encrypted: m\/config\.json can’t be read without its password/],
		['is of 64 bits, by its end', changed(10, 0xffff, 2, END), /64-bit kind.*Unpack it, and give the folder itself/],
		['is of 64 bits, by an entry', changed(24, 0xffffffff, 4), /64-bit kind/],
		['is a part of several', changed(4, 1, 2, END), /one part of a zip in several/],
		['has a directory outside of it', changed(16, 1_000_000, 4, END), /its directory lies outside of it/],
		['has more entries than are there', changed(10, 3, 2, END), /its directory is cut short/],
		['packs by another method', changed(10, 93, 2), /m\/config\.json is packed by method 93/],
		['says too many bytes', changed(24, 100, 4), /holds 7 bytes, and the directory says 100/],
		['says too few', changed(24, 3, 4), /more than the 3 bytes that the directory says/],
		['has other content than was zipped', changed(16, 12345, 4), /its content is not what was zipped \(CRC-32\)/],
		['points to no file', changed(42, 3, 4), /no file where the directory says/],
		[
			'leads out of its folder',
			zipSync({ '../config.json': SMALL['config.json']! }),
			/'\.\.\/config\.json', which leads out of its folder/,
		],
		['leads to the root', zipSync({ '/etc/config.json': SMALL['config.json']! }), /leads out of its folder/],
		['leads to a drive', zipSync({ 'C:\\config.json': SMALL['config.json']! }), /'C:\/config\.json', which leads out/],
	])('that %s is refused', async (_, bytes, message) => {
		expect(await refusal(bytes)).toMatch(new RegExp(`^DroppedModelError: .*${message.source}`));
	});

	test('that holds a file twice is refused by its name', async () => {
		const twice = zipSync({ 'a.json': SMALL['config.json']!, 'b.json': SMALL['config.json']! });
		twice[entryAt(twice, 1) + 46] = 'a'.charCodeAt(0);
		expect(await refusal(twice)).toMatch(/^DroppedModelError: x\.zip holds a\.json twice/);
	});

	test('that unpacks to far more than it says is given up at once', async () => {
		const bomb = zipSync({ 'm/config.json': [new Uint8Array(20e6), { level: 9 }] });
		new DataView(bomb.buffer).setUint32(entryAt(bomb) + 24, 1000, true);
		expect(await refusal(bomb)).toMatch(/holds more than the 1000 bytes/);
	});

	test('with any bytes changed is read or refused by name, and ends', async () => {
		const change = fc.record({ at: fc.nat(small().length - 1), to: fc.nat(255) });
		const cut = fc.option(fc.nat(small().length), { nil: undefined });
		await fc.assert(
			fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), cut, async (changes, cut) => {
				const zip = small();
				for (const { at, to } of changes) zip[at] = to;
				const files = await unzipped(zip.slice(0, cut)).catch((error: unknown) => error);
				if (files instanceof Error) expect(files).toBeInstanceOf(DroppedModelError);
				// what is read is what its checksum says: a change of its name or dates alone is no fault
				else expect(Object.values(files as Files).every((bytes) => Object.values(SMALL).some((own) => Buffer.from(own).equals(bytes)))).toBe(true); // prettier-ignore
			}),
			{ numRuns: 3000 },
		);
	}, 60_000);
});

describe('a model', () => {
	const whole = tinyFolder();
	const zipped = zipOf(whole);
	const names = Object.keys(whole);

	test('in a zip with any bytes changed is found unharmed, or refused by name', async () => {
		const { sha256 } = await lookInto(asZip(zipped));
		const change = fc.record({ at: fc.nat(zipped.length - 1), to: fc.nat(255) });
		await fc.assert(
			fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
				const zip = zipped.slice();
				for (const { at, to } of changes) zip[at] = to;
				const found = await lookInto(asZip(zip)).catch((error: unknown) => error);
				if (found instanceof Error) expect(found).toBeInstanceOf(DroppedModelError);
				else expect((found as { sha256: string }).sha256).toBe(sha256);
			}),
			{ numRuns: 100 },
		);
	}, 60_000);

	test('in a folder with any file cut, changed, renamed or gone is found or refused by name', async () => {
		const fault = fc.record({
			name: fc.constantFrom(...names),
			kind: fc.constantFrom('cut', 'change', 'gone', 'rename', 'json'),
			at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
			value: fc.jsonValue({ maxDepth: 2 }),
			to: fc.constantFrom(...names),
		});
		await fc.assert(
			fc.asyncProperty(fc.array(fault, { minLength: 1, maxLength: 3 }), async (faults) => {
				const files: Files = { ...whole };
				for (const { name, kind, at, value, to } of faults) {
					const bytes = files[name];
					if (!bytes?.length) continue;
					const place = Math.floor(at * bytes.length);
					delete files[name];
					if (kind === 'cut') files[name] = bytes.slice(0, place);
					else if (kind === 'change') files[name] = bytes.with(place, bytes[place]! ^ 0x55);
					else if (kind === 'rename') files[to] = bytes;
					else if (kind === 'json') files[name] = withField(bytes, value, at);
				}
				const found = await lookInto(asFolder(files)).catch((error: unknown) => error);
				if (found instanceof Error) expect(found).toBeInstanceOf(DroppedModelError);
				else expect(found).toMatchObject({ family: expect.any(String) as string });
			}),
			{ numRuns: 250 },
		);
	}, 60_000);
});

/** JSON with one of its fields replaced, or other content whole. */
function withField(bytes: Uint8Array, value: unknown, at: number): Uint8Array {
	try {
		const content = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
		const keys = Object.keys(content);
		return json({ ...content, [keys[Math.floor(at * keys.length)]!]: value });
	} catch {
		return json(value);
	}
}
