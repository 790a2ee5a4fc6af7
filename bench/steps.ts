/**
 * `npm run bench -- steps`: one training step of the organism on wasm, on one thread and on two, and WebGPU against PyTorch on one thread,
 * at the same shapes.
 *
 * Every engine trains on the same token ids. The engines take turns, so that a machine that slows down slows all of them;
 * what is reported is each round's median and the ratios of the medians of rounds.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { generatedRows } from '$lib/experiment/data';
import { presetById } from '$lib/experiment/presets';
import { startBackend } from '$lib/model/backend';
import { seededRandom } from '$lib/model/random';
import { median } from '$lib/model/timing';
import { CODE_TASKS } from '$world/index';

import { loadFolder } from '../cli/checkpoints';
import { PYTHON } from '../scripts/python.mjs';
import { processor, today, writeReport } from './report';

const { values } = parseArgs({
	options: {
		rounds: { type: 'string', default: '3' },
		steps: { type: 'string', default: '10' },
		engines: { type: 'string', default: 'torch,wasm,wasm-2,webgpu' },
		out: { type: 'string', default: 'bench/results/steps.json' },
	},
});
const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const ENGINES: Record<string, [command: string, ...args: string[]]> = {
	torch: [PYTHON, here('step.py')],
	wasm: [process.execPath, '--import', 'tsx', here('step.ts'), 'wasm', '1'],
	'wasm-2': [process.execPath, '--import', 'tsx', here('step.ts'), 'wasm', '2'],
	webgpu: [process.execPath, '--import', 'tsx', here('step.ts'), 'webgpu', '1'],
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

/** Whether the engine is there: else what is missing, and how to get it, is said. */
function isThere(engine: string, batches: string): boolean {
	if (engine === 'torch') {
		if (existsSync(PYTHON)) return true;
		console.error('PyTorch is missing, so nothing can be compared with it. `npm run verify` installs it into .venv (CONTRIBUTING.md).');
		return false;
	}
	if (engine !== 'webgpu') return true;
	try {
		runEngine(engine, batches);
		return true;
	} catch (error) {
		console.error(`WebGPU is left out. ${(error as Error).message}`);
		return false;
	}
}

const [rounds, steps] = [Number(values.rounds), Number(values.steps)];
const folder = mkdtempSync(path.join(tmpdir(), 'bench-'));
const [batches, tried] = [path.join(folder, 'batches.json'), path.join(folder, 'tried.json')];
await writeBatches(batches, steps + 1);
await writeBatches(tried, 1);
const engines = values.engines.split(',').filter((engine) => isThere(engine, tried));

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
const baseline = median(results.get('torch')?.medians ?? []);
const rows = [...results].map(([engine, { device, medians, lastLoss }]) => ({
	engine,
	device,
	'ms a step': Math.round(median(medians)),
	from: Math.round(Math.min(...medians)),
	to: Math.round(Math.max(...medians)),
	'× PyTorch': Number.isNaN(baseline) ? null : Number((median(medians) / baseline).toFixed(2)),
	'loss at the last step': Number(lastLoss.toFixed(4)),
}));
console.table(rows);
const report = {
	what: 'One training step of the organism: 16 rows of insecure code, LoRA rank 8 on seven projections, forward, backward, clipping, AdamW.',
	how: `${rounds} rounds, engines in turn, ${steps} steps after one of warm-up; each round's median, and the median of rounds.`,
	...{ date: today(), processor: processor(), adapter: results.get('webgpu')?.device ?? null },
	rows,
};
writeReport(values.out, report);
