import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { reasonOf, remedyInWords } from '$lib/components/models/words';
import { type Machine, modelFit } from '$lib/experiment/modelFit';
import { forRealModel } from '$lib/experiment/modelSettings';
import { presetById } from '$lib/experiment/presets';
import { parseExperiment } from '$lib/experiment/schema';
import { parseModelConfig } from '$lib/model/config';
import { createModelFiles } from '$lib/storage/modelFiles';
import { memoryFolder } from '$lib/storage/opfs';
import { modelsHandlers } from '$lib/worker/modelsHandlers';
import type { ModelsEvent } from '$lib/worker/modelsProtocol';
import { storedModels } from '$lib/worker/storedModels';

import { REAL_CONFIGS } from '../realConfigs';
import { startHub, type TestHub } from './hubServer';
import { someBytes } from './modelFilesServer';

const SMOL = REAL_CONFIGS['SmolLM2-135M-Instruct'];
const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const FILES = {
	'config.json': json(SMOL),
	'tokenizer.json': someBytes(9000, 5),
	'tokenizer_config.json': someBytes(500, 6),
	'model.safetensors': someBytes(300_000),
};
const twin = presetById('twin').experiment;
const MACHINE: Machine = { backend: 'webgpu', adapter: 'a test', maxTensorBytes: 2 ** 30, deviceMemory: 16 * 2 ** 30 };
const TOKENS = { mean: 160, longest: 320 };

let hub: TestHub;
let told: ModelsEvent[];
beforeEach(async () => {
	hub = await startHub();
	told = [];
});
afterEach(() => hub.close());

const handlersHere = (disk = memoryFolder()) => {
	const files = createModelFiles(async () => disk, { pauses: [] });
	return modelsHandlers({ files, find: async () => null, deviceMemory: null }, (event) => told.push(event));
};
const nameOf = (id: string) => ({ hub: hub.origin, id, revision: 'main' });

describe('a model', () => {
	test('is looked at, fetched, listed and deleted', async () => {
		const commit = hub.publish({ id: 'tests/smol', files: FILES, license: 'apache-2.0' });
		const handlers = handlersHere();
		const outlook = await handlers.look({ name: nameOf('tests/smol'), token: null });
		const folder = `${hub.origin}/tests/smol/resolve/${commit}`;
		expect(outlook).toMatchObject({ folder, license: 'apache-2.0', gated: false, locked: null, family: 'llama', kept: true });
		expect(outlook.parameters).toBe(134_515_008);
		expect(outlook.missingBytes).toBe(outlook.totalBytes - FILES['config.json'].length);
		expect(hub.cdn.asked).toEqual([]);
		expect((await handlers.list(null)).map(({ partial }) => partial)).toEqual([true]);

		const { fit, machine } = await handlers.fit({ folder, experiment: twin, engine: 'auto', tokens: TOKENS });
		expect([fit.copies, fit.memory.weights, machine]).toEqual([2, 4 * 134_515_008, expect.stringContaining('WebAssembly')]);

		await handlers.download({ folder, token: null });
		expect(told.at(-1)).toMatchObject({ kind: 'files', loadedBytes: outlook.totalBytes, totalBytes: outlook.totalBytes });
		const again = { ...nameOf('tests/smol'), revision: commit };
		const asked = hub.hub.asked.length;
		expect((await handlers.look({ name: again, token: null })).missingBytes).toBe(0);
		expect(hub.hub.asked).toHaveLength(asked);
		const [stored] = await handlers.list(null);
		expect(stored).toMatchObject({ folder, name: again, partial: false });
		expect(stored!.bytes).toBeGreaterThan(outlook.totalBytes);
		await handlers.remove({ folder });
		expect(await handlers.list(null)).toEqual([]);
	});

	test('that the lab can’t run is refused by its field, before its weights', async () => {
		hub.publish({ id: 'tests/gemma', files: { ...FILES, 'config.json': json({ ...SMOL, model_type: 'gemma2' }) } });
		const look = handlersHere().look({ name: nameOf('tests/gemma'), token: null });
		await expect(look).rejects.toThrow(/config.json: model_type: .*"gemma2".*runs the Llama, Qwen2 and Qwen3 families/);
		expect(hub.cdn.asked).toEqual([]);
	});

	test('that is gated says its licence and size, and opens by the token', async () => {
		hub.publish({ id: 'tests/gated', files: FILES, license: 'llama3.2', gatedBy: 'hf_x' });
		const handlers = handlersHere();
		const locked = await handlers.look({ name: nameOf('tests/gated'), token: null });
		expect(locked).toMatchObject({ license: 'llama3.2', gated: true, totalBytes: 300_000 });
		expect(locked.locked).toContain('wants to be asked first');
		const open = await handlers.look({ name: nameOf('tests/gated'), token: 'hf_x' });
		expect([open.locked, open.family]).toEqual([null, 'llama']);
	});

	test('whose download is cancelled goes on from there', async () => {
		const served = { 'model.safetensors': { stall: (nth: number) => (nth === 0 ? 100_000 : undefined) } };
		const commit = hub.publish({ id: 'tests/slow', files: FILES, served });
		const folder = `${hub.origin}/tests/slow/resolve/${commit}`;
		const handlers = handlersHere();
		const downloading = handlers.download({ folder, token: null });
		downloading.catch(() => {});
		await expect.poll(() => hub.cdn.asked.length).toBe(1);
		await new Promise((resolve) => setTimeout(resolve, 300)); // then what was sent has come
		await handlers.cancel(null);
		await expect(downloading).rejects.toMatchObject({ name: 'AbortError' });
		await handlers.download({ folder, token: null });
		expect(hub.cdn.asked.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=100000-']);
	});
});

test('files are listed by the model that they are of', () => {
	const folder = `https://huggingface.co/a/b/resolve/${'c'.repeat(40)}`;
	const file = (url: string, bytes = 10, complete = true) => ({ url, bytes, complete });
	const shard = (k: number) => file(`${folder}/model-0000${k}-of-00002.safetensors`, 100);
	const list = `https://huggingface.co/api/models/a/b/revision/${'c'.repeat(40)}?blobs=true`;
	const judge = 'https://huggingface.co/mlc-ai/judge/resolve/main/params_shard_0.bin';
	const own = file('https://school.example/model/model-1.safetensors#%221%22', 5);
	const name = { hub: 'https://huggingface.co', id: 'a/b', revision: 'c'.repeat(40) };
	const other = { folder: 'https://huggingface.co/mlc-ai/judge/resolve/main', name: null, bytes: 20, partial: true };
	expect(storedModels([shard(1), file(list), file(judge, 20, false), own])).toEqual([
		{ folder, name, bytes: 110, partial: true },
		other,
		{ folder: 'https://school.example/model', name: null, bytes: 5, partial: false },
	]);
	expect(storedModels([shard(1), shard(2), file(list)])[0]).toMatchObject({ bytes: 210, partial: false });
});

describe('a fit', () => {
	const config = parseModelConfig(SMOL);
	const real = forRealModel(twin, 'x').experiment;
	const keeping = { ...real, optimizer: { ...real.optimizer, checkpointing: false } };
	const fitOf = (machine: Partial<Machine>, experiment = keeping) => modelFit(config, experiment, TOKENS, { ...MACHINE, ...machine });

	test('is one where there is room, and says what to change where there is none', () => {
		const roomy = fitOf({ deviceMemory: 64 * 2 ** 30 });
		expect(roomy.verdict).toBe('fits');
		expect(reasonOf(roomy)).toMatch(/^2 copies, each with the model to itself, take about .* well below the 34.4 GB/);
		const needed = roomy.copies * roomy.memory.total;
		expect(fitOf({ deviceMemory: 2 * 1.2 * needed }).verdict).toBe('tight');
		const small = fitOf({ deviceMemory: 2 * 0.7 * needed });
		expect(small.verdict).toBe('no');
		expect(small.remedies.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['again', 'parts', 'copies', 'all']));
		for (const remedy of small.remedies) {
			expect(remedy.bytes).toBeLessThanOrEqual(small.assumed);
			expect(remedyInWords(remedy)).toContain('then it takes about');
		}
		expect(fitOf({ deviceMemory: 2 ** 20 })).toMatchObject({ verdict: 'no', remedies: [] });
		const { model, optimizer, ...rest } = forRealModel(twin, 'x').experiment;
		const thrifty = {
			...rest,
			model: { ...model, precision: 'int8' as const },
			optimizer: { ...optimizer, accumulation: 4, checkpointing: true },
		};
		expect(fitOf({}, thrifty).memory.training).toBeLessThan(0.5 * roomy.memory.training);
		const kinds = fitOf({ deviceMemory: 2 ** 30 }, thrifty).remedies.map(({ kind }) => kind);
		expect(kinds).not.toContain('again');
		expect(kinds).not.toContain('integers');
	});

	test('is none where a matrix is more than the adapter binds', () => {
		const fit = fitOf({ maxTensorBytes: 2 ** 25 });
		expect(fit).toMatchObject({ verdict: 'no', tooLarge: { bytes: 2 * 49_152 * 576, most: 2 ** 25 } });
		expect(reasonOf(fit)).toBe('One of its matrices takes 56.6 MB, and this machine takes at most 33.6 MB at a time.');
	});
});

test('an experiment of the organism is changed where a real model wants it otherwise, and says where', () => {
	const { experiment, changes } = forRealModel(twin, 'https://hub.example/a/b');
	expect(parseExperiment(experiment)).toEqual(experiment);
	expect(experiment).toMatchObject({
		model: { checkpoint: 'https://hub.example/a/b', precision: 'f16' },
		optimizer: { batchSize: 4, learningRate: 2e-4, checkpointing: true, steps: twin.optimizer.steps },
		conscience: { judge: 'frozen-self' },
		evaluation: { samples: 1, codePrompts: 0 },
	});
	expect(changes.map(({ what }) => what)).toContain('frameworks in longer words');
	expect(forRealModel(experiment, 'https://hub.example/a/b').changes).toEqual([]);
	expect(twin.model.checkpoint).toBe('organism');
});
