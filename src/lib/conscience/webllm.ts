/** The one place that knows WebLLM: loads a model from files that are here already, and asks it. */
import type { ChatCompletion, ChatCompletionRequestNonStreaming, MLCEngine } from '@mlc-ai/web-llm';
import * as v from 'valibot';

import { seededRandom } from '$lib/model/random';
import type { Sampling } from '$lib/model/sampling';
import { createTokenizer, type Tokenizer } from '$lib/model/tokenizer';

import { JudgeError, JudgeLostError, type TokenCount } from './judge';
import { type JudgeDevice, watchDevice } from './judgeDevice';
import { JudgeFitError, type JudgePlan, type ListedModel, TOKENIZER, TOKENIZER_CONFIG } from './judgePlan';
import { labelShares, labelTokens } from './labelTokens';

/** A language model that WebLLM runs: what a judge needs of it. One request at a time. */
export interface JudgeModel {
	/**
	 * P of each label after the prompt, in the order of `LABELS`, from one decoded token; they sum to 1.
	 * @throws JudgeError when the prompt is too long; JudgeLostError when nothing can be asked any more
	 */
	labelProbabilities(prompt: string, signal?: AbortSignal): Promise<{ probabilities: number[]; tokens: TokenCount }>;
	/** One sampled answer; throws as `labelProbabilities` does. */
	write(
		prompt: string,
		seed: number,
		sampling: Sampling,
		signal?: AbortSignal,
	): Promise<{ text: string; ended: boolean; tokens: TokenCount }>;
	unload(): Promise<void>;
}

export interface LoadOptions {
	/** Told how much of the weights is on the GPU and of the shaders compiled, from 0 to 1. */
	onProgress: (share: number) => void;
	/** The model is gone, also when nobody was asking it. */
	onLost: (error: JudgeLostError) => void;
}

/** Where WebLLM believes the files to be: it takes only addresses of this form, and fetches what it finds at `localhost` by itself. */
const ADDRESS = 'https://judge.invalid/resolve/main/';
const MODEL = 'judge';
/** A bias as large as WebLLM allows: it leaves e⁻¹⁰⁰ to every other token. */
const RESTRICT = 100;
/** What WebLLM writes for a model that thinks when it shall not. */
const EMPTY_THOUGHT = '<think>\n\n</think>\n\n';

/** The models of WebLLM's own list that read texts and write texts, in files of the usual names. */
export async function listedModels(): Promise<(ListedModel & { vram_required_MB?: number | undefined })[]> {
	const { prebuiltAppConfig } = await import('@mlc-ai/web-llm');
	return prebuiltAppConfig.model_list.filter((record) => record.model_manifest === undefined && record.model_type === undefined);
}

/**
 * Starts WebLLM on the plan's files, which `read` has. Nothing is fetched.
 * @throws JudgeError when its labels begin alike; JudgeLostError when the device is lost meanwhile; JudgeFitError when WebLLM can't start it
 */
export async function loadWebllm(
	plan: JudgePlan,
	read: (name: string) => Promise<Blob>,
	{ onProgress, onLost }: LoadOptions,
): Promise<JudgeModel> {
	const { MLCEngine } = await import('@mlc-ai/web-llm');
	const words = await readTokenizer(read);
	labelTokens(words.tokenizer); // fails before anything is loaded
	const engine = new MLCEngine({
		appConfig: {
			model_list: [{ model_id: MODEL, model: ADDRESS, model_lib: `${ADDRESS}${plan.library}`, overrides: plan.overrides }],
			cacheBackend: 'cache',
		},
		initProgressCallback: ({ progress, text }) => {
			if (text.startsWith('Loading model')) onProgress(progress / 2);
			if (text.startsWith('Loading GPU shader')) onProgress((1 + progress) / 2);
		},
		logLevel: 'ERROR',
	});
	const { device, stop } = watchDevice(onLost);
	const takeBack = lendFiles(plan, read);
	try {
		await device.guard(engine.reload(MODEL));
	} catch (error) {
		device.destroy(); // WebLLM keeps what it has put there
		if (error instanceof JudgeError || error instanceof JudgeLostError) throw error;
		const why = error instanceof Error ? error.message : String(error);
		throw new JudgeFitError(
			`WebLLM could not start ${plan.identity.model} here: ${why} Choose another model, or let the frozen copy in the trainer judge.`,
			{ cause: error },
		);
	} finally {
		takeBack();
		stop();
	}
	return modelOf(engine, device, plan, words);
}

/** Puts the files in the place where WebLLM looks for what it has fetched before; returns what ends it. */
function lendFiles({ files }: JudgePlan, read: (name: string) => Promise<Blob>): () => void {
	const names = new Map(files.map(({ name }) => [`${ADDRESS}${name}`, name]));
	const cache = {
		async match({ url }: Request) {
			const name = names.get(url);
			return name === undefined ? undefined : new Response(await read(name));
		},
		async add({ url }: Request) {
			throw new JudgeError(
				`WebLLM asked for ${url.slice(ADDRESS.length)}, which is not among the files of the model. Write its folder anew.`,
			);
		},
		keys: async () => [...names.keys()].map((url) => new Request(url)),
		delete: async () => false,
	};
	Object.defineProperty(globalThis, 'caches', { value: { open: async () => cache }, configurable: true });
	return () => void Reflect.deleteProperty(globalThis, 'caches');
}

/** The model's tokenizer, and what makes the names of its special tokens harmless in a text. */
async function readTokenizer(read: (name: string) => Promise<Blob>): Promise<{ tokenizer: Tokenizer; disarm: (text: string) => string }> {
	const json = async (name: string) => JSON.parse(await (await read(name)).text()) as unknown;
	const [file, tokenizerConfig] = [await json(TOKENIZER), await json(TOKENIZER_CONFIG)];
	// Prompts are written by WebLLM's template, and answers end at its stop tokens.
	const tokenizer = createTokenizer({ tokenizer: file, tokenizerConfig, chatTemplate: '', config: { eos_token_id: 0 } });
	const specials = v.parse(AddedTokens, file).added_tokens.flatMap(({ content, special }) => (special && content ? [content] : []));
	// WebLLM would take '<|im_end|>' in an answer for the end of the turn, so that what is judged could speak as somebody else.
	const disarm = (text: string) => specials.reduce((safe, name) => safe.replaceAll(name, () => `${name[0]} ${name.slice(1)}`), text);
	return { tokenizer, disarm };
}
const AddedTokens = v.looseObject({ added_tokens: v.array(v.looseObject({ content: v.string(), special: v.optional(v.boolean()) })) });

function modelOf(
	engine: MLCEngine,
	device: JudgeDevice,
	plan: JudgePlan,
	{ tokenizer, disarm }: Awaited<ReturnType<typeof readTokenizer>>,
): JudgeModel {
	const labels = labelTokens(tokenizer);
	const texts = labels.map((id) => tokenizer.decode([id]));
	const bias = Object.fromEntries(labels.map((id) => [`${id}`, RESTRICT]));
	const thought = plan.thinks ? tokenizer.encode(EMPTY_THOUGHT).length : 0;
	const thinking = plan.thinks ? { extra_body: { enable_thinking: false } } : {};
	let last: Promise<unknown> = Promise.resolve();
	const message = (prompt: string) => (plan.fillsTemplates ? disarm(prompt).replaceAll('$', '$$$$') : disarm(prompt));
	const ask = (prompt: string, request: Omit<ChatCompletionRequestNonStreaming, 'messages'>, signal?: AbortSignal) => {
		const messages = [{ role: 'user' as const, content: message(prompt) }];
		const reply = complete(engine, device, plan, { messages, ...NEUTRAL, ...thinking, ...request }, signal);
		last = reply.catch(() => {});
		return reply;
	};

	return {
		async labelProbabilities(prompt, signal) {
			const verdict = { max_tokens: 1, temperature: 1, top_p: 1, seed: 1, logit_bias: bias, logprobs: true, top_logprobs: 5 };
			const reply = await ask(prompt, verdict, signal);
			const likeliest = reply.choices[0]?.logprobs?.content?.[0]?.top_logprobs ?? [];
			const probabilities = labelShares(texts, likeliest);
			if (probabilities) return { probabilities, tokens: tokensOf(reply) };
			const said = likeliest.map(({ token, logprob }) => `${JSON.stringify(token)} ${Math.exp(logprob).toPrecision(3)}`).join(', ');
			throw new Error(`The labels begin with ${texts.join(', ')}, and WebLLM gave ${said || 'nothing'}.`);
		},

		async write(prompt, seed, { temperature, topP, maxNewTokens }, signal) {
			const request = { max_tokens: maxNewTokens + thought, temperature, top_p: topP, seed: spread(seed) };
			const reply = await ask(prompt, request, signal);
			const [choice] = reply.choices;
			const text = (choice?.message.content ?? '').replace(/^\s*<think>\s*<\/think>/, '').trim();
			const ended = choice?.finish_reason === 'stop';
			const { read, written } = tokensOf(reply);
			return { text, ended, tokens: { read, written: written - (ended ? 1 : 0) } }; // the stop token is none of the answer
		},

		async unload() {
			device.release();
			await last; // WebLLM would take the memory from under it
			await engine.unload();
		},
	};
}

const NEUTRAL = { frequency_penalty: 0, presence_penalty: 0, repetition_penalty: 1 };

/** WebLLM's generator begins with the seed itself, so that neighbours would draw the same first token. From 1 to 2³¹ − 2, as it wants them. */
const spread = (seed: number) => 1 + Math.floor(seededRandom(seed, 'webllm')() * (2 ** 31 - 2));

const tokensOf = ({ usage }: ChatCompletion): TokenCount => ({ read: usage?.prompt_tokens ?? 0, written: usage?.completion_tokens ?? 0 });

/** The reply; when `signal` aborts, the signal's reason as soon as the engine can be asked again. */
async function complete(
	engine: MLCEngine,
	device: JudgeDevice,
	{ contextTokens }: JudgePlan,
	request: ChatCompletionRequestNonStreaming,
	signal?: AbortSignal,
): Promise<ChatCompletion> {
	signal?.throwIfAborted();
	let running = true;
	// WebLLM forgets an interrupt that comes before it has begun, which it does in the microtasks after the request.
	const interrupt = () => setTimeout(() => running && void engine.interruptGenerate());
	signal?.addEventListener('abort', interrupt, { once: true });
	try {
		const reply = await device.guard(engine.chat.completions.create(request));
		const fault = device.takeFault();
		if (fault !== null) throw new Error(`The GPU refused a computation: ${fault}`);
		signal?.throwIfAborted();
		return reply;
	} catch (error) {
		throw toJudgeError(error, contextTokens);
	} finally {
		running = false;
		signal?.removeEventListener('abort', interrupt);
	}
}

function toJudgeError(error: unknown, contextTokens: number): unknown {
	if (!(error instanceof Error)) return error;
	if (error.name === 'ContextWindowSizeExceededError') {
		const [tokens] = /\d+/.exec(error.message) ?? ['more'];
		return new JudgeError(
			`The judge reads at most ${contextTokens} tokens, and the text put to it has ${tokens}. A shorter framework or shorter answers help.`,
		);
	}
	// What is left of a program that has broken off can't be asked again.
	if (error.name === 'ModelNotLoadedError' || error instanceof WebAssembly.RuntimeError)
		return new JudgeLostError(`The judge broke off (${error.message}). Load it again, or let the frozen copy in the trainer judge.`);
	return error;
}
