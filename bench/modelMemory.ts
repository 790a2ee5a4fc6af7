/**
 * `npm run bench -- modelMemory`: bytes of GPU memory that a training step of a real model takes, against what was foretold: random weights in
 * the models' true shapes, the presets' LoRA, one row of few tokens, since the GPU here is a CPU. What more rows take is then the estimate's.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { createTrainer, trainStep } from '$lib/dpo/trainer';
import { presetById } from '$lib/experiment/presets';
import { trainerConfig } from '$lib/experiment/runState';
import { startBackend } from '$lib/model/backend';
import { type ModelConfig, parseModelConfig } from '$lib/model/config';
import type { Precision } from '$lib/model/halfPrecision';
import { initLora } from '$lib/model/lora';
import { estimateMemory, type Workload } from '$lib/model/memoryEstimate';
import { seededRandom } from '$lib/model/random';
import { checkpointShapes, loadWeights } from '$lib/model/weights';

import { bytesTaken } from '../tests/golden/memoryTaken';
import { REAL_CONFIGS } from '../tests/realConfigs';
import { processor, today, writeReport } from './report';
import type { ModelMemoryRow } from './table';

const MODELS = { 'SmolLM2-135M': REAL_CONFIGS['SmolLM2-135M-Instruct'], 'Qwen3-0.6B': REAL_CONFIGS['Qwen3-0.6B'] };
type Name = keyof typeof MODELS;

const { values } = parseArgs({
	options: {
		/** A measurement in this process alone: a model and a precision. */
		one: { type: 'string' },
		measured: { type: 'string', default: 'SmolLM2-135M f32,SmolLM2-135M int8,Qwen3-0.6B int8,Qwen3-0.6B f32' },
		tokens: { type: 'string', default: '64' },
		out: { type: 'string', default: 'bench/results/modelMemory.json' },
	},
});
const tokens = Number(values.tokens);
/** What the same model would take in a step that is learnt from in earnest: row by row, its blocks computed again for the gradient. */
const EARNEST = { rows: 16, promptTokens: 64, completionTokens: 64, accumulation: 16, checkpointing: true };

const { lora: adapter } = presetById('twin').experiment;
const workOf = (
	precision: Precision,
	step: Pick<Workload, 'rows' | 'promptTokens' | 'completionTokens'> & Partial<Workload>,
): Workload => ({
	...{ backend: 'webgpu', precision, lora: adapter, ...step, pairs: 0, questions: 0, newTokens: 0, told: 0 },
});

async function measureHere(name: Name, precision: Precision): Promise<ModelMemoryRow & { adapter: string | null }> {
	const begun = performance.now();
	const { adapter: gpu } = await startBackend('webgpu');
	const config: ModelConfig = parseModelConfig(MODELS[name]);
	const half = tokens / 2;
	const taken = await bytesTaken(async () => {
		const model = { config, weights: await loadWeights(config, randomTensors(config), precision) };
		const lora = initLora(config, adapter, seededRandom(1, 'lora'));
		const trainer = createTrainer(model, lora, trainerConfig(presetById('twin').experiment));
		const ids = (count: number) => Array.from({ length: count }, (_, i) => (i * 977) % config.vocabSize);
		await trainStep(trainer, { sft: [{ prompt: ids(half), completion: ids(half) }], pairs: [] });
	});
	const { training } = estimateMemory(config, workOf(precision, { rows: 1, promptTokens: half, completionTokens: half }));
	return {
		...{ model: name, precision, 'measured, bytes': taken, 'estimate, bytes': training },
		'estimate / measured': Number((training / taken).toPrecision(3)),
		'16 rows, bytes': estimateMemory(config, workOf(precision, EARNEST)).training,
		s: Math.round((performance.now() - begun) / 1000),
		adapter: gpu,
	};
}

/** Weights that come part by part as from a file, so that the machine's memory is for the GPU that it plays. */
function randomTensors(config: ModelConfig) {
	let state = 1;
	const read = (from: number, to: number): Promise<Float32Array> => {
		const numbers = new Float32Array(to - from);
		for (let i = 0; i < numbers.length; i++) {
			state = (Math.imul(1664525, state) + 1013904223) >>> 0;
			numbers[i] = 0.04 * (state / 2 ** 31 - 1);
		}
		return Promise.resolve(numbers);
	};
	return new Map([...checkpointShapes(config)].map(([name, shape]) => [name, { dtype: 'F32' as const, shape, read }]));
}

/** In a process of its own; null where it can't be measured. */
function measureApart(one: string): Awaited<ReturnType<typeof measureHere>> | null {
	const args = ['--import', 'tsx', fileURLToPath(import.meta.url), '--one', one, '--tokens', values.tokens];
	const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
	if (status === 0) return JSON.parse(stdout.trim().split('\n').at(-1)!) as Awaited<ReturnType<typeof measureHere>>;
	console.error(`${one} was not measured:\n${stderr.slice(-1000)}`);
	return null;
}

if (values.one) {
	const [name, precision] = values.one.split(' ') as [Name, Precision];
	console.log(JSON.stringify(await measureHere(name, precision)));
	process.exit(0);
}
const measured = values.measured.split(',').flatMap((one) => {
	const found = measureApart(one);
	if (found) console.error(`${one}: ${found['measured, bytes']} bytes, ${found['estimate / measured']} of that foretold, ${found.s} s`);
	return found ? [found] : [];
});
const rows = measured.map(({ adapter: _, ...row }) => row);
console.table(rows);
writeReport(values.out, {
	what: `Bytes of GPU memory that one training step of plain fine-tuning takes, weights included, of one row of ${tokens} tokens, half of them learnt, with the LoRA of the presets; what was foretold of it, and of a step of ${EARNEST.rows} rows of ${EARNEST.promptTokens + EARNEST.completionTokens} tokens that is made row by row with gradient checkpointing.`,
	how: 'Random weights in the true shapes, read part by part. Once each, in a process of its own: buffers that a new webgpu backend makes, of which it keeps each size for good.',
	...{ date: today(), processor: processor(), adapter: measured[0]?.adapter ?? null },
	rows,
});
