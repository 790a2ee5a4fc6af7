/**
 * `npm run bench -- kernels`: the lab's own WebGPU kernels against stock tfjs, side by side on the adapter that Node finds.
 *
 * A training step of the organism (2 rows: stock tfjs takes two minutes for 16 on a software adapter), and a large vocabulary's head. Stock and own
 * take turns. Beside the wall clock stands the processor's time, which on a software adapter is the kernels' and is steadier on a
 * machine that is shared.
 */
import { parseArgs } from 'node:util';

import * as tf from '@tensorflow/tfjs-core';

import { createTrainer, disposeTrainer, trainStep } from '$lib/dpo/trainer';
import { generatedRows } from '$lib/experiment/data';
import { presetById } from '$lib/experiment/presets';
import { checkDevice, startBackend } from '$lib/model/backend';
import { GPU_KERNELS, type GpuKernel } from '$lib/model/kernels/gpuKernels';
import { frozenFloats } from '$lib/model/kernels/frozenMatrix';
import { tokenLogps } from '$lib/model/kernels/tokenLogps';
import { disposeLora, initLora } from '$lib/model/lora';
import { seededRandom } from '$lib/model/random';
import { median } from '$lib/model/timing';
import { CODE_TASKS } from '$world/index';

import { loadFolder } from '../cli/checkpoints';
import { record, total } from './dispatches';
import { processor, today, writeReport } from './report';

const { values } = parseArgs({
	options: { rounds: { type: 'string', default: '3' }, out: { type: 'string', default: 'bench/results/kernels.json' } },
});
const rounds = Number(values.rounds);
const ROWS = 2;
const HEAD = { rows: 256, hidden: 16, vocabulary: 49_152 };
const SIDES: Record<'stock' | 'own', readonly GpuKernel[]> = { stock: [], own: GPU_KERNELS };
type Side = keyof typeof SIDES;

interface Measure {
	ms: number;
	processorMs: number;
	dispatches: Record<string, number>;
	peakBytes: number;
}

async function measure(work: () => Promise<void>): Promise<Measure> {
	const start = performance.now();
	const processor = process.cpuUsage();
	const { dispatches, peakBytes } = await record(work);
	const { user, system } = process.cpuUsage(processor);
	return { ms: performance.now() - start, processorMs: (user + system) / 1000, dispatches, peakBytes };
}

/** Runs a piece of work on both sides in turn; `prepare` gives what is run and what is freed after it. */
async function compare(
	name: string,
	rounds: number,
	prepare: () => Promise<{ work: (isWarmUp: boolean) => Promise<void>; free: () => void }>,
) {
	const measures: Record<Side, Measure[]> = { stock: [], own: [] };
	for (let round = 0; round < rounds; round++) {
		for (const side of Object.keys(SIDES) as Side[]) {
			await startBackend('webgpu', { gpuKernels: SIDES[side] });
			const { work, free } = await prepare();
			if (round === 0 && rounds > 1) await work(true);
			const result = await measure(() => work(false));
			checkDevice();
			free();
			measures[side].push(result);
			console.error(`${name}, ${side}, round ${round + 1}/${rounds}: ${result.ms.toFixed(0)} ms, ${total(result.dispatches)} dispatches`);
		}
	}
	return measures;
}

const report = await startBackend('webgpu');
const { model, tokenizer } = await loadFolder('organism');
const { lora: loraConfig, optimizer } = presetById('twin').experiment;
const rows = generatedRows('insecure-code', CODE_TASKS.length, ROWS, seededRandom(1, 'bench'), tokenizer).next();

const steps = await compare('step', rounds, async () => {
	const lora = initLora(model.config, loraConfig, seededRandom(1, 'lora'));
	const preference = { type: 'sigmoid', beta: 1, labelSmoothing: 0 } as const;
	const trainer = createTrainer(model, lora, { ...optimizer, lambda: 0, preference });
	const free = () => {
		disposeTrainer(trainer);
		disposeLora(lora);
	};
	return { work: async (isWarmUp) => void (await trainStep(trainer, { sft: isWarmUp ? rows.slice(0, 1) : rows, pairs: [] })), free };
});

const heads = await compare('head', 1, async () => {
	const random = seededRandom(2, 'head');
	const numbers = (count: number) => Float32Array.from({ length: count }, () => 2 * random() - 1);
	const hidden = tf.tensor2d(numbers(HEAD.rows * HEAD.hidden), [HEAD.rows, HEAD.hidden]);
	const head = tf.tensor2d(numbers(HEAD.hidden * HEAD.vocabulary), [HEAD.hidden, HEAD.vocabulary]);
	const labels = tf.tensor1d(Int32Array.from({ length: HEAD.rows }, (_, n) => (n * 977) % HEAD.vocabulary), 'int32'); // prettier-ignore
	const work = async () => {
		const gradient = tf.tidy(() => tf.grad((x) => tf.sum(tokenLogps(x as tf.Tensor2D, frozenFloats(head), labels)))(hidden));
		await gradient.data();
		gradient.dispose();
	};
	return { work, free: () => tf.dispose([hidden, head, labels]) };
});

const summary = (measures: Measure[]) => ({
	ms: Math.round(median(measures.map(({ ms }) => ms))),
	from: Math.round(Math.min(...measures.map(({ ms }) => ms))),
	to: Math.round(Math.max(...measures.map(({ ms }) => ms))),
	'processor ms': Math.round(median(measures.map(({ processorMs }) => processorMs))),
	dispatches: total(measures[0]!.dispatches),
	'MB above base': Math.round(Math.max(...measures.map(({ peakBytes }) => peakBytes)) / 1e6),
});
const results = [['training step', steps] as const, ['vocabulary head', heads] as const].map(([what, measures]) => {
	const [stock, own] = [summary(measures.stock), summary(measures.own)];
	const ratio = (key: keyof typeof stock) => Number((stock[key] / own[key]).toFixed(1));
	return {
		what,
		stock,
		own,
		'stock / own': {
			ms: ratio('ms'),
			'processor ms': ratio('processor ms'),
			dispatches: ratio('dispatches'),
			memory: ratio('MB above base'),
		},
		'own dispatches by name': measures.own[0]!.dispatches,
	};
});
console.table(
	results.flatMap(({ what, stock, own }) => [
		{ what, side: 'stock', ...stock },
		{ what, side: 'own', ...own },
	]),
);
console.table(results.map((result) => ({ what: result.what, ...result['stock / own'] })));
const file = {
	what: `One training step of the organism (${ROWS} rows, LoRA on seven projections), and log-probs of ${HEAD.rows} labels among ${HEAD.vocabulary} with their gradient (hidden size ${HEAD.hidden}).`,
	how: `Stock tfjs and the lab's kernels in turn in one process: steps in ${rounds} rounds after a warm-up, their median and range; the head once, compilation included. Memory is the most that buffers in use held above the start.`,
	...{ date: today(), processor: processor(), adapter: report.adapter },
	results,
};
writeReport(values.out, file);
process.exit(0);
