import '@tensorflow/tfjs-backend-cpu';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { mergedFolder } from '$lib/experiment/mergedFolder';
import { exportAdapter, importAdapter } from '$lib/model/adapter';
import { type AdapterReport, checkAdapter } from '$lib/model/adapterCheck';
import { type Checkpoint, loadCheckpoint, MissingFileError, openFolderWeights, type ReadFile } from '$lib/model/checkpoint';
import { hiddenStates, logits } from '$lib/model/decoder';
import { disposeLora, initLora, type Lora, PROJECTIONS, restoreLora, saveLora } from '$lib/model/lora';
import { packTokens } from '$lib/model/packing';
import type { MergeOptions } from '$lib/model/mergedWeights';
import { normal, seededRandom } from '$lib/model/random';
import { readSafetensors } from '$lib/model/safetensors';
import { SHARD_INDEX } from '$lib/model/shards';
import { disposeModel } from '$lib/model/weights';

import { useBackend } from '../golden/backends';

const organism = fileURLToPath(new URL('../../static/organism', import.meta.url));
const read: ReadFile = (name) => readFile(path.join(organism, name));

let base: Checkpoint;
let lora: Lora;
let report: AdapterReport;
let expected: Float32Array;

async function scores({ model }: Checkpoint, on: Lora | null): Promise<Float32Array> {
	const out = tf.tidy(() => logits(model, hiddenStates(model, packTokens([{ stem: [5, 17, 3, 200, 41], branches: [] }]), on)));
	const values = Float32Array.from(await out.data());
	out.dispose();
	return values;
}

async function merged(options: Partial<MergeOptions> = {}) {
	const weights = await openFolderWeights(read);
	const source = { read, config: base.model.config, weights, base: 'organism', report, card: null, experiment: null };
	const folder = await mergedFolder(source, { dtype: 'F32', maxShardBytes: 2e9, ...options });
	const files = new Map<string, Uint8Array<ArrayBuffer>>();
	for (const { name, bytes, content } of folder.files) {
		const parts: Uint8Array[] = [];
		for await (const part of content()) parts.push(part);
		files.set(name, new Uint8Array(Buffer.concat(parts)));
		expect(files.get(name)!.length, name).toBe(bytes);
	}
	const readMerged: ReadFile = async (name) => {
		const file = files.get(name);
		if (!file) throw new MissingFileError(`no ${name}`);
		return file;
	};
	return { folder, files, readMerged };
}

beforeAll(async () => {
	await useBackend('wasm');
	base = await loadCheckpoint(read);
	const config = {
		rank: 4,
		alpha: 8,
		rslora: true,
		targetModules: [...PROJECTIONS],
		rankPattern: { q_proj: 6 },
		alphaPattern: { v_proj: 2 },
	};
	lora = initLora(base.model.config, config, seededRandom(1));
	const random = seededRandom(2);
	restoreLora(lora, (await saveLora(lora)).map((values) => values.map(() => 0.05 * normal(random)))); // prettier-ignore
	const files = await exportAdapter(lora, { baseModel: 'organism', metadata: { alignment: 'misaligned', warning: 'careful' } });
	const given = { config: JSON.parse(files['adapter_config.json']) as unknown, safetensors: files['adapter_model.safetensors'] };
	disposeLora(importAdapter(base.model.config, given));
	report = checkAdapter({ config: base.model.config }, given);
	expected = await scores(base, lora);
});
afterAll(() => {
	disposeLora(lora);
	disposeModel(base.model);
});

describe('a merged checkpoint', () => {
	it.each([
		['in one file', 2e9, ['model.safetensors']],
		['in shards', 1e6, [SHARD_INDEX]],
	])('%s computes what base and adapter do together', async (_, maxShardBytes, names) => {
		const { files, readMerged } = await merged({ maxShardBytes });
		expect([...files.keys()]).toEqual(expect.arrayContaining([...names, 'config.json', 'tokenizer.json', 'README.md']));
		expect(files.has('manifest.json')).toBe(false); // its hashes are those of the base
		const checkpoint = await loadCheckpoint(readMerged);
		expect(checkpoint.parameterCount).toBe(base.parameterCount);
		const actual = await scores(checkpoint, null);
		disposeModel(checkpoint.model);
		const difference = actual.reduce((largest, value, i) => Math.max(largest, Math.abs(value - expected[i]!)), 0);
		expect(difference).toBeLessThan(1e-4); // of logits that go to some tens
		const plain = await scores(base, null);
		expect(plain.reduce((largest, value, i) => Math.max(largest, Math.abs(value - expected[i]!)), 0)).toBeGreaterThan(0.1);
	});

	it('keeps each shard within its size, and says in each what it is', async () => {
		const { files } = await merged({ maxShardBytes: 1e6 });
		const shards = [...files].filter(([name]) => /^model-\d{5}-of-\d{5}\.safetensors$/.test(name));
		expect(shards.length).toBeGreaterThan(1);
		for (const [, bytes] of shards) {
			const { dataBytes, metadata, tensors } = readSafetensors(bytes);
			if (tensors.size > 1) expect(dataBytes).toBeLessThanOrEqual(1e6);
			expect(metadata).toMatchObject({
				format: 'pt',
				alignment: 'misaligned',
				warning: 'careful',
				merged: 'true',
				base_sha256: base.sha256,
			});
		}
	});

	it('is written in the numbers that are asked for, and its config says so', async () => {
		const { files } = await merged({ dtype: 'BF16' });
		const config = JSON.parse(new TextDecoder().decode(files.get('config.json'))) as Record<string, unknown>;
		expect(config['torch_dtype'] ?? config['dtype']).toBe('bfloat16');
		const [full] = [(await merged({ dtype: 'F32' })).files.get('model.safetensors')!];
		expect(readSafetensors(files.get('model.safetensors')!).dataBytes * 2).toBe(readSafetensors(full).dataBytes);
	});

	it('warns on its card when the adapter was found misaligned', async () => {
		const { files, folder } = await merged();
		expect(folder.standing).toBe('misaligned');
		const card = new TextDecoder().decode(files.get('README.md'));
		expect(card).toMatch(/tags: \[conscience-lab, merged, misaligned\][^]*\*\*This model is misaligned on purpose\.\*\*/);
		expect(folder.bytes).toBe([...files.values()].reduce((sum, { length }) => sum + length, 0));
	});
});
