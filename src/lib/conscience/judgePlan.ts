/** What WebLLM has to load before a model can judge, and whether it fits: known before anything large is fetched. */
import * as v from 'valibot';

import type { FoundAdapter } from '$lib/model/gpuAdapter';
import { sha256 } from '$lib/model/sha256';

import type { JudgeIdentity } from './judge';

/** A file that WebLLM asks for by its name, where it is, how large, and its SHA-256; null where the source does not say. */
export interface JudgeFile {
	name: string;
	url: string;
	bytes: number | null;
	sha256: string | null;
}

/** The verified bytes of a file. */
export type OpenFile = (file: JudgeFile) => Promise<Blob>;

/** All that is known of a model before its weights are there. */
export interface JudgePlan {
	identity: JudgeIdentity;
	files: JudgeFile[];
	/** The compiled program's name among the files. */
	library: string;
	/** Settings that replace those of mlc-chat-config.json. */
	overrides: Record<string, unknown>;
	/** Prompt and answer together have at most so many tokens. */
	contextTokens: number;
	/** The program computes with 16 bits, which not every adapter can. */
	halfPrecision: boolean;
	/** The model writes its thoughts down first unless WebLLM is told to keep it from that. */
	thinks: boolean;
	/** WebLLM fills messages in by templates, in which a dollar sign in a message is a command. */
	fillsTemplates: boolean;
	memory: {
		weightBytes: number;
		largestTensorBytes: number;
		/** For what was read of prompt and answer; null where the folder does not say the model's sizes. */
		contextBytes: number | null;
	};
}

/** The adapter, and those of its limits that decide what fits. */
export interface JudgeAdapter {
	description: string;
	software: boolean;
	/** It computes with 16 bits. */
	f16: boolean;
	/** Of one matrix. */
	maxTensorBytes: number;
}

/** A file that describes the model is not what it should be. */
export class JudgeFolderError extends Error {
	override name = 'JudgeFolderError';
}

/** This machine can't run the model. */
export class JudgeFitError extends Error {
	override name = 'JudgeFitError';
}

const FileName = v.pipe(v.string(), v.regex(/^[\w][\w.-]*$/, 'expected the name of a file in the same folder'));
const Sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 in hex'));
const Size = v.pipe(v.number(), v.integer(), v.minValue(0));
const Manifest = v.looseObject({
	dtype: v.picklist(['float32', 'float16']),
	libraries: v.object({ gpu: FileName, software: FileName }),
	weights: v.nullable(Sha256),
	files: v.array(v.object({ path: FileName, bytes: Size, sha256: Sha256 })),
});
const Dimensions = v.looseObject({
	num_hidden_layers: v.optional(Size),
	num_key_value_heads: v.optional(Size),
	num_attention_heads: v.optional(Size),
	hidden_size: v.optional(Size),
	head_dim: v.optional(v.nullable(Size)),
});
const ChatConfig = v.looseObject({
	context_window_size: v.pipe(v.number(), v.integer()),
	model_config: v.optional(Dimensions),
	conv_template: v.looseObject({ role_templates: v.optional(v.looseObject({ user: v.optional(v.string()) })) }),
});
const TensorCache = v.looseObject({
	records: v.array(v.looseObject({ dataPath: FileName, nbytes: Size, records: v.array(v.looseObject({ nbytes: Size })) })),
});

const CHAT_CONFIG = 'mlc-chat-config.json';
const TENSOR_CACHE = 'tensor-cache.json';
export const TOKENIZER = 'tokenizer.json';
export const TOKENIZER_CONFIG = 'tokenizer_config.json';

/** A folder that `npm run organism:webllm` wrote, by the text of its manifest. @throws JudgeFolderError, and what `open` throws */
export async function planFolder(
	{ url, name }: { url: string; name: string },
	manifestText: string,
	{ software }: Pick<JudgeAdapter, 'software'>,
	open: OpenFile,
): Promise<JudgePlan> {
	const manifest = parse(Manifest, manifestText, `${url}manifest.json`);
	const library = manifest.libraries[software ? 'software' : 'gpu'];
	const fileOf = (name: string): JudgeFile => {
		const file = manifest.files.find(({ path }) => path === name);
		if (file) return { name, url: `${url}${name}`, bytes: file.bytes, sha256: file.sha256 };
		throw new JudgeFolderError(`${url}manifest.json does not list ${name}, which WebLLM needs. Write the folder anew.`);
	};
	const { plan } = await readSizes(fileOf, open);
	return {
		...plan,
		files: [...plan.files, fileOf(library)],
		identity: { engine: 'webllm', model: name, revision: manifest.weights ?? (await sha256(manifestText)) },
		library,
		overrides: {},
		halfPrecision: manifest.dtype === 'float16',
		thinks: false, // the compiled chat template has the empty thought in it
	};
}

/** A model of WebLLM's own list, as far as it matters here. */
export interface ListedModel {
	model: string;
	model_id: string;
	model_lib: string;
	required_features?: string[];
	overrides?: object;
}

/** A model of WebLLM's own list; who hosts it says neither sizes nor hashes of most files. @throws JudgeFolderError, and what `open` throws */
export async function planListed(listed: ListedModel, open: OpenFile): Promise<JudgePlan> {
	const base = `${listed.model}/resolve/main/`;
	const fileOf = (name: string): JudgeFile => ({ name, url: `${base}${name}`, bytes: null, sha256: null });
	const { plan, tensorCache } = await readSizes(fileOf, open);
	const library = 'library.wasm';
	return {
		...plan,
		...(overriddenContext(listed.overrides) ?? {}),
		files: [...plan.files, { name: library, url: listed.model_lib, bytes: null, sha256: null }],
		// The list of the weights has a checksum of each of their files.
		identity: { engine: 'webllm', model: listed.model_id, revision: await sha256(tensorCache) },
		library,
		overrides: { ...listed.overrides },
		halfPrecision: isHalfPrecision(listed),
		thinks: /^(Qwen3|DeepSeek-R1)/.test(listed.model_id),
	};
}

/** The list does not say it of every model that computes with 16 bits; their names do. */
export const isHalfPrecision = ({ model_id, required_features = [] }: ListedModel): boolean =>
	required_features.includes('shader-f16') || /-q\d+f16/.test(model_id);

/** What the adapter can do for a judge. */
export function judgeAdapter({ adapter, description, software }: FoundAdapter): JudgeAdapter {
	// WebLLM asks for 1 GiB, and where that is refused for 128 MiB.
	const maxTensorBytes = adapter.limits.maxStorageBufferBindingSize >= 2 ** 30 ? 2 ** 30 : 2 ** 27;
	return { description, software, f16: adapter.features.has('shader-f16'), maxTensorBytes };
}

/** A sentence or two on what the model needs of this machine. @throws JudgeFitError when it can't run here */
export function checkFit({ halfPrecision, memory, identity }: JudgePlan, adapter: JudgeAdapter): string {
	const { weightBytes, contextBytes, largestTensorBytes } = memory;
	if (halfPrecision && !adapter.f16)
		throw new JudgeFitError(
			`${identity.model} computes with 16 bits, and ${adapter.description} offers no shader-f16. Choose the same model with 32 bits (f32 in its name), or the frozen copy in the trainer as judge.`,
		);
	if (largestTensorBytes > adapter.maxTensorBytes)
		throw new JudgeFitError(
			`${identity.model} has a matrix of ${megabytes(largestTensorBytes)}, and WebLLM can give ${adapter.description} at most ${megabytes(adapter.maxTensorBytes)} at a time. Choose a smaller model, or the frozen copy in the trainer as judge.`,
		);
	const needs = `${identity.model} needs about ${megabytes(weightBytes + (contextBytes ?? 0))} of memory on ${adapter.description}`;
	const parts = contextBytes === null ? '' : ` (${megabytes(weightBytes)} for its weights, ${megabytes(contextBytes)} for what it reads)`;
	return `${needs}${parts}.${adapter.software ? ' That is a CPU that plays a GPU: expect it to be slow.' : ''}`;
}

/** Reads the two small files that say how large the model is. */
async function readSizes(fileOf: (name: string) => JudgeFile, open: OpenFile) {
	const read = async <const Schema extends v.GenericSchema>(schema: Schema, name: string) => {
		const text = await (await open(fileOf(name))).text();
		return { text, parsed: parse(schema, text, fileOf(name).url) };
	};
	const { parsed: chat } = await read(ChatConfig, CHAT_CONFIG);
	const { parsed: tensors, text: tensorCache } = await read(TensorCache, TENSOR_CACHE);
	const shards = tensors.records.map(({ dataPath, nbytes }) => {
		const file = fileOf(dataPath);
		return { ...file, bytes: file.bytes ?? nbytes };
	});
	const sizes = tensors.records.flatMap(({ records }) => records.map(({ nbytes }) => nbytes));
	const plan = {
		files: [...[CHAT_CONFIG, TENSOR_CACHE, TOKENIZER, TOKENIZER_CONFIG].map(fileOf), ...shards],
		contextTokens: chat.context_window_size,
		fillsTemplates: chat.conv_template.role_templates?.user !== undefined,
		memory: {
			weightBytes: tensors.records.reduce((sum, { nbytes }) => sum + nbytes, 0),
			largestTensorBytes: Math.max(0, ...sizes),
			contextBytes: contextBytes(chat.model_config ?? {}, chat.context_window_size),
		},
	};
	return { plan, tensorCache };
}

/** Keys and values of every layer, at 32 bits; null where a size is not told. */
function contextBytes(sizes: v.InferOutput<typeof Dimensions>, context: number): number | null {
	const { num_hidden_layers: layers, num_key_value_heads: heads, num_attention_heads: queries, hidden_size: width } = sizes;
	const headSize = sizes.head_dim ?? (width && queries ? width / queries : undefined);
	return layers && heads && headSize ? 2 * layers * heads * headSize * context * 4 : null;
}

const Overrides = v.looseObject({ context_window_size: v.number() });
function overriddenContext(overrides: unknown): { contextTokens: number } | null {
	return v.is(Overrides, overrides) ? { contextTokens: overrides.context_window_size } : null;
}

function parse<const Schema extends v.GenericSchema>(schema: Schema, text: string, url: string): v.InferOutput<Schema> {
	let json: unknown;
	try {
		json = JSON.parse(text);
	} catch (error) {
		throw new JudgeFolderError(
			`${url} is not JSON (${(error as Error).message}). Is the address right, and is it a folder made for WebLLM?`,
		);
	}
	const result = v.safeParse(schema, json);
	if (result.success) return result.output;
	const [issue] = result.issues;
	throw new JudgeFolderError(`${url}: ${v.getDotPath(issue) ?? 'the file'}: ${issue.message}. Is it a folder made for WebLLM?`);
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
