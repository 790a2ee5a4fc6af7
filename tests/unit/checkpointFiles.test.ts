import { expect, test } from 'vitest';

import { wholeFile } from '$lib/model/partedFile';
import { SHARD_INDEX } from '$lib/model/shards';
import { readCheckpointFrom } from '$lib/storage/checkpointFiles';

import { disk, filesIn, server } from './modelFilesHere';
import { sha256, someBytes } from './modelFilesServer';

const NAMES = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
const SHARDS = [someBytes(300_000, 1), someBytes(200_000, 2)] as const;
const INDEX = Buffer.from(JSON.stringify({ weight_map: { a: NAMES[0], b: NAMES[1] } }));

type Served = Parameters<typeof server.serve>[0];
/** Serves a folder of two shards, the second as it is told to. */
function serveFolder(second: Partial<Served> = {}, first: Partial<Served> = {}): string {
	server.serve({ bytes: INDEX, type: 'application/json' }, `/model/${SHARD_INDEX}`);
	server.serve({ bytes: SHARDS[0], etag: '"1"', ...first }, `/model/${NAMES[0]}`);
	server.serve({ bytes: SHARDS[1], etag: '"2"', ...second }, `/model/${NAMES[1]}`);
	return `${server.origin}/model`;
}
/** Reads the folder as loadCheckpoint does: the SHA-256 of the shards, and what was told of progress. */
async function readAll(url: string, files = filesIn(disk)) {
	const told: [number, number | null][] = [];
	const read = readCheckpointFrom(url, files, { onBytes: (...bytes) => told.push(bytes) });
	await read(SHARD_INDEX);
	const hashes: string[] = [];
	for (const name of NAMES) hashes.push(sha256(await wholeFile(await read(name))));
	return { hashes, told };
}
/** Ranges that a shard's content was asked for; the first question is HEAD. */
const asked = (k: 0 | 1) =>
	server.asked.filter(({ path }) => path.endsWith(NAMES[k])).map(({ method, headers }) => [method, headers.range]);

test('shards are fetched once, with their progress over the sum of all', async () => {
	const url = serveFolder();
	const { hashes, told } = await readAll(url);
	expect(hashes).toEqual(SHARDS.map(sha256));
	const total = INDEX.length + 500_000;
	expect(told.at(-1)).toEqual([total, total]);
	expect(new Set(told.slice(1).map(([, total]) => total))).toEqual(new Set([total]));
	expect(told.map(([loaded]) => loaded)).toEqual(told.map(([loaded]) => loaded).toSorted((a, b) => a - b));

	expect((await readAll(`${url}/`)).hashes).toEqual(hashes);
	expect([asked(0), asked(1)]).toEqual([0, 1].map(() => [['HEAD', undefined], ['GET', undefined], ['HEAD', undefined]])); // prettier-ignore
});

test('what broke off in the second shard goes on from there', async () => {
	const url = serveFolder({ cut: (nth) => (nth === 1 ? 120_000 : undefined) });
	await expect(readAll(url)).rejects.toThrow(/00002-of-00002\.safetensors.*broke off after 0\.1 MB/);
	const { hashes, told } = await readAll(url);
	expect(hashes).toEqual(SHARDS.map(sha256));
	expect(told.at(-1)![0]).toBe(INDEX.length + 500_000);
	expect(asked(0)).toEqual([['HEAD', undefined], ['GET', undefined], ['HEAD', undefined]]); // prettier-ignore
	expect(asked(1)).toEqual([['HEAD', undefined], ['GET', undefined], ['HEAD', undefined], ['GET', 'bytes=120000-']]); // prettier-ignore
});

test('a shard that is another version on the server is fetched anew, and the old one goes', async () => {
	await readAll(serveFolder());
	const other = someBytes(200_000, 3);
	const { hashes } = await readAll(serveFolder({ bytes: other, etag: '"3"' }));
	expect(hashes).toEqual([sha256(SHARDS[0]), sha256(other)]);
	expect((await filesIn(disk).list()).map(({ url }) => decodeURIComponent(new URL(url).hash)).toSorted()).toEqual(['#"1"', '#"3"']);
});

test('where a server names no version a shard is fetched each time', async () => {
	const url = serveFolder({ etag: undefined });
	await readAll(url);
	expect((await readAll(url)).hashes).toEqual(SHARDS.map(sha256));
	expect(asked(1)).toEqual([0, 1].flatMap(() => [['HEAD', undefined], ['GET', undefined]])); // prettier-ignore
	expect(await filesIn(disk).list()).toHaveLength(1);
});

test('room for all shards is asked for before the first is fetched', async () => {
	const full = filesIn({ ...disk, fits: async (bytes) => bytes < 16_400_000 });
	await expect(readAll(serveFolder(), full)).rejects.toThrow(/no room in the browser for these 2 files. It takes 0.5 MB/);
	expect(asked(0)).toEqual([['HEAD', undefined]]);
});

test('a download that ends early without an error is none', async () => {
	const url = serveFolder();
	const files = { ...filesIn(disk), open: async () => new Blob([SHARDS[0].slice(0, 1000)]) };
	await expect(readAll(url, files)).rejects.toThrow(/ended after 1000 of 300000 bytes/);
});

test('a shard that is not there is missing', async () => {
	const url = serveFolder({ status: () => 404 });
	await expect(readAll(url)).rejects.toMatchObject({ name: 'MissingFileError' });
});
