import { afterEach, describe, expect, test, vi } from 'vitest';

import { FRAMEWORKS } from '$lib/conscience/frameworks';
import { JudgeLostError } from '$lib/conscience/judge';
import { twinInWords } from '$lib/conscience/listedModels';
import type { LoadOptions } from '$lib/conscience/webllm';
import type { FoundAdapter } from '$lib/model/gpuAdapter';
import { DamagedFileError, StorageFullError } from '$lib/storage/fileErrors';
import type { ModelFiles } from '$lib/storage/modelFiles';
import { judgeHandlers } from '$lib/worker/judgeHandlers';
import { portJudge } from '$lib/worker/judgePort';
import type { JudgeEvent } from '$lib/worker/judgeProtocol';

import { fakeJudgeModel } from './fakeJudgeModel';
import { judgeFolder, manifestOf } from './judgeFolder';

const folder = judgeFolder();
const source = { kind: 'folder', url: 'http://lab.test/judge', name: 'j' } as const;
const card = {
	description: 'a card',
	software: false,
	adapter: { limits: { maxStorageBufferBindingSize: 2 ** 30 }, features: new Set() },
} as unknown as FoundAdapter;

const ports: MessagePort[] = [];
afterEach(() => {
	vi.unstubAllGlobals();
	for (const port of ports.splice(0)) port.close();
});

/** The worker's handlers over a folder on a server, with models of which the test plays the part. */
function start({
	manifest = manifestOf(folder),
	open,
	missing = async () => 12,
	found = card,
}: { manifest?: string; found?: FoundAdapter | null } & Partial<Pick<ModelFiles, 'open' | 'missing'>> = {}) {
	const page = manifest.startsWith('<');
	vi.stubGlobal('fetch', async () => new Response(manifest, { headers: { 'content-type': page ? 'text/html' : 'application/json' } }));
	const events: JudgeEvent[] = [];
	const models: (ReturnType<typeof fakeJudgeModel> & LoadOptions)[] = [];
	const openHere: ModelFiles['open'] = async ({ url }, { onBytes } = {}) => {
		const content = folder[url.slice('http://lab.test/judge/'.length)]!;
		onBytes?.(content.length);
		return new Blob([content]);
	};
	const parts = {
		files: { open: open ?? openHere, missing, kept: true },
		find: async () => found,
		start: async (_: unknown, read: (name: string) => Promise<Blob>, options: LoadOptions) => {
			expect(await (await read('gpu.wasm')).text()).toBe('for GPUs');
			options.onProgress(0.5);
			models.push({ ...fakeJudgeModel(), ...options });
			return models.at(-1)!.model;
		},
	};
	const handlers = judgeHandlers(parts, (event) => events.push(event), Promise.resolve('the lifeline'));
	return { handlers, events, models, kinds: () => events.map(({ kind }) => kind) };
}

/** A judge through the worker's port. */
async function ask({ handlers }: ReturnType<typeof start>) {
	vi.stubGlobal('navigator', { locks: { request: async () => {} } });
	const { port1, port2 } = new MessageChannel();
	ports.push(port1, port2);
	await handlers.connect({ port: port1 });
	const judge = portJudge(port2, { engine: 'webllm', model: 'j', revision: '' }, { temperature: 0, topP: 1, maxNewTokens: 8 });
	return () => judge.verdicts([{ question: 'May I?', answer: 'Yes.' }], FRAMEWORKS[0]!);
}

describe('loading', () => {
	test('tells how far the files are, how far the shaders are, and that it is ready', async () => {
		const lab = start();
		const loaded = await lab.handlers.load({ source });
		expect(loaded).toMatchObject({ library: 'gpu.wasm', contextTokens: 100, missingBytes: 12, identity: { engine: 'webllm', model: 'j' } });
		expect(lab.kinds().filter((kind, i, all) => kind !== all[i - 1])).toEqual(['files', 'engine', 'standing']);
		const files = lab.events.flatMap((event) => (event.kind === 'files' ? [event] : []));
		expect(files.at(-1)).toMatchObject({ loadedBytes: files.at(-1)!.totalBytes });
		expect(lab.events).toContainEqual({ kind: 'engine', share: 0.5 });
	});

	test('can be looked at before: what it needs, from whom, and that nothing large is fetched for that', async () => {
		const opened: string[] = [];
		const lab = start({ open: async ({ url }) => (opened.push(url.split('/').at(-1)!), new Blob([folder[opened.at(-1)!]!])) });
		const outlook = await lab.handlers.look({ source });
		expect(outlook).toMatchObject({ missingBytes: 12, sizesKnown: true, hosts: ['lab.test'], kept: true, identity: { model: 'j' } });
		expect(outlook.fit).toContain('j needs about 5.0 MB');
		expect(opened).toEqual(['mlc-chat-config.json', 'tensor-cache.json']);
		expect([lab.events, lab.models]).toEqual([[], []]);
	});

	test('of a model of WebLLM’s list tells that not all sizes are known', async () => {
		const lab = start({ open: async ({ url }) => new Blob([folder[url.split('/').at(-1)!]!]) });
		const outlook = await lab.handlers.look({ source: { kind: 'listed', id: 'Llama-3.2-1B-Instruct-q4f32_1-MLC' } });
		expect(outlook).toMatchObject({ totalBytes: 5e6, sizesKnown: false, identity: { model: 'Llama-3.2-1B-Instruct-q4f32_1-MLC' } });
	});

	test('ends when it is cancelled, and then may begin again', async () => {
		let hang = true;
		let hangs = false;
		const lab = start({
			open: ({ url }, { signal } = {}) =>
				hang && url.endsWith('.bin')
					? new Promise((_, reject) => (signal!.addEventListener('abort', () => reject(signal!.reason as Error)), (hangs = true)))
					: Promise.resolve(new Blob([folder[url.slice('http://lab.test/judge/'.length)]!])),
		});
		const cancelled = expect(lab.handlers.load({ source })).rejects.toMatchObject({ name: 'AbortError' });
		await vi.waitFor(() => expect(hangs).toBe(true));
		await lab.handlers.cancel(null);
		await cancelled;
		hang = false;
		expect((await lab.handlers.load({ source })).library).toBe('gpu.wasm');
	});

	test('of another judge ends the one under way', async () => {
		const lab = start();
		const first = expect(lab.handlers.load({ source })).rejects.toMatchObject({ name: 'AbortError' });
		await lab.handlers.load({ source });
		await first;
		expect(lab.models.filter(({ unloaded }) => unloaded() === 0)).toHaveLength(1);
	});

	test.each([
		['the browser has no WebGPU', { found: null }, 'JudgeFitError', /no WebGPU/],
		['a page came in place of the folder', { manifest: '<!doctype html>' }, 'MissingFileError', /there is no such file.*organism:webllm/],
		[
			'a shard is damaged',
			{ open: async () => Promise.reject(new DamagedFileError('params_shard_0.bin is damaged')) },
			'DamagedFileError',
			/damaged/,
		],
		[
			'the browser has no room for it',
			{ missing: async () => Promise.reject(new StorageFullError('no room')) },
			'StorageFullError',
			/no room/,
		],
	])('fails by name when %s', async (_, given, name, message) => {
		const lab = start(given);
		await expect(lab.handlers.load({ source })).rejects.toMatchObject({ name, message: expect.stringMatching(message) as string });
		expect(lab.models).toHaveLength(0);
	});
});

describe('WebLLM’s own list', () => {
	test('is told with what each needs; what is no text model, or comes in other files, is left out', async () => {
		const listed = await start().handlers.listed(null);
		const named = (id: string) => listed.find((model) => model.id === id);
		expect(named('SmolLM2-360M-Instruct-q4f16_1-MLC')).toMatchObject({
			...{ name: 'SmolLM2-360M-Instruct', family: 'SmolLM2', size: '360M', bits: 4, halfPrecision: true, unsuited: null },
			megabytes: expect.any(Number) as number,
		});
		expect(named('Qwen3-0.6B-q0f32-MLC')).toMatchObject({ family: 'Qwen3', size: '0.6B', bits: 32, halfPrecision: false, unsuited: null });
		expect(named('Qwen3-0.6B-q4f16_1-MLC')).toMatchObject({ halfPrecision: true }); // WebLLM's list does not say so
		expect(listed.filter(({ id, unsuited }) => !unsuited && /Math|Coder|Base|phi-2|R1/.test(id))).toEqual([]);
		expect(listed.filter(({ id }) => /embed|vision|gemma-4/.test(id))).toEqual([]);
	});

	test('does not have every model', async () => {
		const refused = { name: 'JudgeFitError', message: expect.stringContaining("no model 'none'") as string };
		await expect(start().handlers.load({ source: { kind: 'listed', id: 'none' } })).rejects.toMatchObject(refused);
	});

	/** What is asked of the list's own addresses when the model that is trained is to judge. */
	async function askedFor(name: string, features: string[] = []): Promise<string[]> {
		const urls: string[] = [];
		const open: ModelFiles['open'] = async ({ url }) => {
			urls.push(url);
			throw new DamagedFileError('not here');
		};
		const found = { ...card, adapter: { ...card.adapter, features: new Set(features) } } as unknown as FoundAdapter;
		await expect(start({ open, found }).handlers.look({ source: { kind: 'twin', name } })).rejects.toThrow('not here');
		return urls;
	}

	test.each([
		['SmolLM2-135M-Instruct', [], 'SmolLM2-135M-Instruct-q0f32-MLC'],
		['SmolLM2-135M-Instruct', ['shader-f16'], 'SmolLM2-135M-Instruct-q0f16-MLC'],
		['SmolLM2-360M-Instruct', [], 'SmolLM2-360M-Instruct-q0f32-MLC'],
		['Qwen2.5-0.5B-Instruct', [], 'Qwen2.5-0.5B-Instruct-q0f32-MLC'],
		['Qwen2.5-Coder-0.5B-Instruct', ['shader-f16'], 'Qwen2.5-Coder-0.5B-Instruct-q0f16-MLC'],
		['Qwen3-0.6B', [], 'Qwen3-0.6B-q0f32-MLC'],
		['Qwen3-1.7B', [], 'Qwen3-1.7B-q4f32_1-MLC'],
		['qwen3-1.7b', ['shader-f16'], 'Qwen3-1.7B-q4f16_1-MLC'],
	])('has the very model that is trained: %s on a card with %j', async (name, features, id) => {
		expect((await askedFor(name, features))[0]).toBe(`https://huggingface.co/mlc-ai/${id}/resolve/main/mlc-chat-config.json`);
	});

	test('a model that it doesn’t have can judge in the trainer, and the reader hears that', async () => {
		const refused = { name: 'JudgeFitError', message: expect.stringMatching(/has no My-Model .*frozen copy in the trainer/) as string };
		await expect(start().handlers.look({ source: { kind: 'twin', name: 'My-Model' } })).rejects.toMatchObject(refused);
	});

	test('a reader hears whether the twin’s weights were rounded', () => {
		expect(twinInWords('Qwen3-0.6B-q0f32-MLC')).toBe('It is the model in training itself, as it was published.');
		expect(twinInWords('Qwen3-0.6B-q4f32_1-MLC')).toContain('rounded to 4 bits');
	});
});

describe('whoever asks', () => {
	test('hears that there is no judge yet, and then gets verdicts', async () => {
		const lab = start();
		const verdicts = await ask(lab);
		await expect(verdicts()).rejects.toMatchObject({ name: 'JudgeLostError', message: 'The judge is not loaded yet.' });
		await lab.handlers.load({ source });
		const stop = lab.models[0]!.answerAll(() => 1);
		expect((await verdicts()).verdicts[0]!.label).toBe('ethical');
		stop();
	});

	test('hears of a lost device, and so does the page; the judge can be loaded again', async () => {
		const lab = start();
		const verdicts = await ask(lab);
		await lab.handlers.load({ source });
		const refused = expect(verdicts()).rejects.toMatchObject({ name: 'JudgeLostError', message: 'the device is gone' });
		await vi.waitFor(() => expect(lab.models[0]!.asked).toHaveLength(1));
		lab.models[0]!.onLost(new JudgeLostError('the device is gone'));
		await refused;
		expect(lab.events.filter(({ kind }) => kind === 'lost')).toEqual([{ kind: 'lost', reason: 'the device is gone' }]);
		await lab.handlers.load({ source });
		const stop = lab.models[1]!.answerAll(() => 0);
		expect((await verdicts()).verdicts[0]!.label).toBe('unethical');
		stop();
	});

	test('is answered while another judge is looked at', async () => {
		const lab = start();
		const verdicts = await ask(lab);
		await lab.handlers.load({ source });
		const stop = lab.models[0]!.answerAll(() => 1);
		await Promise.all([lab.handlers.look({ source }), expect(verdicts()).resolves.toMatchObject({ tokens: { written: 1 } })]);
		stop();
	});

	test('hears that the judge was unloaded', async () => {
		const lab = start();
		const verdicts = await ask(lab);
		await lab.handlers.load({ source });
		const refused = expect(verdicts()).rejects.toMatchObject({
			name: 'JudgeLostError',
			message: expect.stringContaining('unloaded') as string,
		});
		await vi.waitFor(() => expect(lab.models[0]!.asked).toHaveLength(1));
		await lab.handlers.unload(null);
		await refused;
		expect(lab.models[0]!.unloaded()).toBe(1);
	});
});
