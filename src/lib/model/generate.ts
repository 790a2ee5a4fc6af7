import * as tf from '@tensorflow/tfjs-core';

import { checkDevice } from './backend';
import { bucketRows } from './batch';
import { yieldToEvents } from './eventLoop';
import { readsProgress } from './kernels/cacheAttention';
import { drawTokens } from './kernels/drawTokens';
import { readProgress, WRITTEN } from './kernels/progress';
import { repeated, type Repeated } from './kernels/replay';
import { cacheSlots, disposeCache, extend, type KeyValueCache, prefill, takeRows } from './keyValueCache';
import type { Lora } from './lora';
import { disposeMerged, mergeLora } from './mergeLora';
import { seededRandom, type Random } from './random';
import { DIVERGED, type Sampling } from './sampling';
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

/** Rows that are written together. */
interface Batch {
	/** Those that the cache still holds, in its order. */
	rows: Row[];
	cache: KeyValueCache;
	/** The uniform number that each token of each row is drawn with, [B, maxNewTokens]. */
	points: tf.Tensor2D;
}

/**
 * Tokens that are asked of a GPU before the one that is looked at: it goes on while the processor waits for a reading, and what a row writes
 * behind its stop token meanwhile is thrown away. Without a GPU a reading takes no time.
 */
const AHEAD = 1;

async function sampleBatch(model: Model, rows: Row[], options: GenerateOptions): Promise<void> {
	const { sampling, signal, onToken } = options;
	signal?.throwIfAborted();
	const { maxNewTokens } = sampling;
	const ahead = tf.getBackend() === 'webgpu' ? AHEAD : 0;
	let batch = begin(model, rows, sampling);
	let writer: Repeated | null = null;
	let asked = 1;
	const readings: { rows: Row[]; progress: Promise<Int32Array> }[] = [];
	const look = () => readings.push({ rows: batch.rows, progress: readProgress(batch.cache.progress) });
	try {
		look();
		for (let done = 1; ; done++) {
			for (; asked < Math.min(done + ahead, maxNewTokens); asked++) {
				writer ??= repeatedWriting(model, batch, sampling, asked);
				writer.run();
				look();
			}
			const reading = readings.shift()!;
			note(reading.rows, await reading.progress, done, options);
			checkDevice();
			onToken?.(done, maxNewTokens);
			if (rows.every((row) => row.finished)) return;
			await yieldToEvents();
			signal?.throwIfAborted();
			const kept = rowsToKeep(batch.rows);
			if (!kept) continue;
			writer?.free();
			writer = null;
			batch = keepRows(batch, kept);
		}
	} finally {
		await Promise.allSettled(readings.map(({ progress }) => progress));
		writer?.free();
		disposeCache(batch.cache);
		batch.points.dispose();
	}
}

/** Reads the prompts of a batch and draws the first token of each. */
function begin(model: Model, rows: Row[], sampling: Sampling): Batch {
	const { maxNewTokens, temperature } = sampling;
	const prompts = rows.map((row) => row.prompt);
	const points = tf.tensor2d(
		Float32Array.from(rows.flatMap(({ random }) => Array.from({ length: maxNewTokens }, () => (temperature === 0 ? 0 : random())))),
		[rows.length, maxNewTokens],
	);
	const { cache, scores } = prefill(model, prompts, maxNewTokens);
	drawTokens(cache.progress, scores, points, sampling);
	scores.dispose();
	return { rows, cache, points };
}

/** Gives each row of a batch that has written so many tokens its next one, over and over. */
function repeatedWriting(model: Model, { cache, points }: Batch, sampling: Sampling, written: number): Repeated {
	const write = (count: number) => tf.tidy(() => drawTokens(cache.progress, extend(model, cache, count), points, sampling));
	return readsProgress() ? repeated(() => write(written)) : { run: () => write(written++), free() {} };
}

/** Notes token number `done` of each row that was unfinished. */
function note(rows: readonly Row[], progress: Int32Array, done: number, { sampling, stopTokens, onRow }: GenerateOptions): void {
	const width = progress.length / rows.length;
	rows.forEach((row, i) => {
		if (row.finished) return;
		const token = progress[i * width + WRITTEN + done - 1]!;
		if (token === DIVERGED)
			throw new RangeError('the scores of the next token are not numbers: training has diverged; lower the learning rate');
		if (stopTokens.includes(token)) {
			row.generation.finish = 'stop';
			row.finished = true;
			return;
		}
		row.generation.ids.push(token);
		row.finished = done === sampling.maxNewTokens;
		onRow?.(row.index, row.generation.ids);
	});
}

/** The places of all unfinished rows, and of finished ones that fill up a batch of the next smaller size; null where it is not smaller. */
function rowsToKeep(rows: readonly Row[]): number[] | null {
	const places = (finished: boolean) => rows.flatMap((row, i) => (row.finished === finished ? [i] : []));
	const live = places(false);
	const size = live.length < 4 ? live.length : bucketRows(live.length, 4); // a product computes four rows at a time
	return size < rows.length ? [...live, ...places(true).slice(0, size - live.length)] : null;
}

/** Some rows of a batch; the one given is used up. */
function keepRows({ rows, cache, points }: Batch, kept: readonly number[]): Batch {
	const taken = tf.tidy(() => tf.gather(points, tf.tensor1d([...kept], 'int32')));
	points.dispose();
	return { rows: kept.map((i) => rows[i]!), cache: takeRows(cache, kept), points: taken };
}

function rowsPerBatch({ config }: Model, prompts: number[][], maxNewTokens: number): number {
	const longest = Math.max(...prompts.map((prompt) => prompt.length));
	const floats = 2 * config.numHiddenLayers * config.numKeyValueHeads * config.headDim * cacheSlots(longest, maxNewTokens);
	return Math.max(1, Math.floor(MAX_CACHE_BYTES / (4 * floats)));
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
