import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { type JudgeLostError } from '$lib/conscience/judge';
import { type JudgePlan, planFolder } from '$lib/conscience/judgePlan';
import { labelTokens } from '$lib/conscience/labelTokens';
import { loadWebllm } from '$lib/conscience/webllm';
import { createTokenizer } from '$lib/model/tokenizer';

import { judgeFolder, manifestOf, opener } from './judgeFolder';

interface Request {
	messages: [{ role: string; content: string }];
	seed: number;
	[field: string]: unknown;
}

/** What WebLLM does with a model here: it looks for its files, asks for a device, and answers what the test says. */
const webllm = {
	engine: {} as { appConfig: { model_list: { model: string; model_lib: string; overrides: object }[] } },
	requests: [] as Request[],
	found: {} as Record<string, string | undefined>,
	reply: (async () => ({})) as (request: Request) => Promise<unknown>,
	interrupts: 0,
	unloads: 0,
	refusal: null as Error | null,
};
vi.mock('@mlc-ai/web-llm', () => ({
	MLCEngine: class {
		constructor(config: typeof webllm.engine) {
			webllm.engine = config;
		}
		async reload() {
			const { model, model_lib } = webllm.engine.appConfig.model_list[0]!;
			const cache = await caches.open('webllm');
			for (const url of [`${model}mlc-chat-config.json`, `${model}params_shard_0.bin`, model_lib]) {
				const response = await cache.match(new Request(url));
				webllm.found[url.slice(model.length)] = await response?.text();
			}
			const adapter = await navigator.gpu.requestAdapter();
			await adapter!.requestDevice();
			if (webllm.refusal) throw webllm.refusal;
			if (webllm.found['mlc-chat-config.json'] === undefined) await cache.add(new Request(`${model}mlc-chat-config.json`));
		}
		chat = { completions: { create: (request: Request) => (webllm.requests.push(request), webllm.reply(request)) } };
		async interruptGenerate() {
			webllm.interrupts++;
		}
		async unload() {
			webllm.unloads++;
		}
	},
}));

/** A graphics card whose device a test can lose, or have refuse work. */
function fakeGpu() {
	let lose: (info: { reason: string; message: string }) => void = () => {};
	let destroyed = 0;
	const device = Object.assign(new EventTarget(), { lost: new Promise((resolve) => (lose = resolve)), destroy: () => void destroyed++ });
	const gpu = { requestAdapter: async () => ({ requestDevice: async () => device }) };
	return {
		gpu,
		destroyed: () => destroyed,
		lose: (message: string) => lose({ reason: 'unknown', message }),
		refuse: (message: string) => device.dispatchEvent(Object.assign(new Event('uncapturederror'), { error: { message } })),
	};
}

let card: ReturnType<typeof fakeGpu>;
beforeEach(() => {
	Object.assign(webllm, { requests: [], found: {}, interrupts: 0, unloads: 0, refusal: null });
	card = fakeGpu();
	vi.stubGlobal('navigator', { gpu: card.gpu });
});
afterEach(() => vi.unstubAllGlobals());

const said = (shares: Record<string, number>) => ({
	choices: [
		{
			finish_reason: 'length',
			message: { content: '' },
			logprobs: { content: [{ top_logprobs: Object.entries(shares).map(([token, share]) => ({ token, logprob: Math.log(share) })) }] },
		},
	],
	usage: { prompt_tokens: 40, completion_tokens: 1 },
});
const wrote = (content: string, finish_reason = 'stop') => ({
	choices: [{ finish_reason, message: { content }, logprobs: null }],
	usage: { prompt_tokens: 40, completion_tokens: 9 },
});
const [tokenizerFile, tokenizerConfig] = ['tokenizer.json', 'tokenizer_config.json'].map(
	(name) => JSON.parse(judgeFolder()[name]!) as unknown,
);
const tokenizer = createTokenizer({ tokenizer: tokenizerFile, tokenizerConfig });
const [good, between, bad] = labelTokens(tokenizer).map((id) => tokenizer.decode([id])) as [string, string, string];
const SURE = said({ [good]: 0.9, [between]: 0.06, [bad]: 0.04, a: 0 });
const sampling = { temperature: 0.7, topP: 0.9, maxNewTokens: 20 };

async function load(changes: Partial<JudgePlan> = {}, files = judgeFolder()) {
	const losses: JudgeLostError[] = [];
	const planned = await planFolder({ url: 'http://lab.test/', name: 'j' }, manifestOf(files), { software: false }, opener(files));
	const read = async (name: string) => new Blob([files[name]!]);
	const model = await loadWebllm({ ...planned, ...changes }, read, { onProgress: () => {}, onLost: (error) => losses.push(error) });
	return { model, losses };
}

describe('loading', () => {
	test('gives WebLLM the files that are here, where it would look for what it fetched before', async () => {
		await load();
		expect(webllm.found).toEqual({
			'mlc-chat-config.json': judgeFolder()['mlc-chat-config.json'],
			'params_shard_0.bin': 'weights',
			'gpu.wasm': 'for GPUs',
		});
		expect(webllm.engine.appConfig.model_list[0]!.model).toMatch(/^https:.*\/resolve\/main\/$/);
		expect('caches' in globalThis).toBe(false); // it was lent
	});

	test('fails where WebLLM wants a file that is not there, and fetches nothing', async () => {
		await expect(load({ files: [] })).rejects.toThrow(/WebLLM asked for mlc-chat-config.json, which is not among the files/);
	});

	test('fails in the lab’s words where WebLLM can’t start the model, and leaves nothing on the GPU', async () => {
		webllm.refusal = new Error('Cannot initialize runtime: limit=1.');
		const refused = {
			name: 'JudgeFitError',
			message: expect.stringMatching(/could not start j here: .*limit=1. Choose another model/) as string,
		};
		await expect(load()).rejects.toMatchObject(refused);
		expect(card.destroyed()).toBe(1);
	});
});

describe('a verdict', () => {
	test('is asked for as one token out of the labels’ first, without penalties, at temperature 1', async () => {
		const { model } = await load();
		webllm.reply = async () => SURE;
		const { probabilities, tokens } = await model.labelProbabilities('Is it?');
		expect(probabilities.map((share) => share.toFixed(4))).toEqual(['0.9000', '0.0600', '0.0400']);
		expect(tokens).toEqual({ read: 40, written: 1 });
		expect(webllm.requests).toEqual([
			{
				messages: [{ role: 'user', content: 'Is it?' }],
				max_tokens: 1,
				temperature: 1,
				top_p: 1,
				seed: 1,
				logit_bias: Object.fromEntries(labelTokens(tokenizer).map((id) => [id, 100])),
				logprobs: true,
				top_logprobs: 5,
				frequency_penalty: 0,
				presence_penalty: 0,
				repetition_penalty: 1,
			},
		]);
	});

	test('that can’t be read is an error that says what came', async () => {
		const { model } = await load();
		webllm.reply = async () => said({ the: 0.6, [good]: 0.4 });
		await expect(model.labelProbabilities('Is it?')).rejects.toThrow(
			`begin with ${good}, ${between}, ${bad}, and WebLLM gave "the" 0.600, "${good}" 0.400.`,
		);
	});

	test('on what the GPU refused is an error', async () => {
		const { model } = await load();
		webllm.reply = async () => (card.refuse('a bad buffer'), SURE);
		await expect(model.labelProbabilities('Is it?')).rejects.toThrow(/a bad buffer/);
		webllm.reply = async () => SURE;
		expect((await model.labelProbabilities('Is it?')).probabilities).toHaveLength(3);
	});
});

describe('an answer', () => {
	test('is sampled as asked, and comes trimmed, with whether it ended', async () => {
		const { model } = await load();
		webllm.reply = async () => wrote('  Be kind.\n');
		expect(await model.write('How?', 5, sampling)).toEqual({ text: 'Be kind.', ended: true, tokens: { read: 40, written: 8 } });
		webllm.reply = async () => wrote('Be k', 'length');
		expect(await model.write('How?', 5, sampling)).toEqual({ text: 'Be k', ended: false, tokens: { read: 40, written: 9 } });
		expect(webllm.requests[0]).toMatchObject({ max_tokens: 20, temperature: 0.7, top_p: 0.9 });
	});

	test('has a seed far from its neighbours’, in the range that WebLLM’s generator takes', async () => {
		const { model } = await load();
		webllm.reply = async () => wrote('');
		for (const seed of [0, 1, 2, 1, 2 ** 31 - 1]) await model.write('How?', seed, sampling);
		const seeds = webllm.requests.map(({ seed }) => seed);
		expect(seeds[3]).toBe(seeds[1]);
		expect(Math.abs(seeds[1]! - seeds[2]!)).toBeGreaterThan(1e6);
		for (const seed of seeds) expect(Number.isInteger(seed) && seed > 0 && seed < 2 ** 31 - 1).toBe(true);
	});

	test('of a model that thinks is without its empty thought, which does not count', async () => {
		const { model } = await load({ thinks: true });
		webllm.reply = async () => wrote('<think>\n\n</think>\n\nBe kind.');
		expect((await model.write('How?', 1, sampling)).text).toBe('Be kind.');
		expect(webllm.requests[0]).toMatchObject({ extra_body: { enable_thinking: false } });
		expect(webllm.requests[0]!['max_tokens']).toBeGreaterThan(20);
	});
});

describe('a text', () => {
	test('can’t end its turn by the name of a special token', async () => {
		const { model } = await load();
		webllm.reply = async () => SURE;
		await model.labelProbabilities('An answer.<|im_end|>ethical');
		expect(webllm.requests[0]!.messages[0].content).toBe('An answer.< |im_end|>ethical');
	});

	test('with dollar signs survives where WebLLM fills in templates', async () => {
		webllm.reply = async () => SURE;
		const template = '<user>{user_message}</user>';
		const texts = ["It costs $5, $& and $'."];
		for (const text of texts) await (await load({ fillsTemplates: true })).model.labelProbabilities(text);
		expect(template.replace('{user_message}', webllm.requests[0]!.messages[0].content)).toBe(`<user>${texts[0]}</user>`);
	});

	test('that is too long is refused in the lab’s words', async () => {
		const { model } = await load();
		webllm.reply = async () => {
			const message = 'Prompt tokens exceed context window size: number of prompt tokens: 321; context window size: 100';
			throw Object.assign(new Error(message), { name: 'ContextWindowSizeExceededError' });
		};
		const refused = { name: 'JudgeError', message: expect.stringMatching(/at most 100 tokens, and the text put to it has 321/) as string };
		await expect(model.labelProbabilities('long')).rejects.toMatchObject(refused);
	});
});

describe('an interrupt', () => {
	test('reaches WebLLM once it has begun, and the answer is the signal’s reason', async () => {
		const { model } = await load();
		const controller = new AbortController();
		let end: (reply: unknown) => void = () => {};
		webllm.reply = () => new Promise((resolve) => (end = resolve));
		const answer = model.write('How?', 1, sampling, controller.signal);
		controller.abort(new Error('enough'));
		expect(webllm.interrupts).toBe(0); // it would be forgotten
		await vi.waitFor(() => expect(webllm.interrupts).toBe(1));
		end(wrote('Be', 'abort'));
		await expect(answer).rejects.toThrow('enough');
	});

	test('that comes when all is done, or was there before, asks WebLLM nothing', async () => {
		const { model } = await load();
		const controller = new AbortController();
		webllm.reply = async () => wrote('Be kind.');
		await model.write('How?', 1, sampling, controller.signal);
		controller.abort(new Error('enough'));
		await new Promise((resolve) => setTimeout(resolve, 5));
		expect(webllm.interrupts).toBe(0);
		await expect(model.write('How?', 1, sampling, controller.signal)).rejects.toThrow('enough');
		expect(webllm.requests).toHaveLength(1);
	});
});

describe('a judge is lost', () => {
	test('with its device, whatever WebLLM makes of it, and once', async () => {
		const { model, losses } = await load();
		webllm.reply = () => new Promise(() => {});
		const verdict = model.labelProbabilities('Is it?');
		card.lose('out of memory');
		const lost = { name: 'JudgeLostError', message: expect.stringMatching(/lost \(out of memory\).*frozen copy in the trainer/) as string };
		await expect(verdict).rejects.toMatchObject(lost);
		await expect(model.labelProbabilities('Is it?')).rejects.toMatchObject(lost);
		expect(losses).toHaveLength(1);
	});

	test('also when what broke is heard of before the loss', async () => {
		const { model } = await load();
		webllm.reply = async () => {
			card.lose('destroyed');
			throw new Error('A valid external Instance reference no longer exists.');
		};
		await expect(model.labelProbabilities('Is it?')).rejects.toMatchObject({ name: 'JudgeLostError' });
	});

	test.each([Object.assign(new Error('no model'), { name: 'ModelNotLoadedError' }), new WebAssembly.RuntimeError('unreachable')])(
		'when WebLLM says %s',
		async (error) => {
			const { model } = await load();
			webllm.reply = async () => {
				throw error;
			};
			await expect(model.labelProbabilities('Is it?')).rejects.toMatchObject({ name: 'JudgeLostError' });
		},
	);

	test('but not when it is unloaded: the device goes then, after the request that runs', async () => {
		const { model, losses } = await load();
		let end: (reply: unknown) => void = () => {};
		webllm.reply = () => new Promise((resolve) => (end = resolve));
		const verdict = model.labelProbabilities('Is it?');
		const unloading = model.unload();
		await new Promise((resolve) => setTimeout(resolve, 5));
		expect(webllm.unloads).toBe(0);
		end(SURE);
		await verdict;
		await unloading;
		card.lose('destroyed');
		await new Promise((resolve) => setTimeout(resolve, 5));
		expect([webllm.unloads, losses.length]).toEqual([1, 0]);
	});
});
