/** A Hugging Face folder as a model that runs: read, verified, assembled. Where the files come from is the caller's: ReadFile. */
import * as v from 'valibot';
import { CheckpointError, isMissing, MissingFileError } from './checkpointErrors';
import { type ModelConfig, parseModelConfig } from './config';
import type { Precision } from './halfPrecision';
import { inParts, type PartedFile, wholeFile } from './partedFile';
import { openSafetensors } from './safetensors';
import { sha256 } from './sha256';
import { sha256OfFile } from './sha256Stream';
import { type HashedFile, parseShardIndex, readShards, SHARD_INDEX, type StoredWeights } from './shards';
import { createTokenizer, type Tokenizer } from './tokenizer';
import { checkedNames, loadWeights, type Model } from './weights';

export { CheckpointError, MissingFileError } from './checkpointErrors';

/**
 * A file of the folder: its bytes, or where it is large the file itself, a Blob say, of which one part after the other is read;
 * rejects with MissingFileError (or Node's ENOENT) when there is none of that name.
 */
export type ReadFile = (name: string) => Promise<Uint8Array | PartedFile>;

export interface Checkpoint {
	model: Model;
	tokenizer: Tokenizer;
	/** Numbers stored in model.safetensors or its shards; tied matrices count once. */
	parameterCount: number;
	/** Of model.safetensors, in hex: which weights a run began with. Of shards it is that of their hashes' list (readShards). */
	sha256: string;
}

/** A folder that was read and checked, all but the numbers of its weights. */
export interface OpenedCheckpoint extends Omit<Checkpoint, 'model'>, StoredWeights {
	config: ModelConfig;
}

/** What a folder says of its own files. Folders from elsewhere have no manifest; the lab's own always do. */
const Manifest = v.looseObject({
	files: v.array(v.object({ path: v.string(), bytes: v.number(), sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)) })),
});
type FileRecord = v.InferOutput<typeof Manifest>['files'][number];

/** The model, its matrices kept in `precision`, and the tokenizer of a folder. Each file is checked against `manifest.json` when the folder has one. */
export async function loadCheckpoint(read: ReadFile, precision: Precision = 'f32'): Promise<Checkpoint> {
	const { config, tensors, tokenizer, parameterCount, sha256 } = await openCheckpoint(read);
	return { model: { config, weights: await loadWeights(config, tensors, precision) }, tokenizer, parameterCount, sha256 };
}

/** What `loadCheckpoint` reads and checks before a number of the weights comes onto the engine: no backend is needed for it. */
export async function openCheckpoint(read: ReadFile): Promise<OpenedCheckpoint> {
	const folder = await openFolder(read);
	const { config, tokenizer } = await readTexts(folder); // an unsupported model fails here, before its weights are downloaded
	const { tensors, sha256 } = await openWeights(folder.open, folder.openIfThere);
	checkedNames(config, tensors);
	const parameterCount = [...tensors.values()].reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);
	return { config, tokenizer, tensors, parameterCount, sha256 };
}

/** What a folder says without its weights: what the model is, and its tokenizer. @throws as loadCheckpoint */
export const loadTokenizer = async (read: ReadFile): Promise<{ config: ModelConfig; tokenizer: Tokenizer }> =>
	readTexts(await openFolder(read));

async function readTexts({ open, openIfThere }: OpenFolder): Promise<{ config: ModelConfig; tokenizer: Tokenizer }> {
	const readVerified = async (name: string) => wholeFile(await open(name));
	const readIfThere = async (name: string) => {
		const file = await openIfThere(name);
		return file && wholeFile(file);
	};

	const configJson = parseJson('config.json', await readVerified('config.json'));
	const config = parseModelConfig(configJson);
	const generationConfig = await readIfThere('generation_config.json');
	const chatTemplate = await readIfThere('chat_template.jinja');
	const tokenizer = createTokenizer({
		tokenizer: parseJson('tokenizer.json', await readVerified('tokenizer.json')),
		tokenizerConfig: parseJson('tokenizer_config.json', await readVerified('tokenizer_config.json')),
		config: configJson,
		...(generationConfig && { generationConfig: parseJson('generation_config.json', generationConfig) }),
		...(chatTemplate && { chatTemplate: new TextDecoder().decode(chatTemplate) }),
	});
	return { config, tokenizer };
}

/** The weights of a folder, each file of which is checked against `manifest.json` when it has one: they stay in their files. @throws CheckpointError, MissingFileError */
export async function openFolderWeights(read: ReadFile): Promise<StoredWeights> {
	const { open, openIfThere } = await openFolder(read);
	return openWeights(open, openIfThere);
}

type OpenFolder = Awaited<ReturnType<typeof openFolder>>;

/** How the files of a folder are opened, each checked against `manifest.json` when the folder has one. @throws CheckpointError */
export async function openFolder(read: ReadFile) {
	const manifest = await readManifest(read);
	return {
		open: async (name: string) => verify(name, await read(name), manifest),
		openIfThere: async (name: string) => {
			if (manifest && !manifest.has(name)) return undefined; // no request for what is known not to be there
			const file = await readOptional(read, name);
			return file && verify(name, file, manifest);
		},
	};
}

/** The one file where there is one, as transformers chooses, or else the shards. */
async function openWeights(
	open: (name: string) => Promise<Uint8Array | PartedFile>,
	openIfThere: (name: string) => Promise<Uint8Array | PartedFile | undefined>,
): Promise<StoredWeights> {
	const file = await openIfThere('model.safetensors');
	if (file) {
		const { tensors } = await openSafetensors(inParts(file));
		return { tensors, sha256: await hashOf(file) };
	}
	const index = await openIfThere(SHARD_INDEX);
	if (index) return readShards(parseShardIndex(await wholeFile(index)), async (name) => hashed(await open(name)));
	throw new MissingFileError(
		`There is no model.safetensors in the folder, and no ${SHARD_INDEX} that would name its shards: one of them has to be there. Other formats (.bin, .gguf) are not read`,
	);
}

/** Files of a folder by their names, each checked against `manifest.json` when the folder has one. @throws CheckpointError, MissingFileError */
export async function readFolder<Name extends string>(read: ReadFile, names: readonly Name[]): Promise<Record<Name, Uint8Array>> {
	const manifest = await readManifest(read);
	const entries = names.map(async (name) => [name, await wholeFile(await verify(name, await read(name), manifest))] as const);
	return Object.fromEntries(await Promise.all(entries)) as Record<Name, Uint8Array>;
}

async function readManifest(read: ReadFile): Promise<Map<string, FileRecord> | undefined> {
	const file = await readOptional(read, 'manifest.json');
	return file && parseManifest(await wholeFile(file));
}

/**
 * Reads files below `baseUrl` by fetch. `onBytes` hears the bytes of all files together as they arrive,
 * and how many the files begun so far have (null when a server does not say).
 */
export function fetchFrom(
	baseUrl: string,
	onBytes?: (loaded: number, total: number | null) => void,
): (name: string) => Promise<Uint8Array<ArrayBuffer>> {
	let loaded = 0;
	let total: number | null = 0;
	return async (name) => {
		const url = `${baseUrl.replace(/\/$/, '')}/${name}`;
		const response = await fetch(url).catch((error: unknown) => {
			throw new CheckpointError(`${url}: no answer (${(error as Error).message}). Is the server running and the machine online?`);
		});
		// A server for one-page apps answers 200 with its page for whatever it does not have.
		const isPage = response.ok && (response.headers.get('content-type') ?? '').startsWith('text/html');
		if (response.status === 404 || isPage)
			throw new MissingFileError(`${url}: there is no such file (${isPage ? 'a web page' : 'status 404'} came back)`);
		if (!response.ok || !response.body)
			throw new CheckpointError(`${url}: the server answered with status ${response.status} ${response.statusText}`);

		const announced = Number.parseInt(response.headers.get('content-length') ?? '', 10);
		const size = Number.isNaN(announced) || response.headers.has('content-encoding') ? null : announced;
		total = total === null || size === null ? null : total + size;
		const bytes = await readBody(url, response.body, (chunkBytes) => onBytes?.((loaded += chunkBytes), total));
		// Other origins hide content-encoding, so what they announced may be the compressed length: a hint, never a check.
		if (total !== null && size !== null) total += bytes.length - size;
		return bytes;
	};
}

async function readBody(url: string, body: ReadableStream<Uint8Array>, onChunk: (bytes: number) => void): Promise<Uint8Array<ArrayBuffer>> {
	const chunks: Uint8Array[] = [];
	let received = 0;
	const reader = body.getReader();
	for (;;) {
		const { done, value } = await reader.read().catch((error: unknown) => {
			throw new CheckpointError(`${url}: the download broke off after ${received} bytes (${(error as Error).message})`);
		});
		if (done) break;
		chunks.push(value);
		received += value.length;
		onChunk(value.length);
	}
	const bytes = new Uint8Array(received);
	let offset = 0;
	for (const chunk of chunks) {
		bytes.set(chunk, offset);
		offset += chunk.length;
	}
	return bytes;
}

async function verify(
	name: string,
	file: Uint8Array | PartedFile,
	manifest: Map<string, FileRecord> | undefined,
): Promise<Uint8Array | PartedFile> {
	const record = manifest?.get(name);
	if (!record) return file;
	const actual = await hashOf(file);
	if (actual === record.sha256) return file instanceof Uint8Array ? file : hashed(file, actual);
	const bytes = file instanceof Uint8Array ? file.length : file.size;
	throw new CheckpointError(
		`${name} is not the file that manifest.json describes: ${bytes} bytes with SHA-256 ${actual}, expected ${record.bytes} with ${record.sha256}. Load it again, or rebuild the folder`,
	);
}

/** Of bytes in memory natively, of a file in parts, and of one whose hash is known not again. */
async function hashOf(file: Uint8Array | PartedFile): Promise<string> {
	if (file instanceof Uint8Array) return sha256(file as Uint8Array<ArrayBuffer>);
	return file.sha256 ?? sha256OfFile(file);
}

async function hashed(file: Uint8Array | PartedFile, known?: string): Promise<HashedFile> {
	const parts = inParts(file);
	return { size: parts.size, slice: (begin, end) => parts.slice(begin, end), sha256: known ?? (await hashOf(file)) };
}

async function readOptional(read: ReadFile, name: string): Promise<Uint8Array | PartedFile | undefined> {
	try {
		return await read(name);
	} catch (error) {
		if (isMissing(error)) return undefined;
		throw error;
	}
}

function parseManifest(bytes: Uint8Array): Map<string, FileRecord> {
	const result = v.safeParse(Manifest, parseJson('manifest.json', bytes));
	if (result.success) return new Map(result.output.files.map((file) => [file.path, file]));
	const [issue] = result.issues;
	throw new CheckpointError(`manifest.json: ${v.getDotPath(issue) ?? 'the file'}: ${issue.message}`);
}

function parseJson(name: string, bytes: Uint8Array): unknown {
	try {
		return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
	} catch (error) {
		throw new CheckpointError(`${name} is not JSON: ${(error as Error).message}`);
	}
}
