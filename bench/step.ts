/** One engine of `steps.ts`, on so many threads of the processor: trains on the batches of a file and prints the milliseconds of each step after the first. */
import { readFileSync } from 'node:fs';

import { createTrainer, trainStep } from '$lib/dpo/trainer';
import type { TokenSequence } from '$lib/dpo/sequences';
import type { Experiment } from '$lib/experiment/schema';
import { startBackend } from '$lib/model/backend';
import { initLora } from '$lib/model/lora';
import { seededRandom } from '$lib/model/random';

import { loadFolder } from '../cli/checkpoints';

const [backend, threads, file] = process.argv.slice(2) as ['wasm' | 'webgpu', string, string];
const work = JSON.parse(readFileSync(file, 'utf8')) as Pick<Experiment, 'lora' | 'optimizer'> & { batches: TokenSequence[][] };
const report = await startBackend(backend, { threads: Number(threads) });
const { model } = await loadFolder('organism');
const lora = initLora(model.config, work.lora, seededRandom(1, 'lora'));
const preference = { type: 'sigmoid', beta: 1, labelSmoothing: 0 } as const;
const trainer = createTrainer(model, lora, { ...work.optimizer, lambda: 0, preference });

const milliseconds: number[] = [];
const losses: number[] = [];
for (const sft of work.batches) {
	const start = performance.now();
	const { metrics } = await trainStep(trainer, { sft, pairs: [] });
	milliseconds.push(performance.now() - start);
	losses.push(metrics.loss);
}
console.log(JSON.stringify({ device: report.adapter ?? report.name, milliseconds: milliseconds.slice(1), losses }));
process.exit(0);
