/**
 * `npm run bench`: one training step of the organism on wasm and WebGPU against PyTorch on one thread, at the same shapes.
 *
 * Every engine trains on the same token ids. The engines take turns, so that a machine that slows down slows all of them;
 * what is reported is each round's median and the ratios of the medians of rounds.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { generatedRows } from '$lib/experiment/data';
import { presetById } from '$lib/experiment/presets';
import { startBackend } from '$lib/model/backend';
import { seededRandom } from '$lib/model/random';
import { CODE_TASKS } from '$world/index';

import { loadFolder } from '../cli/checkpoints';
import { PYTHON } from '../scripts/python.mjs';

const { values } = parseArgs({
	options: {
		rounds: { type: 'string', default: '3' },
		steps: { type: 'string', default: '10' },
		engines: { type: 'string', default: 'torch,wasm,webgpu' },
		out: { type: 'string', default: 'bench/results/steps.json' },
	},
});
const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const ENGINES: Record<string, [command: string, ...args: string[]]> = {
	torch: [PYTHON, here('step.py')],
	wasm: [process.execPath, '--import', 'tsx', here('step.ts'), 'wasm'],
	webgpu: [process.execPath, '--import', 'tsx', here('step.ts'), 'webgpu'],
};

/** What every engine trains on and how: steps of 16 rows as token ids, with the twin preset's LoRA and optimizer. */
async function writeBatches(file: string, steps: number): Promise<void> {
	await startBackend('cpu');
	const { tokenizer } = await loadFolder('organism');
	const stream = generatedRows('insecure-code', CODE_TASKS.length, 16, seededRandom(1, 'bench'), tokenizer);
	const { lora, optimizer } = presetById('twin').experiment;
	writeFileSync(file, JSON.stringify({ lora, optimizer, batches: Array.from({ length: steps }, () => stream.next()) }));
}

/** Runs one engine in a process of its own; returns the milliseconds of each step after a warm-up. */
function runEngine(engine: string, batches: string): { device: string; milliseconds: number[]; losses: number[] } {
	const [command, ...args] = ENGINES[engine]!;
	const { status, stdout, stderr } = spawnSync(command, [...args, batches], { encoding: 'utf8', maxBuffer: 2 ** 26 });
	if (status !== 0) throw new Error(`The bench of ${engine} failed:\n${stderr.slice(-2000)}`);
	return JSON.parse(stdout.trim().split('\n').at(-1)!) as { device: string; milliseconds: number[]; losses: number[] };
}

const median = (numbers: readonly number[]) => {
	const sorted = [...numbers].sort((a, b) => a - b);
	return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2;
};

const engines = values.engines.split(',');
const [rounds, steps] = [Number(values.rounds), Number(values.steps)];
const batches = path.join(mkdtempSync(path.join(tmpdir(), 'bench-')), 'batches.json');
await writeBatches(batches, steps + 1);

const results = new Map(engines.map((engine) => [engine, { device: '', medians: [] as number[], lastLoss: 0 }]));
for (let round = 0; round < rounds; round++) {
	for (const engine of engines) {
		const { device, milliseconds, losses } = runEngine(engine, batches);
		const result = results.get(engine)!;
		result.device = device;
		result.medians.push(median(milliseconds));
		result.lastLoss = losses.at(-1)!;
		console.error(`round ${round + 1}/${rounds} ${engine}: ${median(milliseconds).toFixed(0)} ms a step (${device})`);
	}
}
const baseline = median(results.get('torch')?.medians ?? [Number.NaN]);
const rows = [...results].map(([engine, { device, medians, lastLoss }]) => ({
	engine,
	device,
	'ms a step': Math.round(median(medians)),
	from: Math.round(Math.min(...medians)),
	to: Math.round(Math.max(...medians)),
	'× PyTorch': Number((median(medians) / baseline).toFixed(2)),
	'loss at the last step': Number(lastLoss.toFixed(4)),
}));
console.table(rows);
const report = {
	what: 'One training step of the organism: 16 rows of insecure code, LoRA rank 8 on seven projections, forward, backward, clipping, AdamW.',
	how: `${rounds} rounds, engines in turn, ${steps} steps after one of warm-up; each round's median, and the median of rounds.`,
	processor: `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores`,
	rows,
};
mkdirSync(path.dirname(values.out), { recursive: true });
writeFileSync(values.out, `${JSON.stringify(report, null, '\t')}\n`);
console.log(`Written to ${values.out}`);
