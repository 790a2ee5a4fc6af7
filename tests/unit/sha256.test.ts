import { afterEach, expect, test, vi } from 'vitest';

import { sha256 } from '$lib/model/sha256';

afterEach(() => void vi.unstubAllGlobals());

test('a text has the hash of its bytes', async () => {
	// FIPS 180-2, appendix B.1
	expect(await sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
	expect(await sha256('ä')).toBe(await sha256(new Uint8Array([0xc3, 0xa4])));
});

test('a page that can’t compute it says where it can', async () => {
	vi.stubGlobal('crypto', {});
	await expect(sha256('abc')).rejects.toMatchObject({ name: 'HashError', message: expect.stringContaining('localhost') as string });
});
