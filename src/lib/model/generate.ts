import * as tf from '@tensorflow/tfjs-core';

import { checkDevice } from './backend';
import { bucketRows, MAX_CACHE_BYTES } from './batch';
import { yieldToEvents } from './eventLoop';
import { readsProgress } from './kernels/cacheAttention';
import { drawTokens } from './kernels/drawTokens';
import { NOTED, noteDraws, readNotes, startNotes } from './kernels/noteDraws';
import { readProgress, WRITTEN } from './kernels/progress';
import { repeated, type Repeated } from './kernels/replay';
import { type Ahead, cacheSlots, disposeCache, extend, type KeyValueCache, prefill, takeRows } from './keyValueCache';
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
	/** Where they were asked for. */
	draws?: DrawMeans;
}

/**
 * What the tokens of an answer were drawn from, as means over its draws, the one that ended it included. They are by-products of writing it: no
 * token is read for them.
 */
export interface DrawMeans {
	/** log p of the drawn token under the model's own distribution (temperature 1), in nats. */
	logp: number;
	/** Of that distribution, in nats. */
	entropy: number;
	/** Of the states behind the final norm on the line that was given. */
	position: number;
}

/** A line through the states behind the final norm, with a scale on it: h lies at h·direction + offset. */
export interface Line {
	direction: Float32Array; // [D]
	offset: number;
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
	/** The draws are noted, and where their states lie on this line. */
	noteOn?: Line;
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
	/** What is noted of their draws, and along which direction; null where nothing is. */
	notes: { table: tf.Tensor2D; direction: tf.Tensor1D } | null;
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
	let batch = begin(model, rows, options);
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
			if (rows.every((row) => row.finished)) return await sumUp(batch, options);
			await yieldToEvents();
			signal?.throwIfAborted();
			const kept = rowsToKeep(batch.rows);
			if (!kept) continue;
			await sumUp(batch, options);
			writer?.free();
			writer = null;
			batch = keepRows(batch, kept);
		}
	} finally {
		await Promise.allSettled(readings.map(({ progress }) => progress));
		writer?.free();
		disposeCache(batch.cache);
		disposeRest(batch);
	}
}

function disposeRest({ points, notes }: Batch): void {
	tf.dispose([points, ...(notes ? [notes.table, notes.direction] : [])]);
}

/** Reads the prompts of a batch and draws the first token of each. */
function begin(model: Model, rows: Row[], { sampling, noteOn }: GenerateOptions): Batch {
	const { maxNewTokens, temperature } = sampling;
	const prompts = rows.map((row) => row.prompt);
	const points = tf.tensor2d(
		Float32Array.from(rows.flatMap(({ random }) => Array.from({ length: maxNewTokens }, () => (temperature === 0 ? 0 : random())))),
		[rows.length, maxNewTokens],
	);
	const { cache, ...ahead } = prefill(model, prompts, maxNewTokens);
	const notes = noteOn ? { table: startNotes(rows.length, maxNewTokens), direction: tf.tensor1d(noteOn.direction) } : null;
	const batch = { rows, cache, points, notes };
	draw(batch, ahead, sampling);
	tf.dispose([ahead.scores, ahead.hidden]);
	return batch;
}

/** Draws a token for each row, and notes what it was drawn from. */
function draw({ cache: { progress }, points, notes }: Batch, { scores, hidden }: Ahead, sampling: Sampling): void {
	drawTokens(progress, scores, points, sampling);
	if (notes) noteDraws(notes.table, progress, scores, hidden, notes.direction);
}

/** Gives each row of a batch that has written so many tokens its next one, over and over. */
function repeatedWriting(model: Model, batch: Batch, sampling: Sampling, written: number): Repeated {
	const write = (count: number) => tf.tidy(() => draw(batch, extend(model, batch.cache, count), sampling));
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

/** Gives each finished row the means over its draws; what it has drawn behind its stop token is left out. */
async function sumUp({ rows, notes }: Batch, { noteOn }: GenerateOptions): Promise<void> {
	if (!notes || !noteOn) return;
	const values = await readNotes(notes.table);
	const width = values.length / rows.length;
	rows.forEach(({ finished, generation }, row) => {
		if (!finished || generation.draws) return;
		const draws = generation.ids.length + (generation.finish === 'stop' ? 1 : 0);
		const mean = (of: number) =>
			Array.from({ length: draws }, (_, i) => values[row * width + NOTED * i + of]!).reduce((sum, value) => sum + value, 0) / draws;
		generation.draws = { logp: mean(0), entropy: mean(1), position: mean(2) + noteOn.offset };
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
function keepRows({ rows, cache, points, notes }: Batch, kept: readonly number[]): Batch {
	const take = (table: tf.Tensor2D): tf.Tensor2D => {
		const taken = tf.tidy(() => tf.gather(table, tf.tensor1d([...kept], 'int32')));
		table.dispose();
		return taken;
	};
	const left = { points: take(points), notes: notes && { ...notes, table: take(notes.table) } };
	return { rows: kept.map((i) => rows[i]!), cache: takeRows(cache, kept), ...left };
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
