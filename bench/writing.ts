/**
 * `npm run bench -- writing`: answers of the organism to 1, 4 and 16 prompts in one batch, and what a GPU is told for each token.
 *
 * The batches take turns, so that a machine that slows down slows all of them. The prompts are read before anything is written, and reading grows
 * with their number, so its time stands apart: it is that of answers of one token.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import * as tf from '@tensorflow/tfjs-core';

import { startBackend } from '$lib/model/backend';
import type { Checkpoint } from '$lib/model/checkpoint';
import { generate } from '$lib/model/generate';
import { drawTokens } from '$lib/model/kernels/drawTokens';
import { readProgress } from '$lib/model/kernels/progress';
import { repeated } from '$lib/model/kernels/replay';
import { disposeCache, extend, prefill } from '$lib/model/keyValueCache';
import { median } from '$lib/model/timing';
import { consciencePrompts } from '$world/index';

import { loadFolder } from '../cli/checkpoints';
import { record, total } from './dispatches';
import { processor, today, writeReport } from './report';

const { values } = parseArgs({
	options: {
		rounds: { type: 'string', default: '7' },
		backend: { type: 'string' },
		out: { type: 'string', default: 'bench/results/writing.json' },
	},
});
const BACKENDS = ['wasm', 'webgpu'] as const;
const PROMPTS = [1, 4, 16];
const TOKENS = 32;
const SAMPLING = { temperature: 0.8, topP: 1 };

interface Row {
	backend: string;
	prompts: number;
	/** Of prompts read and answers written, with the range over the rounds. */
	'tokens/s': number;
	from: number;
	to: number;
	'ms to read': number;
	'ms a token of all': number;
}

interface Measured {
	adapter: string | null;
	rows: Row[];
	/** What a GPU is told for one token of one row; null without a GPU. */
	token: { dispatches: Record<string, number>; 'ms made anew': number; 'ms told again': number } | null;
}

const promptsOf = ({ tokenizer }: Checkpoint, count: number): number[][] =>
	consciencePrompts()
		.slice(0, count)
		.map((content) => tokenizer.chat([{ role: 'user', content }], { addGenerationPrompt: true }));

/** Milliseconds of answers of so many tokens, none of which stops before. */
async function timed(checkpoint: Checkpoint, count: number, maxNewTokens: number): Promise<number> {
	const prompts = promptsOf(checkpoint, count);
	const start = performance.now();
	await generate(checkpoint.model, null, prompts, {
		sampling: { ...SAMPLING, maxNewTokens },
		stopTokens: [],
		seeds: prompts.map((_, i) => i),
	});
	return performance.now() - start;
}

async function measureRows(checkpoint: Checkpoint, backend: string, rounds: number): Promise<Row[]> {
	const times = PROMPTS.map(() => ({ reading: [] as number[], all: [] as number[] }));
	for (let round = 0; round <= rounds; round++) {
		for (const [i, count] of PROMPTS.entries()) {
			const [reading, all] = [await timed(checkpoint, count, 1), await timed(checkpoint, count, TOKENS)];
			if (round === 0) continue; // the warm-up
			times[i]!.reading.push(reading);
			times[i]!.all.push(all);
		}
	}
	return times.map(({ reading, all }, i) => {
		const rate = (ms: number) => Number(((PROMPTS[i]! * TOKENS * 1000) / ms).toPrecision(3));
		const [read, whole] = [median(reading), median(all)];
		return {
			...{ backend, prompts: PROMPTS[i]!, 'tokens/s': rate(whole), from: rate(Math.max(...all)), to: rate(Math.min(...all)) },
			...{ 'ms to read': Number(read.toFixed(1)), 'ms a token of all': Number(((whole - read) / (TOKENS - 1)).toFixed(2)) },
		};
	});
}

/** What one token of one row costs the processor on a GPU's behalf: the median of 20 tokens made anew, and of 20 told again. */
async function measureToken(checkpoint: Checkpoint): Promise<NonNullable<Measured['token']>> {
	const { model } = checkpoint;
	const points = tf.zeros<tf.Rank.R2>([1, 48]);
	const { cache, scores, hidden } = prefill(model, promptsOf(checkpoint, 1), 48);
	drawTokens(cache.progress, scores, points, SAMPLING);
	let written = 1;
	const write = () => tf.tidy(() => drawTokens(cache.progress, extend(model, cache, written).scores, points, SAMPLING));
	const times = async (run: () => void): Promise<number> => {
		const milliseconds: number[] = [];
		for (let i = 0; i < 20; i++, written++) {
			const start = performance.now();
			run();
			milliseconds.push(performance.now() - start);
			await readProgress(cache.progress);
		}
		return Number(median(milliseconds).toFixed(2));
	};
	const { dispatches } = await record(async () => {
		write();
		await readProgress(cache.progress);
	});
	written++;
	const made = await times(write);
	const again = repeated(write);
	const told = await times(() => again.run());
	again.free();
	disposeCache(cache);
	tf.dispose([points, scores, hidden]);
	return { dispatches, 'ms made anew': made, 'ms told again': told };
}

/** One backend, in a process of its own; null where it can't be started. */
function measureApart(backend: string): Measured | null {
	const args = ['--import', 'tsx', fileURLToPath(import.meta.url), '--backend', backend, '--rounds', values.rounds];
	const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
	if (status === 0) return JSON.parse(stdout.trim().split('\n').at(-1)!) as Measured;
	console.error(`${backend} was not measured:\n${stderr.slice(-1000)}`);
	return null;
}

if (values.backend) {
	const { adapter, name } = await startBackend(values.backend as (typeof BACKENDS)[number]);
	const checkpoint = await loadFolder('organism');
	const rows = await measureRows(checkpoint, name, Number(values.rounds));
	console.log(JSON.stringify({ adapter, rows, token: name === 'webgpu' ? await measureToken(checkpoint) : null } satisfies Measured));
	process.exit(0);
}
const measured = BACKENDS.map(measureApart).filter((one) => one !== null);
const rows = measured.flatMap((one) => one.rows);
const token = measured.find((one) => one.token)?.token ?? null;
const rateOf = (backend: string, prompts: number) => rows.find((row) => row.backend === backend && row.prompts === prompts)?.['tokens/s'];
const ratios = BACKENDS.map((backend) => ({
	backend,
	'16 / 1': Number(((rateOf(backend, 16) ?? Number.NaN) / (rateOf(backend, 1) ?? Number.NaN)).toPrecision(3)) || null,
}));
console.table(rows);
console.table(ratios);
if (token)
	console.log(
		`A token of one row: ${total(token.dispatches)} dispatches, ${token['ms made anew']} ms to make, ${token['ms told again']} ms to tell again`,
	);
writeReport(values.out, {
	what: `Answers of ${TOKENS} tokens by the organism to ${PROMPTS.join(', ')} prompts in one batch, reading included; what a GPU is told for a token.`,
	how: `${values.rounds} rounds after one of warm-up, the batches in turn, a process for each backend: the median, and the range. A batch gains on one prompt by what a token costs however many rows it has, which is operations and dispatches: the fewer they take, the faster is one prompt, and the smaller the ratio. What bounds it above is arithmetic, two operations for each of the model's numbers and each row, read or written.`,
	...{ date: today(), processor: processor(), adapter: measured.find(({ adapter }) => adapter)?.adapter ?? null },
	...{ rows, ratios, token: token && { ...token, dispatches: total(token.dispatches), 'dispatches by name': token.dispatches } },
});
