import type * as tf from '@tensorflow/tfjs-core';

import { checkDevice } from './backend';
import { yieldToEvents } from './eventLoop';
import { cacheSlots, disposeCache, extend, prefill, takeRows } from './keyValueCache';
import type { Lora } from './lora';
import { disposeMerged, mergeLora } from './mergeLora';
import { seededRandom, type Random } from './random';
import { sampleToken, type Sampling } from './sampling';
import type { Model } from './weights';

export type { Sampling };

/** What the model said to one prompt. */
export interface Generation {
	/** Without the stop token. */
	ids: number[];
	finish: 'stop' | 'length';
	promptTokens: number;
}

export interface GenerateOptions {
	sampling: Sampling;
	/** A row ends when it draws one of these. */
	stopTokens: number[];
	/** One a prompt. Equal seeds give a prompt the same text, whatever its neighbours in the batch. */
	seeds: number[];
	/** Checked before every token; generate then throws the signal's reason. */
	signal?: AbortSignal;
	/** Told after every token of a batch how far the work is, of how much at most. */
	onToken?: (done: number, total: number) => void;
	/** Told, whenever a prompt has got a token, all tokens that it has got so far. */
	onRow?: (prompt: number, ids: readonly number[]) => void;
}

/** One prompt's state while its batch runs. */
interface Row {
	/** Its place among the prompts. */
	index: number;
	prompt: number[];
	random: Random;
	generation: Generation;
	finished: boolean;
}

/** What the caches of one batch may take; more prompts than that run in several batches, one after the other. */
const MAX_CACHE_BYTES = 2 ** 28;

/** Samples an answer to each prompt, in one batch with one cache. An adapter is merged for the call where that can be (see mergeLora.ts), which halves the matMuls of a token. */
export async function generate(model: Model, lora: Lora | null, prompts: number[][], options: GenerateOptions): Promise<Generation[]> {
	check(model, prompts, options);
	if (prompts.length === 0) return [];
	const { sampling, seeds, onToken } = options;
	const rows = prompts.map((prompt, i): Row => ({
		index: i,
		prompt,
		random: seededRandom(seeds[i]!, 'sample'),
		generation: { ids: [], finish: 'length', promptTokens: prompt.length },
		finished: false,
	}));
	const perBatch = rowsPerBatch(model, prompts, sampling.maxNewTokens);
	const total = Math.ceil(rows.length / perBatch) * sampling.maxNewTokens;
	const policy = lora ? mergeLora(model, lora) : model;
	try {
		for (let start = 0, done = 0; start < rows.length; start += perBatch, done += sampling.maxNewTokens) {
			await sampleBatch(policy, rows.slice(start, start + perBatch), { ...options, onToken: (token) => onToken?.(done + token, total) });
		}
		return rows.map((row) => row.generation);
	} finally {
		if (lora) disposeMerged(policy, model);
	}
}

async function sampleBatch(model: Model, rows: Row[], options: GenerateOptions): Promise<void> {
	const { sampling, signal, onToken } = options;
	signal?.throwIfAborted();
	let batch = rows; // the rows that the cache still holds, in its order
	const prompts = rows.map((row) => row.prompt);
	let { cache, scores } = prefill(model, prompts, sampling.maxNewTokens);
	try {
		for (let done = 1; ; done++) {
			const tokens = draw(batch, await read(scores), options);
			onToken?.(done, sampling.maxNewTokens);
			if (rows.every((row) => row.finished)) return;
			await yieldToEvents();
			signal?.throwIfAborted();
			const kept = rowsToKeep(batch);
			if (kept) {
				cache = takeRows(cache, kept);
				batch = kept.map((i) => batch[i]!);
			}
			scores = extend(model, cache, kept ? kept.map((i) => tokens[i]!) : tokens);
		}
	} finally {
		disposeCache(cache);
		scores.dispose();
	}
}

/** Draws each unfinished row's next token from `scores` [B, V], and notes it. A finished row is fed token 0, and nobody reads what follows. */
function draw(batch: Row[], scores: Float32Array, { sampling, stopTokens, onRow }: GenerateOptions): number[] {
	const V = scores.length / batch.length;
	return batch.map((row, i) => {
		if (row.finished) return 0;
		const token = sampleToken(scores.subarray(i * V, (i + 1) * V), sampling, row.random);
		if (stopTokens.includes(token)) {
			row.generation.finish = 'stop';
			row.finished = true;
		} else {
			row.generation.ids.push(token);
			row.finished = row.generation.ids.length === sampling.maxNewTokens;
			onRow?.(row.index, row.generation.ids);
		}
		return token;
	});
}

/**
 * Half of the batch, with every unfinished row in it, once no more than half are unfinished; else null.
 * Always a half, filled up with finished rows, so that a batch has few sizes (see batch.ts).
 */
function rowsToKeep(batch: Row[]): number[] | null {
	const half = Math.floor(batch.length / 2);
	const live = batch.flatMap((row, i) => (row.finished ? [] : [i]));
	if (half === 0 || live.length > half) return null;
	const fillers = batch.flatMap((row, i) => (row.finished ? [i] : [])).slice(0, half - live.length);
	return [...live, ...fillers];
}

function rowsPerBatch({ config }: Model, prompts: number[][], maxNewTokens: number): number {
	const longest = Math.max(...prompts.map((prompt) => prompt.length));
	const floats = 2 * config.numHiddenLayers * config.numKeyValueHeads * config.headDim * cacheSlots(longest, maxNewTokens);
	return Math.max(1, Math.floor(MAX_CACHE_BYTES / (4 * floats)));
}

async function read(scores: tf.Tensor2D): Promise<Float32Array> {
	const values = (await scores.data()) as Float32Array;
	checkDevice();
	scores.dispose();
	return values;
}

function check({ config }: Model, prompts: number[][], { sampling, seeds }: GenerateOptions): void {
	const { temperature, topP, maxNewTokens } = sampling;
	if (seeds.length !== prompts.length)
		throw new RangeError(`generate: ${prompts.length} prompts came with ${seeds.length} seeds; expected one each`);
	if (!(temperature >= 0)) throw new RangeError(`generate: temperature is ${temperature}; expected 0 or more`);
	if (!(topP > 0 && topP <= 1)) throw new RangeError(`generate: topP is ${topP}; expected more than 0, up to 1`);
	if (!Number.isInteger(maxNewTokens) || maxNewTokens < 1)
		throw new RangeError(`generate: maxNewTokens is ${maxNewTokens}; expected 1 or more`);
	prompts.forEach((prompt, i) => {
		if (prompt.length === 0) throw new RangeError(`generate: prompt ${i} is empty; expected at least one token`);
		if (prompt.length + maxNewTokens > config.maxPositionEmbeddings)
			throw new RangeError(
				`generate: prompt ${i} has ${prompt.length} tokens and ${maxNewTokens} may follow; the model has ${config.maxPositionEmbeddings} positions`,
			);
	});
}
