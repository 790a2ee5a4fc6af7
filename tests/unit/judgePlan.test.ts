import { describe, expect, test } from 'vitest';

import { checkFit, type JudgeAdapter, planFolder, planListed } from '$lib/conscience/judgePlan';

import { judgeFolder, manifestOf, opener } from './judgeFolder';

const at = { url: 'http://lab.test/judge/', name: 'my judge' };
const gpu: JudgeAdapter = { description: 'a card', software: false, f16: false, maxTensorBytes: 2 ** 27 };
const files = judgeFolder();
const plan = (manifest = manifestOf(files), folder = files) => planFolder(at, manifest, gpu, opener(folder));

describe('a folder', () => {
	test('names all that WebLLM will ask for, with size and hash, and the program for this adapter', async () => {
		const open = opener(files);
		const planned = await planFolder(at, manifestOf(files), gpu, open);
		const listed = (JSON.parse(manifestOf(files)) as { files: { path: string; sha256: string }[] }).files;
		const names = [
			'mlc-chat-config.json',
			'tensor-cache.json',
			'tokenizer.json',
			'tokenizer_config.json',
			'params_shard_0.bin',
			'gpu.wasm',
		];
		expect(planned.files.map(({ name }) => name)).toEqual(names);
		for (const file of planned.files) {
			expect(file.url).toBe(at.url + file.name);
			expect(file.sha256).toBe(listed.find(({ path }) => path === file.name)!.sha256);
		}
		expect(open.opened.map(({ name }) => name)).toEqual(names.slice(0, 2)); // nothing large
		expect((await planFolder(at, manifestOf(files), { software: true }, open)).library).toBe('software.wasm');
	});

	test('is known by the hash of its weights, else by that of its manifest', async () => {
		const weights = 'a'.repeat(64);
		expect((await plan(manifestOf(files, { weights }))).identity).toEqual({ engine: 'webllm', model: 'my judge', revision: weights });
		const [one, other] = [await plan(), await plan(manifestOf(files, { versions: { tvm: '1' } }))];
		expect(one.identity.revision).toMatch(/^[0-9a-f]{64}$/);
		expect(one.identity.revision).not.toBe(other.identity.revision);
	});

	test.each([
		['is a web page', '<!doctype html>', /not JSON.*Is the address right/],
		['has no files', '{"dtype":"float32"}', /libraries/],
		[
			'names a file elsewhere',
			manifestOf(files, { libraries: { gpu: '../gpu.wasm', software: 'software.wasm' } }),
			/libraries.gpu: expected the name of a file/,
		],
		['has another number format', manifestOf(files, { dtype: 'int4' }), /dtype/],
		[
			'does not list the program',
			manifestOf({ ...files, 'gpu.wasm': '' }, { libraries: { gpu: 'other.wasm', software: 'software.wasm' } }),
			/does not list other.wasm/,
		],
	])('whose manifest %s is refused', async (_, manifest, message) => {
		await expect(plan(manifest)).rejects.toMatchObject({ name: 'JudgeFolderError', message: expect.stringMatching(message) as string });
	});

	test('whose weights are not in the manifest is refused', async () => {
		const more = { records: [{ dataPath: 'params_shard_7.bin', nbytes: 1, records: [] }] };
		const folder = judgeFolder({ 'tensor-cache.json': more });
		await expect(plan(manifestOf(folder), folder)).rejects.toThrow(/does not list params_shard_7.bin/);
	});
});

describe('a model of WebLLM’s list', () => {
	const listed = { model: 'https://host.test/org/Small', model_id: 'Qwen3-Small', model_lib: 'https://libs.test/small.wasm' };

	test('comes from its host, with what is known of it', async () => {
		const planned = await planListed(
			{ ...listed, required_features: ['shader-f16'], overrides: { context_window_size: 50 } },
			opener(files),
		);
		expect(planned).toMatchObject({ contextTokens: 50, halfPrecision: true, thinks: true, library: 'library.wasm' });
		expect(planned.files.at(0)).toEqual({
			name: 'mlc-chat-config.json',
			url: 'https://host.test/org/Small/resolve/main/mlc-chat-config.json',
			bytes: null,
			sha256: null,
		});
		expect(planned.files.at(-2)).toMatchObject({ name: 'params_shard_0.bin', bytes: 5e6 });
		expect(planned.files.at(-1)).toMatchObject({ name: 'library.wasm', url: 'https://libs.test/small.wasm' });
	});

	test('may write messages by templates, and may not think', async () => {
		const folder = judgeFolder({
			'mlc-chat-config.json': { context_window_size: 9, conv_template: { role_templates: { user: '{user_message}' } } },
		});
		const planned = await planListed({ ...listed, model_id: 'Llama' }, opener(folder));
		expect(planned).toMatchObject({ fillsTemplates: true, thinks: false, contextTokens: 9 });
		expect(planned.memory.contextBytes).toBeNull();
	});
});

describe('whether it fits', () => {
	test('is said in megabytes: weights, and what it reads', async () => {
		const words = checkFit(await plan(), gpu);
		expect(words).toBe('my judge needs about 5.0 MB of memory on a card (5.0 MB for its weights, 0.0 MB for what it reads).');
		expect(checkFit(await plan(), { ...gpu, software: true })).toMatch(/a CPU that plays a GPU/);
		expect((await plan()).memory.contextBytes).toBe(2 * 2 * 3 * 4 * 100 * 4);
	});

	test('needs 16 bits where the model does', async () => {
		const half = await plan(manifestOf(files, { dtype: 'float16' }));
		expect(() => checkFit(half, gpu)).toThrow(/my judge computes with 16 bits, and a card offers no shader-f16/);
		expect(() => checkFit(half, { ...gpu, f16: true })).not.toThrow();
	});

	test('needs room for the largest matrix', async () => {
		const big = judgeFolder({
			'tensor-cache.json': { records: [{ dataPath: 'params_shard_0.bin', nbytes: 2e8, records: [{ nbytes: 2e8 }] }] },
		});
		const planned = await plan(manifestOf(big), big);
		expect(() => checkFit(planned, gpu)).toThrow(/a matrix of 200 MB.*at most 134 MB/);
		expect(() => checkFit(planned, { ...gpu, maxTensorBytes: 2 ** 30 })).not.toThrow();
	});
});
