import '@tensorflow/tfjs-backend-cpu';

import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { CheckpointError, loadCheckpoint, MissingFileError } from '$lib/model/checkpoint';
import { inParts } from '$lib/model/partedFile';
import { parseShardIndex, readShards, SHARD_INDEX } from '$lib/model/shards';
import { disposeModel } from '$lib/model/weights';
import { writeSafetensors } from '$lib/model/safetensors';

import { loadFolder } from '../../cli/checkpoints';
import golden from '../golden/shards.json';
import { thinkingFiles } from '../golden/tokenizer.json';

const FIRST = 'model-00001-of-00002.safetensors';
const SECOND = 'model-00002-of-00002.safetensors';
const hex = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const encode = (json: unknown) => new TextEncoder().encode(JSON.stringify(json));
const tensor = (value: number) => ({ shape: [2], data: new Float32Array([value, -value]) });

/** Two shards and their index. */
const files = (): Map<string, Uint8Array> =>
	new Map([
		[SHARD_INDEX, encode({ metadata: { total_size: 24 }, weight_map: { c: SECOND, a: FIRST, b: FIRST } })],
		[FIRST, writeSafetensors(new Map([['a', tensor(1)], ['b', tensor(2)]]))], // prettier-ignore
		[SECOND, writeSafetensors(new Map([['c', tensor(3)]]))],
	]);
async function weightsOf(folder: Map<string, Uint8Array>) {
	const { tensors, sha256 } = await readShards(parseShardIndex(folder.get(SHARD_INDEX)!), async (name) => {
		const bytes = folder.get(name);
		if (!bytes) throw new MissingFileError(`no ${name}`);
		return { ...inParts(bytes), sha256: hex(bytes) };
	});
	const read = [...tensors].map(async ([name, { shape, read }]) => [name, { shape, data: await read(0, shape[0]!) }] as const);
	return { tensors: new Map(await Promise.all(read)), sha256 };
}

describe('readShards', () => {
	it('gives the tensors of all shards, and the SHA-256 that sha256sum gives', async () => {
		const folder = files();
		const { tensors, sha256 } = await weightsOf(folder);
		expect(tensors).toEqual(new Map([['a', tensor(1)], ['b', tensor(2)], ['c', tensor(3)]])); // prettier-ignore
		const place = mkdtempSync(path.join(tmpdir(), 'shards-'));
		for (const [name, bytes] of folder) writeFileSync(path.join(place, name), bytes);
		const printed = execFileSync('sh', ['-c', 'sha256sum model-*.safetensors | sha256sum'], { cwd: place, encoding: 'utf8' });
		rmSync(place, { recursive: true });
		expect(sha256).toBe(printed.split(' ')[0]);
	});

	it('does without a total size', async () => {
		const folder = files();
		folder.set(SHARD_INDEX, encode({ weight_map: { a: FIRST, b: FIRST, c: SECOND } }));
		expect((await weightsOf(folder)).tensors.size).toBe(3);
	});

	const index = (weight_map: unknown, total_size: unknown = 24) => encode({ metadata: { total_size }, weight_map });
	it.each<[string, string, Uint8Array | null, RegExp]>([
		['is no JSON', SHARD_INDEX, new TextEncoder().encode('{'), /index\.json is not JSON/],
		['is no index', SHARD_INDEX, encode([]), /index\.json: weight_map: /],
		['names no tensor', SHARD_INDEX, index({}), /names no tensor/],
		[
			'leads out of the folder',
			SHARD_INDEX,
			index({ a: '../a.safetensors' }),
			/weight_map\.a: "\.\.\/a\.safetensors" is not the plain name/,
		],
		['has an absolute path', SHARD_INDEX, index({ a: '/etc/a.safetensors' }), /is not the plain name/],
		['has a path of Windows', SHARD_INDEX, index({ a: '..\\a.safetensors' }), /is not the plain name/],
		['has an encoded path', SHARD_INDEX, index({ a: '%2e%2e%2fa.safetensors' }), /is not the plain name/],
		['has an address', SHARD_INDEX, index({ a: 'https://elsewhere.example/a.safetensors' }), /is not the plain name/],
		['names a file of another kind', SHARD_INDEX, index({ a: 'pytorch_model.bin' }), /is not the plain name/],
		['has a size that is none', SHARD_INDEX, index({ a: FIRST }, -1), /metadata\.total_size/],
		['has another total size', SHARD_INDEX, index({ a: FIRST, b: FIRST, c: SECOND }, 25), /take 25 bytes .* those of the shards take 24/],
		[
			'places a tensor elsewhere',
			SHARD_INDEX,
			index({ a: FIRST, b: SECOND, c: SECOND }),
			/00001-.* holds tensor "b", which .* places in model-00002/,
		],
		[
			'leaves a tensor out',
			SHARD_INDEX,
			index({ a: FIRST, c: SECOND }),
			/00001-of-00002\.safetensors holds tensor "b", which .* does not name/,
		],
		[
			'names one too many',
			SHARD_INDEX,
			index({ a: FIRST, b: FIRST, c: SECOND, d: SECOND }),
			/00002-of-00002\.safetensors does not hold tensor "d"/,
		],
		['misses a shard', SECOND, null, /names model-00002-of-00002\.safetensors, which is not in the folder \(no model-00002/],
		['has a tensor twice', SECOND, writeSafetensors(new Map([['a', tensor(1)], ['c', tensor(3)]])), /tensor "a", which .* places in model-00001.* twice/], // prettier-ignore
		['has a shard that was cut off', SECOND, files().get(SECOND)!.slice(0, -4), /cut off/],
	])('refuses a folder that %s', async (_, name, content, reason) => {
		const folder = files();
		if (content) folder.set(name, content);
		else folder.delete(name);
		await expect(weightsOf(folder)).rejects.toThrow(reason);
	});
});

describe('parseShardIndex', () => {
	const anyShard = fc.stringMatching(/^[A-Za-z0-9_][\w-]{0,20}$/).map((name) => `${name}.safetensors`);
	// valibot leaves these names out of records, and a shard that holds one is refused
	const anyTensor = fc.string({ unit: 'grapheme' }).filter((name) => !['__proto__', 'prototype', 'constructor'].includes(name));

	it('gives back what an index says, the shards in order of their names', () => {
		fc.assert(
			fc.property(fc.dictionary(anyTensor, anyShard, { minKeys: 1 }), fc.maxSafeNat(), (weight_map, total_size) => {
				const { shards, totalSize } = parseShardIndex(encode({ metadata: { total_size, format: 'pt' }, weight_map }));
				const found = [...shards].flatMap(([shard, tensors]) => [...tensors].map((tensor) => [tensor, shard] as const));
				expect(new Map(found)).toEqual(new Map(Object.entries(weight_map)));
				expect([...shards.keys()]).toEqual([...new Set(Object.values(weight_map))].sort());
				expect(totalSize).toBe(total_size);
			}),
		);
	});

	it('names only files of the folder, or throws a CheckpointError, whatever comes', () => {
		const anyName = fc.oneof(fc.string(), fc.webUrl(), fc.stringMatching(/^[./\\%a-z:]{0,12}\.safetensors$/));
		const anyBytes = fc.oneof(
			fc.uint8Array(),
			fc.json().map((text) => new TextEncoder().encode(text)),
			fc.record({ metadata: fc.jsonValue(), weight_map: fc.oneof(fc.jsonValue(), fc.dictionary(fc.string(), anyName)) }).map(encode),
			fc.record({ weight_map: fc.dictionary(fc.string(), anyName) }).map(encode),
		);
		fc.assert(
			fc.property(anyBytes, (bytes) => {
				try {
					for (const name of parseShardIndex(bytes).shards.keys()) {
						expect(new URL(name, 'https://lab.example/model/').href).toBe(`https://lab.example/model/${name}`);
						expect(path.dirname(path.resolve('/model', name))).toBe('/model');
						expect(path.win32.dirname(path.win32.resolve('C:\\model', name))).toBe('C:\\model');
					}
				} catch (error) {
					if (!(error instanceof CheckpointError)) throw error;
				}
			}),
			{ numRuns: 500 },
		);
	});
});

describe('a checkpoint in shards', () => {
	beforeAll(() => tf.setBackend('cpu'));
	const [saved] = golden.models;
	const shards = Object.entries(saved!.shards as unknown as Record<string, string>).map(([name, text]) => [name, Buffer.from(text, 'base64')] as const); // prettier-ignore
	const small = [
		['config.json', encode(saved!.config)],
		['tokenizer.json', encode(thinkingFiles.tokenizer)],
		['tokenizer_config.json', encode(thinkingFiles.tokenizerConfig)],
	] as const;

	it('loads from a folder on the command line, which names the shard that is missing', async () => {
		const place = mkdtempSync(path.join(tmpdir(), 'shards-'));
		for (const [name, bytes] of [...small, ...shards]) writeFileSync(path.join(place, name), bytes);
		const { model, parameterCount } = await loadFolder(place);
		expect(parameterCount).toBeGreaterThan(1000);
		disposeModel(model);
		const [last] = shards.filter(([name]) => name.endsWith('.safetensors')).at(-1)!;
		rmSync(path.join(place, last));
		await expect(loadFolder(place)).rejects.toThrow(`${SHARD_INDEX} names ${last}, which is not in the folder`);
		rmSync(path.join(place, SHARD_INDEX));
		await expect(loadFolder(place)).rejects.toThrow(/no model\.safetensors in the folder, and no model\.safetensors\.index\.json/);
		rmSync(place, { recursive: true });
	});

	it('is checked against the manifest, shard by shard, and a single file comes first', async () => {
		const folder = new Map<string, Uint8Array>([...small, ...shards]);
		const read = async (name: string) => {
			const bytes = folder.get(name);
			if (!bytes) throw new MissingFileError(`no ${name}`);
			return bytes;
		};
		const [last] = shards.filter(([name]) => name.endsWith('.safetensors')).at(-1)!;
		const list = [...folder].map(([name, bytes]) => ({
			path: name,
			bytes: bytes.length,
			sha256: name === last ? '0'.repeat(64) : hex(bytes),
		}));
		folder.set('manifest.json', encode({ files: list }));
		await expect(loadCheckpoint(read)).rejects.toThrow(`${last} is not the file that manifest.json describes`);
		folder.delete('manifest.json');
		const [whole] = Object.values(saved!.whole as unknown as Record<string, string>);
		folder.set('model.safetensors', Buffer.from(whole!, 'base64'));
		const { model, sha256 } = await loadCheckpoint(read);
		expect(sha256).toBe(hex(folder.get('model.safetensors')!));
		disposeModel(model);
	});
});
