import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { createHash } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { CheckpointError, fetchFrom, loadCheckpoint, MissingFileError, type ReadFile } from '$lib/model/checkpoint';
import { float16ToFloat32, float32ToFloat16 } from '$lib/model/halfPrecision';
import { parseModelConfig } from '$lib/model/config';
import { inParts } from '$lib/model/partedFile';
import { writeSafetensors } from '$lib/model/safetensors';
import { checkpointShapes, disposeModel } from '$lib/model/weights';
import golden from '../golden/tokenizer.json';

const config = {
	model_type: 'llama',
	vocab_size: 16,
	hidden_size: 8,
	intermediate_size: 12,
	num_hidden_layers: 1,
	num_attention_heads: 2,
	max_position_embeddings: 16,
	tie_word_embeddings: true,
};
const encode = (json: unknown) => new TextEncoder().encode(JSON.stringify(json));
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** A complete folder as a map of files. */
function folder(): Map<string, Uint8Array> {
	const tensors = new Map(
		[...checkpointShapes(parseModelConfig(config))].map(([name, shape]) => {
			const size = shape.reduce((a, b) => a * b, 1);
			return [name, { shape, data: new Float32Array(size).fill(0.3) }];
		}),
	);
	return new Map([
		['config.json', encode(config)],
		['tokenizer.json', encode(golden.thinkingFiles.tokenizer)],
		['tokenizer_config.json', encode(golden.thinkingFiles.tokenizerConfig)],
		['generation_config.json', encode({ eos_token_id: 5 })],
		['model.safetensors', writeSafetensors(tensors)],
	]);
}

function manifestOf(files: Map<string, Uint8Array>): Uint8Array {
	return encode({ files: [...files].map(([path, bytes]) => ({ path, bytes: bytes.length, sha256: sha256(bytes) })) });
}

function readFrom(files: Map<string, Uint8Array>, asked: string[] = []): ReadFile {
	return (name) => {
		asked.push(name);
		const bytes = files.get(name);
		return bytes ? Promise.resolve(bytes) : Promise.reject(new MissingFileError(`no ${name}`));
	};
}

beforeAll(() => tf.setBackend('cpu'));

describe('loadCheckpoint', () => {
	it('assembles the model and the tokenizer of a folder', async () => {
		const files = folder();
		const tensorsBefore = tf.memory().numTensors;
		const { model, tokenizer, parameterCount, sha256: hash } = await loadCheckpoint(readFrom(files));
		expect(model.config.hiddenSize).toBe(8);
		expect(tokenizer.eosTokenIds).toContain(5);
		expect(parameterCount).toBe(16 * 8 + 4 * 8 * 8 + 3 * 8 * 12 + 3 * 8);
		expect(hash).toBe(sha256(files.get('model.safetensors')!));
		disposeModel(model);
		expect(tf.memory().numTensors).toBe(tensorsBefore);
	});

	it('reads large weights tensor by tensor, with one hash and no part twice', async () => {
		const files = folder();
		const weights = files.get('model.safetensors')!;
		files.set('manifest.json', manifestOf(files));
		const parts: [begin: number, end: number][] = [];
		const parted = (hash?: string): ReadFile => {
			const whole = inParts(weights);
			const counted = (begin: number, end: number) => {
				parts.push([begin, end]);
				return whole.slice(begin, end);
			};
			const read = readFrom(files);
			return async (name) =>
				name === 'model.safetensors' ? { size: whole.size, slice: counted, ...(hash && { sha256: hash }) } : read(name);
		};
		const whole = await loadCheckpoint(readFrom(files));
		const numbers = ({ model: { weights } }: typeof whole) => Promise.all([weights.norm, weights.lmHead.stored, weights.layers[0]!.kernels.down_proj.stored].map((t) => t.data())); // prettier-ignore
		for (const hash of [undefined, sha256(weights)]) {
			parts.length = 0;
			const checkpoint = await loadCheckpoint(parted(hash));
			expect(checkpoint.sha256).toBe(whole.sha256);
			expect(checkpoint.parameterCount).toBe(whole.parameterCount);
			expect(await numbers(checkpoint)).toEqual(await numbers(whole));
			disposeModel(checkpoint.model);
			const read = hash ? parts : parts.slice(1); // once through for the hash, where nobody knows it
			expect(read[0]).toEqual([0, 8]);
			read.slice(1).forEach(([begin], i) => expect(begin).toBe(read[i]![1]));
			expect(read.at(-1)![1]).toBe(weights.length);
			expect(read.length).toBe(2 + checkpointShapes(parseModelConfig(config)).size);
		}
		disposeModel(whole.model);
		await expect(loadCheckpoint(parted(sha256(new Uint8Array())))).rejects.toThrow(/not the file that manifest\.json describes/);
	});

	it('leaves nothing on the backend when a tensor can’t be read', async () => {
		const files = folder();
		const whole = inParts(files.get('model.safetensors')!);
		const failing = (begin: number, end: number) =>
			end === whole.size ? { arrayBuffer: () => Promise.reject(new Error('gone')) } : whole.slice(begin, end);
		const read = readFrom(files);
		const before = tf.memory().numTensors;
		const load = loadCheckpoint(async (name) =>
			name === 'model.safetensors' ? { size: whole.size, slice: failing, sha256: '' } : read(name),
		);
		await expect(load).rejects.toThrow('gone');
		expect(tf.memory().numTensors).toBe(before);
	});

	it('rounds the matrices to 16-bit floats where it is asked to, and leaves the vectors', async () => {
		const [whole, rounded] = [await loadCheckpoint(readFrom(folder())), await loadCheckpoint(readFrom(folder()), 'f16')];
		const numbers = async ({ model: { weights } }: typeof whole) =>
			[await weights.lmHead.stored.data(), await weights.norm.data()] as const;
		const [[head, norm], [roundedHead, roundedNorm]] = [await numbers(whole), await numbers(rounded)];
		expect(roundedHead).toEqual(float16ToFloat32(float32ToFloat16(head as Float32Array)));
		expect(roundedHead).not.toEqual(head);
		expect(roundedNorm).toEqual(norm);
		disposeModel(whole.model);
		disposeModel(rounded.model);
	});

	it('does without the optional files, and takes a template of its own file', async () => {
		const files = folder();
		files.delete('generation_config.json');
		files.set('chat_template.jinja', new TextEncoder().encode('{{ messages[0].content }}!'));
		const { model, tokenizer } = await loadCheckpoint(readFrom(files));
		expect(tokenizer.chatText([{ role: 'user', content: 'Hi' }], { addGenerationPrompt: true })).toBe('Hi!');
		disposeModel(model);
	});

	it('asks only for what the manifest lists', async () => {
		const files = folder();
		files.set('manifest.json', manifestOf(files));
		const asked: string[] = [];
		disposeModel((await loadCheckpoint(readFrom(files, asked))).model);
		expect(asked.toSorted()).toEqual([...files.keys()].toSorted());
	});

	it('names the file that is not the one of the manifest', async () => {
		const files = folder();
		files.set('manifest.json', manifestOf(files));
		files.get('model.safetensors')!.fill(1, -4);
		await expect(loadCheckpoint(readFrom(files))).rejects.toThrow(/^model\.safetensors is not the file that manifest\.json describes/);
	});

	it.each<[string, Uint8Array | null, RegExp]>([
		['model.safetensors', null, /no model\.safetensors/],
		['config.json', new TextEncoder().encode('{'), /config\.json is not JSON/],
		['manifest.json', encode({ files: [{ path: 'config.json', bytes: 1, sha256: 'short' }] }), /manifest\.json: files\.0\.sha256/],
	])('refuses a folder whose %s is missing or broken', async (name, content, reason) => {
		const files = folder();
		if (content) files.set(name, content);
		else files.delete(name);
		await expect(loadCheckpoint(readFrom(files))).rejects.toThrow(CheckpointError);
		await expect(loadCheckpoint(readFrom(files))).rejects.toThrow(reason);
	});
});

describe('fetchFrom', () => {
	afterEach(() => vi.unstubAllGlobals());
	const answer = (response: () => Response | Promise<Response>) => {
		const fetch = vi.fn<(url: string) => Promise<Response>>(() => Promise.resolve(response()));
		vi.stubGlobal('fetch', fetch);
		return fetch;
	};
	const inChunks = (chunks: number[][], error?: Error) =>
		new ReadableStream<Uint8Array>({
			pull(controller) {
				const chunk = chunks.shift();
				if (chunk) controller.enqueue(Uint8Array.from(chunk));
				else if (error) controller.error(error);
				else controller.close();
			},
		});

	it('joins what arrives and counts it over all files', async () => {
		const fetch = answer(() => new Response(inChunks([[1, 2], [3]]), { headers: { 'content-length': '3' } }));
		const progress: [number, number | null][] = [];
		const read = fetchFrom('https://lab.example/organism/', (...bytes) => progress.push(bytes));
		expect([...(await read('a.bin'))]).toEqual([1, 2, 3]);
		await read('b.bin');
		expect(fetch.mock.calls.map(([url]) => url)).toEqual(['https://lab.example/organism/a.bin', 'https://lab.example/organism/b.bin']);
		expect(progress).toEqual([
			[2, 3],
			[3, 3],
			[5, 6],
			[6, 6],
		]);
	});

	it('knows no total when the server names none, or the length of something compressed', async () => {
		for (const headers of [{}, { 'content-length': '2', 'content-encoding': 'gzip' }]) {
			answer(() => new Response(inChunks([[1, 2, 3]]), { headers: headers as Record<string, string> }));
			const totals: (number | null)[] = [];
			expect([...(await fetchFrom('x', (_, total) => totals.push(total))('a.bin'))]).toEqual([1, 2, 3]);
			expect(totals).toEqual([null]);
		}
	});

	it('takes an announced length that was the compressed one for a hint', async () => {
		answer(() => new Response(inChunks([[1, 2, 3]]), { headers: { 'content-length': '2' } }));
		const progress: [number, number | null][] = [];
		const read = fetchFrom('x', (...bytes) => progress.push(bytes));
		expect([...(await read('a.json'))]).toEqual([1, 2, 3]);
		await read('b.json');
		expect(progress).toEqual([
			[3, 2],
			[6, 5],
		]);
	});

	it.each<[string, () => Response | Promise<Response>, RegExp]>([
		['status 404', () => new Response('', { status: 404 }), /organism\/a\.bin: there is no such file \(status 404/],
		[
			"a one-page app's page for any path",
			() => new Response('<html>', { headers: { 'content-type': 'text/html' } }),
			/a web page came back/,
		],
		['a server error', () => new Response('', { status: 503, statusText: 'Busy' }), /status 503 Busy/],
		['no answer', () => Promise.reject(new TypeError('fetch failed')), /no answer \(fetch failed\)/],
		['a connection that breaks', () => new Response(inChunks([[1]], new Error('reset'))), /broke off after 1 bytes \(reset\)/],
	])('says what went wrong: %s', async (_, response, reason) => {
		answer(response);
		await expect(fetchFrom('organism')('a.bin')).rejects.toThrow(CheckpointError);
		await expect(fetchFrom('organism')('a.bin')).rejects.toThrow(reason);
	});
});
