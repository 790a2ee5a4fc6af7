import { beforeEach, expect, test, vi } from 'vitest';

import type { Folder } from '$lib/storage/opfs';

import { BYTES, disk, filesIn, server } from './modelFilesHere';

beforeEach(() => {
	const storage = { estimate: async () => ({ usage: 4_300_000, quota: 1e10 }), persisted: async () => false };
	vi.stubGlobal('navigator', { storage });
});

const files = (folder = disk) => filesIn(folder);
/** A disk that would give so many bytes more. */
const withFree = (free: number): Folder => ({ ...disk, fits: async (bytes) => bytes <= free });

test('room is asked for before anything is fetched', async () => {
	const file = server.serve({ bytes: BYTES });
	const small = files(withFree(16_200_000));
	const opened = small.open(file);
	await expect(opened).rejects.toMatchObject({ name: 'StorageFullError' });
	await expect(opened).rejects.toThrow(/no room .*0.3 MB more, and 16.0 MB stay free.*uses 4.3 MB now. Delete runs/);
	expect(server.asked).toEqual([]);
	expect((await files(withFree(16_300_000)).open(file)).size).toBe(BYTES.length);

	const unknown = { url: server.serve({ bytes: BYTES }, '/unknown').url, bytes: null, sha256: null };
	await expect(small.open(unknown)).rejects.toMatchObject({ name: 'StorageFullError' });
	expect(await disk.names()).toHaveLength(2);
});

test('room is asked for a whole model, of which a part may be here', async () => {
	const shards = ['/0', '/1', '/2'].map((path) => server.serve({ bytes: BYTES, ...(path === '/1' && { cut: () => 100_000 }) }, path));
	await files().open(shards[0]!);
	await expect(files().open(shards[1]!)).rejects.toMatchObject({ name: 'DownloadError' });
	expect(await files().missing(shards)).toBe(500_000);
	expect(await files(withFree(0)).missing(shards.slice(0, 1))).toBe(0);
	await expect(files(withFree(16_400_000)).missing(shards)).rejects.toThrow(/no room in the browser for these 3 files. It takes 0.5 MB/);
	const other = shards.map((file) => ({ ...file, sha256: 'a'.repeat(64) }));
	expect(await files(withFree(16_500_000)).missing(other)).toBe(900_000); // what is replaced makes room
	expect(await files().missing([{ ...shards[2]!, bytes: null }])).toBe(0);
});

test('when room runs out in the middle, the part does not stay in the way', async () => {
	const full: Folder = {
		...disk,
		async write(name, at) {
			const writer = await disk.write(name, at);
			let left = 50_000;
			const append = (chunk: Uint8Array<ArrayBuffer>) => {
				if ((left -= chunk.length) < 0) throw new DOMException('no capacity', 'QuotaExceededError');
				writer.append(chunk);
			};
			return { ...writer, append };
		},
	};
	const opened = files(full).open(server.serve({ bytes: BYTES }));
	await expect(opened).rejects.toMatchObject({ name: 'StorageFullError' });
	await expect(opened).rejects.toThrow(/no room .* The lab uses 4.3 MB now/);
	expect(await disk.names()).toEqual([]);
});
