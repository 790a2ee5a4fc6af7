import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import { loadCheckpoint, loadTokenizer } from '$lib/model/checkpoint';
import { droppedHash, droppedName, isDropped } from '$lib/model/droppedName';
import { disposeModel } from '$lib/model/weights';
import { keepModel, listModels, readDroppedModel, removeModel, removeUnfinished } from '$lib/storage/dropped/keep';
import { lookInto } from '$lib/storage/dropped/look';
import { createModelFiles } from '$lib/storage/modelFiles';
import { type Folder, memoryFolder } from '$lib/storage/opfs';

import { asFolder, asZip, CONFIG, type Files, json, shardedFolder, tinyFolder, zipOf } from './droppedFolder';
import { sha256 } from './modelFilesServer';

beforeAll(() => tf.setBackend('cpu'));

let disk: Folder;
beforeEach(() => void (disk = memoryFolder()));
const files = (folder = disk) => createModelFiles(async () => folder);
const HASH = sha256(tinyFolder()['model.safetensors']!);
/** Its folder without some files, and with others. */
const tiny = (changes: Record<string, Uint8Array | null> = {}): Files =>
	Object.fromEntries(Object.entries({ ...tinyFolder(), ...changes }).filter((file): file is [string, Uint8Array] => file[1] !== null));
const refusal = (given: Files) => lookInto(asFolder(given)).then(() => 'taken', (error: Error) => `${error.name}: ${error.message}`); // prettier-ignore

describe('a model from the reader’s disk', () => {
	test.each([
		['a folder', asFolder(tinyFolder())],
		['a folder in a folder, with litter', asFolder({ ...Object.fromEntries(Object.entries(tinyFolder()).map(([name, bytes]) => [`tiny/${name}`, bytes])), '.git/config.json': json({}), 'README.md': json('') }, 'outer')], // prettier-ignore
		['a deflated zip', asZip(zipOf(tinyFolder()))],
		['a stored zip without a folder', asZip(zipOf(tinyFolder(), { folder: '', level: 0 }))],
		['a zip of a Mac', asZip(zipOf({ '__MACOSX/tiny/._config.json': json(''), ...prefixed('tiny/', tinyFolder()) }, { folder: '' }))],
	])('is found in %s', async (_, given) => {
		const found = await lookInto(given);
		expect(found).toMatchObject({ name: 'tiny', sha256: HASH, family: 'llama', layers: 1, parameters: 26_416, dtypes: ['F32'] });
		expect(found.files.map(({ path }) => path).toSorted()).toEqual(Object.keys(tinyFolder()).toSorted());
		expect(found.files.find(({ path }) => path === 'model.safetensors')).toEqual({
			path: 'model.safetensors',
			bytes: tinyFolder()['model.safetensors']!.length,
			sha256: HASH,
		});
	});

	test('is kept, listed, read by the loader from another worker, and removed', async () => {
		const model = await lookInto(asZip(zipOf(tinyFolder())));
		const told: [number, number][] = [];
		await keepModel(model, files(), { onBytes: (done, total) => told.push([done, total]) });
		const total = model.files.reduce((sum, { bytes }) => sum + bytes, 0);
		expect(told.at(-1)).toEqual([total, total]);
		const { given: _, ...found } = model;
		expect(await listModels(files())).toEqual([found]);

		const checkpoint = await loadCheckpoint(readDroppedModel(`${droppedName(HASH)}/`, files()));
		expect([checkpoint.sha256, checkpoint.parameterCount]).toEqual([HASH, 26_416]);
		disposeModel(checkpoint.model);
		await removeModel(HASH, files());
		expect([await listModels(files()), await disk.names()]).toEqual([[], []]);
		await expect(loadCheckpoint(readDroppedModel(droppedName(HASH), files()))).rejects.toThrow(
			new RegExp(`not in this browser: it was deleted, or is somebody else’s.*on the page Models.*SHA-256 ${HASH}`),
		);
	});

	test('in shards is named by the hash of their hashes, as the loader does it', async () => {
		const model = await lookInto(asFolder(shardedFolder()));
		await keepModel(model, files());
		const checkpoint = await loadCheckpoint(readDroppedModel(droppedName(model.sha256), files()));
		expect(checkpoint.sha256).toBe(model.sha256);
		disposeModel(checkpoint.model);
		const sums = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'].map((name) => `${sha256(shardedFolder()[name]!)}  ${name}\n`); // prettier-ignore
		expect(model.sha256).toBe(sha256(new TextEncoder().encode(sums.join(''))));
	});

	test('takes the place of the same weights with another tokenizer beside them', async () => {
		const before = tinyFolder();
		await keepModel(await lookInto(asFolder(before)), files());
		const config = {
			...(JSON.parse(new TextDecoder().decode(before['tokenizer_config.json'])) as object),
			chat_template: '{{ "mended" }}',
		};
		await keepModel(await lookInto(asFolder({ ...before, 'tokenizer_config.json': json(config) })), files());
		const { tokenizer } = await loadTokenizer(readDroppedModel(droppedName(HASH), files()));
		expect(tokenizer.chatText([{ role: 'user', content: 'q' }], { addGenerationPrompt: true })).toBe('mended');
		expect(await listModels(files())).toHaveLength(1);
	});

	test('is not written again where it is here, and comes back whole where a file of it was damaged', async () => {
		const model = await lookInto(asFolder(tinyFolder()));
		await keepModel(model, files());
		const written = vi.spyOn(disk, 'write');
		await keepModel(model, files());
		expect(written).not.toHaveBeenCalled();
		await damageLargest();
		await expect(loadCheckpoint(readDroppedModel(droppedName(HASH), files()))).rejects.toThrow(/model\.safetensors is damaged or was deleted.*Give its folder or zip again/); // prettier-ignore
		await keepModel(model, files());
		const checkpoint = await loadCheckpoint(readDroppedModel(droppedName(HASH), files()));
		expect(checkpoint.sha256).toBe(HASH);
		disposeModel(checkpoint.model);
	});

	test('leaves nothing behind when keeping it is cancelled, fails, or has no room', async () => {
		const model = await lookInto(asFolder(tinyFolder()));
		const controller = new AbortController();
		const stop = () => controller.abort();
		await expect(keepModel(model, files(), { signal: controller.signal, onBytes: stop })).rejects.toMatchObject({ name: 'AbortError' });
		expect(await disk.names()).toEqual([]);

		const full = { ...disk, fits: async () => false };
		await expect(keepModel(model, files(full))).rejects.toMatchObject({ name: 'StorageFullError', message: expect.stringContaining('no room') as string }); // prettier-ignore
		expect(await disk.names()).toEqual([]);

		const other = { ...model, files: model.files.map((file) => ({ ...file, sha256: 'ab'.repeat(32) })) };
		await expect(keepModel(other, files())).rejects.toMatchObject({ name: 'DamagedFileError', message: expect.stringContaining('was changed while it was read') as string }); // prettier-ignore
		expect(await disk.names()).toEqual([]);
		const refused = createModelFiles(() => Promise.reject(new DOMException('no', 'SecurityError')));
		await expect(keepModel(model, refused)).rejects.toThrow(/keeps no files for the page.*ordinary window/);
	});

	test('that a page left half kept is no model, and is swept away', async () => {
		const model = await lookInto(asFolder(tinyFolder()));
		const { path, bytes, sha256 } = model.files[0]!;
		await files().put({ url: `${droppedName(HASH)}/${path}`, bytes, sha256 }, model.given.get(path)!.read());
		expect([await listModels(files()), (await files().list()).length]).toEqual([[], 1]);
		await removeUnfinished(files());
		expect(await disk.names()).toEqual([]);
		await keepModel(model, files());
		await removeUnfinished(files());
		expect(await listModels(files())).toHaveLength(1);
	});

	test('can be given up while it is looked into', async () => {
		const controller = new AbortController();
		const reading = { signal: controller.signal, onBytes: () => controller.abort() };
		await expect(lookInto(asFolder(tinyFolder()), reading)).rejects.toMatchObject({ name: 'AbortError' });
	});
});

describe('what is no model is told by name', () => {
	test.each<[string, Files, RegExp]>([
		[
			'another architecture',
			tiny({ 'config.json': json({ ...CONFIG, model_type: 'gpt2' }) }),
			/tiny can’t be used: config\.json: model_type/,
		],
		['another activation', tiny({ 'config.json': json({ ...CONFIG, hidden_act: 'gelu' }) }), /config\.json: hidden_act/],
		['no config', tiny({ 'config.json': null }), /tiny has no config\.json, and so is no model’s folder: it has tokenizer\.json/],
		['no tokenizer', tiny({ 'tokenizer.json': null }), /there is no tokenizer\.json in it.*tokenizer\.save_pretrained/],
		['no tokenizer’s config', tiny({ 'tokenizer_config.json': null }), /there is no tokenizer_config\.json in it/],
		['no weights', tiny({ 'model.safetensors': null }), /no model\.safetensors.*Give the whole folder/],
		['pickled weights', tiny({ 'model.safetensors': null, 'pytorch_model.bin': json('') }), /It has pytorch_model\.bin: such files are not read.*save_pretrained/], // prettier-ignore
		['a GGUF', { 'model.gguf': json('') }, /no config\.json\. It has model\.gguf: such files are not read/],
		['an adapter', { 'adapter_config.json': json({}), 'adapter_model.safetensors': json('') }, /is an adapter.*page Chat/],
		['nothing', {}, /tiny is empty/],
		['shards without one of them', Object.fromEntries(Object.entries(shardedFolder()).slice(0, -1)), /index\.json names model-00002-of-00002\.safetensors, which is not in the folder/], // prettier-ignore
		['other shapes', tiny({ 'config.json': json({ ...CONFIG, intermediate_size: 32 }) }), /tensor model\.layers\.0\.mlp\.gate_proj\.weight has shape \[16, 16\].*\[32, 16\]/], // prettier-ignore
		['more layers than there are weights of', tiny({ 'config.json': json({ ...CONFIG, num_hidden_layers: 2 }) }), /no tensor model\.layers\.1/], // prettier-ignore
		['weights that were cut short', tiny({ 'model.safetensors': tinyFolder()['model.safetensors']!.slice(0, -4) }), /model\.safetensors: .*cut off/], // prettier-ignore
		['a manifest of other files', tiny({ 'manifest.json': json({ files: [{ path: 'config.json', bytes: 1, sha256: 'ab'.repeat(32) }] }) }), /config\.json is not the file that manifest\.json describes/], // prettier-ignore
	])('%s', async (_, given, message) => {
		expect(await refusal(given)).toMatch(new RegExp(`^DroppedModelError: .*${message.source}`));
	});

	test('two models', async () => {
		const two = { ...prefixed('a/', tinyFolder()), ...prefixed('b/', tinyFolder()) };
		expect(await refusal(two)).toMatch(/^DroppedModelError: tiny holds more than one model: in tiny\/a, tiny\/b/);
	});
});

test('the name of such a model is its hash, with or without a slash', () => {
	expect([droppedHash(droppedName(HASH)), droppedHash(`${droppedName(HASH)}/`), droppedHash('dropped:1'), droppedHash('organism')]).toEqual([HASH, HASH, null, null]); // prettier-ignore
	expect([isDropped('dropped:1'), isDropped('organism')]).toEqual([true, false]);
	expect(new URL(`${droppedName(HASH)}/`, 'http://localhost:4173/lab/').href).toBe(`${droppedName(HASH)}/`); // as state/place.ts makes it
});

test('a name that is none is refused', async () => {
	await expect(readDroppedModel('dropped:1', files())('config.json')).rejects.toThrow(
		/'dropped:1' names no model: expected dropped: and the 64/,
	);
});

function prefixed(folder: string, some: Files): Files {
	return Object.fromEntries(Object.entries(some).map(([name, bytes]) => [folder + name, bytes]));
}

/** Turns a byte of the largest file on the disk. */
async function damageLargest(): Promise<void> {
	const blobs = await Promise.all((await disk.names()).map(async (name) => [name, await disk.read(name)] as const));
	const [name, blob] = blobs.toSorted(([, a], [, b]) => b!.size - a!.size)[0]!;
	const bytes = new Uint8Array(await blob!.arrayBuffer());
	bytes[bytes.length - 1]! ^= 1;
	const writer = await disk.write(name, 0);
	writer.append(bytes);
	writer.close();
}
