/**
 * `npm run bench -- memory`: bytes that a backend holds after 50 and after 500 training steps of mixed lengths. tfjs's webgpu backend keeps a
 * buffer of each size that it has ever needed, so what grows here grows until the GPU is full.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import * as tf from '@tensorflow/tfjs-core';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';

import { createTrainer, trainStep } from '$lib/dpo/trainer';
import { trainerConfig } from '$lib/experiment/runState';
import { generatedRows } from '$lib/experiment/data';
import { presetById } from '$lib/experiment/presets';
import { startBackend } from '$lib/model/backend';
import { initLora } from '$lib/model/lora';
import { seededRandom } from '$lib/model/random';
import { CODE_TASKS } from '$world/index';

import { loadFolder } from '../cli/checkpoints';
import { processor, today, writeReport } from './report';

const { values } = parseArgs({ options: { backend: { type: 'string' }, out: { type: 'string', default: 'bench/results/memory.json' } } });
const MOMENTS = [50, 500] as const;
/** Rows of a step: one to so many, of the lengths that come. */
const MOST_ROWS = 2;

interface Measured {
	adapter: string | null;
	/** Bytes at each of the moments. */
	bytes: number[];
}

/** The bytes that the backend has taken, whether they hold a tensor now or not. */
function bytesTaken(): number {
	const backend = tf.backend();
	if (tf.getBackend() === 'webgpu')
		return (backend as WebGPUBackend & { bufferManager: { numBytesAllocated: number } }).bufferManager.numBytesAllocated;
	return (backend as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8.length;
}

async function measureHere(backend: 'wasm' | 'webgpu'): Promise<Measured> {
	const { adapter } = await startBackend(backend);
	const { model, tokenizer } = await loadFolder('organism');
	const { experiment } = presetById('twin');
	const lora = initLora(model.config, experiment.lora, seededRandom(1, 'lora'));
	const trainer = createTrainer(model, lora, trainerConfig(experiment));
	const stream = generatedRows('insecure-code', CODE_TASKS.length, MOST_ROWS, seededRandom(1, 'bench'), tokenizer);
	const bytes: number[] = [];
	for (let step = 1; step <= MOMENTS[1]; step++) {
		await trainStep(trainer, { sft: stream.next().slice(0, 1 + (step % MOST_ROWS)), pairs: [] });
		if (step === MOMENTS[0] || step === MOMENTS[1]) bytes.push(bytesTaken());
	}
	return { adapter, bytes };
}

/** One backend, in a process of its own; null where it can't be started. */
function measureApart(backend: string): (Measured & { backend: string }) | null {
	const args = ['--import', 'tsx', fileURLToPath(import.meta.url), '--backend', backend];
	const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
	if (status === 0) return { backend, ...(JSON.parse(stdout.trim().split('\n').at(-1)!) as Measured) };
	console.error(`${backend} was not measured:\n${stderr.slice(-1000)}`);
	return null;
}

if (values.backend) {
	console.log(JSON.stringify(await measureHere(values.backend as 'wasm' | 'webgpu')));
	process.exit(0);
}
const measured = ['wasm', 'webgpu'].map(measureApart).filter((one) => one !== null);
const rows = measured.map(({ backend, bytes }) => ({ backend, 'after 50': bytes[0]!, 'after 500': bytes[1]! }));
console.table(rows);
writeReport(values.out, {
	what: `Bytes that the backend has taken after ${MOMENTS.join(' and ')} training steps of the organism, of 1 to ${MOST_ROWS} rows of insecure code in the lengths that come.`,
	how: 'Once on each backend, in a process of its own: buffers that tfjs holds on WebGPU, used or kept for later; the heap of wasm.',
	...{ date: today(), processor: processor(), adapter: measured.find(({ adapter }) => adapter)?.adapter ?? null },
	rows,
});
