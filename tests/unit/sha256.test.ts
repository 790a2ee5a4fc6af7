import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { afterEach, expect, test, vi } from 'vitest';

import { inParts } from '$lib/model/partedFile';
import { sha256 } from '$lib/model/sha256';
import { sha256OfFile, startSha256 } from '$lib/model/sha256Stream';

afterEach(() => void vi.unstubAllGlobals());
const native = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

test('a text has the hash of its bytes', async () => {
	// FIPS 180-2, appendix B.1
	expect(await sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
	expect(await sha256('ä')).toBe(await sha256(new Uint8Array([0xc3, 0xa4])));
});

test('a page that can’t compute it says where it can', async () => {
	vi.stubGlobal('crypto', {});
	await expect(sha256('abc')).rejects.toMatchObject({ name: 'HashError', message: expect.stringContaining('localhost') as string });
});

test('bytes that come in parts have the hash of the whole, however they are cut', async () => {
	await fc.assert(
		fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 })), async (parts) => {
			const hash = await startSha256();
			for (const part of parts) hash.update(part);
			expect(hash.digest()).toBe(native(Buffer.concat(parts)));
		}),
	);
});

test('a file is read in parts of 8 MB, and those are told', async () => {
	const bytes = Uint8Array.from({ length: 2 ** 24 + 5 }, (_, i) => i * 7 + (i >> 9));
	const read: number[] = [];
	expect(await sha256OfFile(new Blob([bytes]), { onBytes: (count) => read.push(count) })).toBe(native(bytes));
	expect(read).toEqual([2 ** 23, 2 ** 24, 2 ** 24 + 5]);
	expect(await sha256OfFile(inParts(bytes.subarray(3)))).toBe(native(bytes.subarray(3)));
	expect(await sha256OfFile(new Blob())).toBe(native(new Uint8Array()));
});

test('a signal ends it with its reason, before the rest is read', async () => {
	const controller = new AbortController();
	const slice = vi.fn(() => ({ arrayBuffer: () => Promise.resolve(new ArrayBuffer(2 ** 23)) }));
	const onBytes = () => controller.abort(new Error('enough'));
	await expect(sha256OfFile({ size: 2 ** 30, slice }, { signal: controller.signal, onBytes })).rejects.toThrow('enough');
	expect(slice).toHaveBeenCalledTimes(2);
});
