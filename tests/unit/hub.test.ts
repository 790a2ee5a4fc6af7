import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { wholeFile } from '$lib/model/partedFile';
import type { ModelFile } from '$lib/storage/download';
import { hubFolder, parseHubFolder } from '$lib/model/hubFolder';
import { listingUrl, parseListingUrl, readHubName } from '$lib/storage/hub/address';
import { hubFiles, readHubFolder } from '$lib/storage/hub/hubFiles';
import { findRepository, parseListing } from '$lib/storage/hub/listing';
import { createModelFiles } from '$lib/storage/modelFiles';
import { type Folder, memoryFolder } from '$lib/storage/opfs';
import { waitOf } from '$lib/storage/refusals';

import { gitSha1, type HubModel, startHub, type TestHub } from './hubServer';
import { sha256, someBytes } from './modelFilesServer';

const ID = 'tests/tiny';
const WEIGHTS = someBytes(400_000);
const FILES = {
	'README.md': someBytes(300, 3),
	'config.json': someBytes(700, 4),
	'tokenizer.json': someBytes(90_000, 5),
	'tokenizer_config.json': someBytes(500, 6),
	'model.safetensors': WEIGHTS,
};
const TOKEN = 'hf_secret';

let hub: TestHub;
let disk: Folder;
beforeEach(async () => {
	hub = await startHub();
	disk = memoryFolder();
});
afterEach(async () => {
	vi.useRealTimers();
	await hub.close();
});

const filesHere = (pauses: readonly number[] = []) => createModelFiles(async () => disk, { pauses, patience: 2000 });
const publish = (more: Partial<HubModel> = {}) => hub.publish({ id: ID, files: FILES, ...more });
const nameAt = (revision: string) => ({ hub: hub.origin, id: ID, revision });
const token = () => ({ origin: hub.origin, value: TOKEN });
/** The SHA-256 of a file as the lab reads it. */
async function readFile(commit: string, file: string, options: Parameters<typeof readHubFolder>[2] = {}, files = filesHere()) {
	return sha256(await wholeFile(await readHubFolder(nameAt(commit), files, options)(file)));
}
const requests = () => [...hub.hub.asked, ...hub.cdn.asked].map(({ path }) => path);

describe('addresses', () => {
	test('of a folder and of a list name hub, model and commit, and lead back to themselves', () => {
		const commit = 'a'.repeat(40);
		for (const origin of ['https://huggingface.co', 'http://localhost:1234', 'https://mirror.example/hf']) {
			const name = { hub: origin, id: 'Qwen/Qwen2.5-0.5B-Instruct', revision: commit };
			expect(parseHubFolder(hubFolder(name))).toEqual(name);
			expect(parseHubFolder(`${hubFolder(name)}/`)).toEqual(name);
			expect(parseListingUrl(listingUrl(name))).toEqual(name);
		}
		for (const other of ['organism', 'https://huggingface.co/a/b/resolve/main', 'https://x.org/model', `ftp://x/a/b/resolve/${commit}`])
			expect(parseHubFolder(other)).toBeNull();
	});

	test('as readers type them', () => {
		const typed = { hub: '', id: ' a/b ', revision: '' };
		expect(readHubName(typed)).toEqual({ hub: 'https://huggingface.co', id: 'a/b', revision: 'main' });
		const page = 'https://mirror.example/Qwen/Qwen3-0.6B/tree/v1.0?x=1';
		expect(readHubName({ ...typed, id: page })).toEqual({ hub: 'https://mirror.example', id: 'Qwen/Qwen3-0.6B', revision: 'v1.0' });
		const at = (rest: string) => readHubName({ ...typed, id: `https://mirror.example/a/b/${rest}` }).revision;
		expect([at(`commit/${'c'.repeat(40)}`), at('tree/refs%2Fpr%2F1'), at('')]).toEqual(['c'.repeat(40), 'refs/pr/1', 'main']);
		expect(() => at('tree/%E0%A4%A')).toThrow(/is not encoded as addresses are/);
		expect(() => readHubName({ ...typed, id: 'gpt2' })).toThrow(/'gpt2' is no name of a model: give owner and name/);
		expect(() => readHubName({ ...typed, id: 'a/b/../c' })).toThrow(/no name of a model/);
		expect(() => readHubName({ ...typed, hub: 'huggingface.co' })).toThrow(/'huggingface.co' is no address of a hub/);
		fc.assert(
			fc.property(fc.string(), fc.string(), (id, revision) => {
				try {
					const name = readHubName({ hub: hub.origin, id, revision });
					expect(URL.canParse(listingUrl(name))).toBe(true);
				} catch (error) {
					expect((error as Error).name).toBe('ModelFileError');
				}
			}),
		);
	});
});

describe('a list', () => {
	test('says commit, licence, sizes and hashes before anything else is fetched', async () => {
		const commit = publish({ license: 'apache-2.0' });
		const found = await findRepository(nameAt('main'));
		expect(found).toMatchObject({ id: ID, revision: commit, license: 'apache-2.0', gated: false });
		const folder = `${hub.origin}/${ID}/resolve/${commit}`;
		expect(found.files.get('model.safetensors')).toEqual({ url: `${folder}/model.safetensors`, bytes: 400_000, sha256: sha256(WEIGHTS) });
		const config = FILES['config.json'];
		const small = { url: `${folder}/config.json`, bytes: 700, sha256: null, gitSha1: gitSha1(config) };
		expect(found.files.get('config.json')).toEqual(small);
		expect(requests()).toEqual([`/api/models/${ID}/revision/main?blobs=true`]);
	});

	test('may be anything, and is then refused by its address', () => {
		const name = nameAt('main');
		expect(() => parseListing('{}', name)).toThrow(/revision\/main\?blobs=true: what came is not what a hub tells of a model \(sha:/);
		fc.assert(
			fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
				expect(() => parseListing(text, name)).toThrow(expect.objectContaining({ name: 'ModelFileError' }));
			}),
		);
		const odd = { sha: 'b'.repeat(40), tags: ['license:mit'], siblings: [{ rfilename: '../../x y', size: 1 }] };
		const { license, files } = parseListing(JSON.stringify(odd), name);
		expect(license).toBe('mit');
		expect((files.get('../../x y') as ModelFile).url).toContain('/resolve/');
	});

	test('of a model that isn’t there, or of no hub, says so', async () => {
		await expect(findRepository(nameAt('main'))).rejects.toMatchObject({ name: 'MissingFileError' });
		hub.hub.serve({ bytes: new Uint8Array(), status: () => 404, headers: () => ({ 'x-error-code': 'RevisionNotFound' }) }, `/api/models/${ID}/revision/v9?blobs=true`); // prettier-ignore
		await expect(findRepository(nameAt('v9'))).rejects.toThrow(/no such revision/);
		hub.hub.serve({ bytes: new Uint8Array(), status: () => 401, headers: () => ({ 'x-error-code': 'RepoNotFound' }) }, `/api/models/${ID}/revision/x?blobs=true`); // prettier-ignore
		await expect(findRepository(nameAt('x'))).rejects.toThrow(/knows no such model, or it is private/);
		const nowhere = { ...nameAt('main'), hub: 'http://localhost:9' };
		await expect(findRepository(nowhere)).rejects.toThrow(/no answer .*Is the machine online, and is this the hub’s address/);
	});

	test('is waited for as long as the hub asks', async () => {
		const told: (number | null)[] = [];
		publish({ served: { listing: { status: (nth) => (nth === 0 ? 429 : undefined), headers: () => ({ 'retry-after': '1' }) } } });
		const found = await findRepository(nameAt('main'), { onWait: (seconds) => told.push(seconds) });
		expect([found.id, told]).toEqual([ID, [1, null]]);
	});
});

test('how long a server wants to be left alone', () => {
	const now = Date.parse('2026-12-01T00:00:00Z');
	const wait = (headers: Record<string, string>) => waitOf(new Headers(headers), now);
	expect(wait({ 'retry-after': '12' })).toBe(12_000);
	expect(wait({ 'retry-after': 'Tue, 01 Dec 2026 00:00:30 GMT' })).toBe(30_000);
	expect(wait({ ratelimit: '"api";r=0;t=55' })).toBe(55_000);
	expect([wait({}), wait({ 'retry-after': 'soon' })]).toEqual([null, null]);
});

describe('a model', () => {
	test('is fetched once, by a redirect to another origin, checked, and then needs no hub', async () => {
		const commit = publish();
		const told: [number, number | null][] = [];
		const read = readHubFolder(nameAt(commit), filesHere(), { onBytes: (...bytes) => told.push(bytes) });
		const names = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'] as const;
		for (const name of names) expect(sha256(await wholeFile(await read(name)))).toBe(sha256(FILES[name]));
		const total = names.reduce((sum, name) => sum + FILES[name].length, 0);
		expect(told.at(-1)).toEqual([total, total]);
		await expect(read('generation_config.json')).rejects.toMatchObject({ name: 'MissingFileError' });
		expect(requests().filter((path) => path.includes('README') || path.includes('generation'))).toEqual([]);
		const sofar = requests().length;
		for (const name of names) expect(await readFile(commit, name)).toBe(sha256(FILES[name]));
		expect(requests()).toHaveLength(sofar);
	});

	test('in shards is what its index names, each as the list has it', async () => {
		const { 'model.safetensors': _, ...small } = FILES;
		const shards = { 'model-00001-of-00002.safetensors': someBytes(150_000, 7), 'model-00002-of-00002.safetensors': someBytes(160_000, 8) };
		const index = (names: readonly string[]) =>
			Buffer.from(JSON.stringify({ weight_map: Object.fromEntries(names.map((name) => [name, name])) }));
		const named = Object.keys(shards);
		const commit = publish({
			files: { ...small, ...shards, 'model.safetensors.index.json': index(named), 'other.safetensors': someBytes(9) },
		});
		const { files } = await hubFiles(nameAt(commit), filesHere());
		expect([...files.keys()].slice(-3)).toEqual(['model.safetensors.index.json', ...named]);
		expect(await readFile(commit, named[1]!)).toBe(sha256(shards['model-00002-of-00002.safetensors']));

		const short = publish({ files: { ...small, 'model.safetensors.index.json': index(named) } });
		await expect(hubFiles(nameAt(short), filesHere())).rejects.toThrow(
			/names model-00001-of-00002.safetensors, which the repository doesn’t have/,
		);
	});

	test('whose list came wrong once is asked for again', async () => {
		const commit = publish();
		const files = filesHere();
		const wrong = new TextEncoder().encode('{"sha": "cut sh');
		await files.put(
			{ url: listingUrl(nameAt(commit)), bytes: wrong.length, sha256: sha256(wrong) },
			(async function* () {
				yield wrong;
			})(),
		);
		await expect(hubFiles(nameAt(commit), files)).rejects.toThrow(/is not what a hub tells of a model|not JSON/);
		expect((await hubFiles(nameAt(commit), files)).files.size).toBe(4);
	});

	test('that the lab can’t read says what is missing', async () => {
		const { 'model.safetensors': _, ...small } = FILES;
		const bin = publish({ files: { ...small, 'pytorch_model.bin': WEIGHTS } });
		await expect(hubFiles(nameAt(bin), filesHere())).rejects.toThrow(
			/no model.safetensors.*It has pytorch_model.bin: such files are not read/,
		);
		const { 'tokenizer.json': __, ...rest } = FILES;
		const slow = publish({ files: rest });
		await expect(hubFiles(nameAt(slow), filesHere())).rejects.toThrow(/tests\/tiny has no tokenizer.json: the lab reads the files that/);
	});
});

describe('a file', () => {
	const LARGE = 'model.safetensors';
	/** It, served so. */
	const withLarge = (served: NonNullable<HubModel['served']>[string], more: Partial<HubModel> = {}) =>
		publish({ served: { [LARGE]: served }, ...more });

	test('that broke off goes on by range, where the redirect leads', async () => {
		const commit = withLarge({ cut: (nth) => (nth === 0 ? 150_000 : undefined) });
		await expect(readFile(commit, LARGE)).rejects.toThrow(/broke off after 0.1 MB|broke off after 0.2 MB/);
		expect(await readFile(commit, LARGE)).toBe(sha256(WEIGHTS));
		expect(hub.cdn.asked.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=150000-']);
	});

	test('of a server that knows no ranges comes whole', async () => {
		const commit = withLarge({ noRanges: true, cut: (nth) => (nth === 0 ? 150_000 : undefined) });
		expect(await readFile(commit, LARGE, {}, filesHere([0]))).toBe(sha256(WEIGHTS));
	});

	test('that ends too soon is not taken', async () => {
		const commit = withLarge({ bytes: WEIGHTS.subarray(0, 300_000) });
		await expect(readFile(commit, LARGE)).rejects.toThrow(/300000|broke off after 0.3 MB/);
		expect((await filesHere().list()).find(({ url }) => url.endsWith(LARGE))?.complete ?? false).toBe(false);
	});

	test('of another content is not taken, a large one by SHA-256 and a small one by git’s SHA-1', async () => {
		const large = withLarge({ bytes: someBytes(400_000, 9) });
		await expect(readFile(large, LARGE)).rejects.toThrow(
			/is not the file that was expected: 400000 bytes with SHA-256 .*expected 400000 bytes with SHA-256/,
		);
		const small = publish({ served: { 'config.json': { bytes: someBytes(700, 10) } } });
		await expect(readFile(small, 'config.json')).rejects.toThrow(/is not the file that was expected: 700 bytes with git’s SHA-1/);
		expect((await filesHere().list()).map(({ url }) => url).filter((url) => url.endsWith('.json') || url.endsWith(LARGE))).toEqual([]);
	});

	test('too large to be hashed in memory is checked part by part', async () => {
		const bytes = new Uint8Array(65 * 2 ** 20).fill(7);
		const right = publish({ files: { ...FILES, [LARGE]: bytes } });
		expect(await readFile(right, LARGE)).toBe(sha256(bytes));
		const wrong = publish({ files: { ...FILES, [LARGE]: bytes.with(0, 8) }, served: { [LARGE]: { bytes } } });
		await expect(readFile(wrong, LARGE)).rejects.toThrow(/is not the file that was expected: 68157440 bytes with SHA-256/);
	});

	test('that is slow to come counts as broken off when nothing comes, and goes on', async () => {
		const commit = withLarge({ stall: (nth) => (nth === 0 ? 100_000 : undefined) });
		expect(await readFile(commit, LARGE, {}, filesHere([0]))).toBe(sha256(WEIGHTS));
		expect(hub.cdn.asked.at(-1)?.headers.range).toBe('bytes=100000-');
	});

	test('that is gone in the middle says so, and what came stays', async () => {
		const commit = withLarge({ cut: () => 100_000, status: (nth) => (nth === 0 ? undefined : 404) });
		await expect(readFile(commit, LARGE, {}, filesHere([0]))).rejects.toMatchObject({ name: 'MissingFileError' });
		expect((await filesHere().list()).find(({ url }) => url.endsWith(LARGE))).toMatchObject({ bytes: 100_000, complete: false });
	});

	test('for which the server wants to wait is waited for, which can be told and ended', async () => {
		const told: (number | null)[] = [];
		const commit = withLarge({ status: (nth) => (nth === 0 ? 429 : undefined), headers: () => ({ 'retry-after': '1' }) });
		expect(await readFile(commit, LARGE, { onWait: (seconds) => told.push(seconds) })).toBe(sha256(WEIGHTS));
		expect(told).toEqual([1, null]);

		const never = hub.publish({
			id: 'tests/busy',
			files: FILES,
			served: { [LARGE]: { status: () => 429, headers: () => ({ 'retry-after': '600' }) } },
		});
		const controller = new AbortController();
		const onWait = () => controller.abort(new Error('the reader has no time'));
		const read = readHubFolder(
			{ ...nameAt(never), id: 'tests/busy' },
			createModelFiles(async () => memoryFolder()),
			{ signal: controller.signal, onWait },
		);
		await expect(read(LARGE)).rejects.toThrow('the reader has no time');
	});

	test('that must not be waited for so long is an error that says when', async () => {
		const commit = withLarge({ status: () => 429, headers: () => ({ 'retry-after': '3600' }) });
		await expect(readFile(commit, LARGE)).rejects.toThrow(/asked too often \(status 429.*wants 60 minutes of rest/);
	});
});

describe('a gated model', () => {
	const gated = () => publish({ gatedBy: TOKEN });

	test('says how to get at it', async () => {
		const commit = gated();
		expect((await findRepository(nameAt('main'))).gated).toBe(true);
		const asked = readFile(commit, 'config.json');
		await expect(asked).rejects.toMatchObject({ name: 'AccessError' });
		await expect(asked).rejects.toThrow(/its publisher wants to be asked first.*status 401/);
	});

	test('opens by the token, which only the hub hears, and which no error names', async () => {
		const commit = gated();
		expect(await readFile(commit, 'model.safetensors', { token: token() })).toBe(sha256(WEIGHTS));
		expect(hub.hub.asked.map(({ headers }) => headers.authorization)).toEqual([...hub.hub.asked].map(() => `Bearer ${TOKEN}`));
		expect(hub.cdn.asked.map(({ headers }) => headers.authorization)).toEqual([undefined]);
		expect(await disk.names().then((names) => Promise.all(names.map(async (name) => (await disk.read(name))!.text())))).not.toContain(
			TOKEN,
		);

		const other = publish({ gatedBy: 'another', files: { ...FILES, 'README.md': someBytes(5) } });
		const refused = await readFile(other, 'config.json', { token: token() }).catch((error: Error) => error);
		expect(refused).toMatchObject({ name: 'AccessError' });
		expect((refused as Error).message).not.toContain(TOKEN);
	});

	test('of another origin is never shown the token', async () => {
		const commit = gated();
		const elsewhere = { origin: 'https://huggingface.co', value: TOKEN };
		await expect(readFile(commit, 'config.json', { token: elsewhere })).rejects.toMatchObject({ name: 'AccessError' });
		expect(hub.hub.asked.every(({ headers }) => headers.authorization === undefined)).toBe(true);
	});
});
