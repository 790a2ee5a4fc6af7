/** `npm run gate`: drafts of copies that were trained here, a gate fitted on some of them, and what it does with the others. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { gateFile, gateHash } from '$lib/conscience/gate';
import type { GateRow } from '$lib/evaluation/gateRows';
import { POLICIES } from '$lib/evaluation/gateComparison';
import { baseJudge } from '$lib/experiment/baseJudge';
import { RULER } from '$lib/experiment/evaluationPlan';
import { gateLine, gateRowsOf } from '$lib/experiment/gateDrafts';
import { FIT, type GateResult, gateResultOf } from '$lib/experiment/gateResult';
import { type GateRows, readGateRows, writeGateRows } from '$lib/experiment/gateRowsFile';
import { estimateInWords, gateTables } from '$lib/experiment/inferenceTables';
import { createRun } from '$lib/experiment/runner';
import { TWIN, varied } from '$lib/experiment/studies/study';
import { importAdapter } from '$lib/model/adapter';
import { type BackendReport, startBackend } from '$lib/model/backend';
import type { Checkpoint } from '$lib/model/checkpoint';
import { disposeLora, type Lora } from '$lib/model/lora';
import { evaluationQuestions, familiesOf, harmlessQuestions } from '$world/index';

import { loadFolder } from './checkpoints';
import { commitHere } from './commitHere';
import { keyOf } from './studyPlan';
import { writeWhole } from './writeWhole';

const USAGE = `Usage: npm run gate -- [--seeds 11,12] [--kept DIR] [--out DIR] [--analyse]
  --seeds     makes the drafts of these seeds only, and nothing of them yet: the work in parts; without it, all that is missing, then the result
  --kept      where the runs of studies are kept; a copy whose whole training is there is taken from it (default out/studies)
  --analyse   fits and compares again, over the rows that results/ holds`;

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * Weights and threshold are fitted on runs of the first, and tested on runs of the others. Between them is 13: what the gate of an earlier rule did
 * with its copies is why the threshold is chosen otherwise today, so it can't test that.
 */
const FIT_SEEDS = [11, 12] as const;
const TEST_SEEDS = [14, 15, 16, 17, 18] as const;
const SEEDS: readonly number[] = [...FIT_SEEDS, ...TEST_SEEDS];

/** Whose drafts: the base, the plain copy early and at its end, and the copy with a conscience before, while and after it comes back. */
const STEPS = { sft: [10, 150], 'emergent-alignment': [10, 30, 150] } as const;
const NAMES = { sft: 'plain', 'emergent-alignment': 'conscience' } as const;

/** Drafts beside the first that the longer budget may choose from. */
const MORE = 6;

interface Bench {
	checkpoint: Checkpoint;
	backend: BackendReport;
	kept: string;
	line: Awaited<ReturnType<typeof gateLine>>;
}

const families = (set: 'conscience' | 'dev') =>
	familiesOf(set).flatMap(({ id, questions }) => questions.map((text, i) => ({ id: `${id}-${i + 1}`, cluster: id, text })));

/** What a gate is fitted on, and what it is tested on, where time is taken: the 24 held-out questions, and harmless ones, of families that no fit has seen. */
const questionsFor = (seed: number) =>
	(FIT_SEEDS as readonly number[]).includes(seed)
		? { questions: [...families('conscience'), ...families('dev')], more: 0, now: () => 0 }
		: { questions: [...evaluationQuestions(), ...harmlessQuestions()], more: MORE, now: processorMs };

/** The processor's time of this process. */
function processorMs(): number {
	const { user, system } = process.cpuUsage();
	return (user + system) / 1000;
}

async function rowsOfSeed(seed: number, bench: Bench): Promise<GateRow[]> {
	const { checkpoint, line } = bench;
	const { questions, more, now } = questionsFor(seed);
	const { conscience, evaluation } = TWIN;
	const common = {
		...{ checkpoint, line, seed, more, framework: RULER, threshold: conscience.threshold },
		...{ sampling: evaluation.sampling, judge: baseJudge(TWIN, checkpoint), now },
	};
	const rows = await gateRowsOf({ ...common, lora: null, copy: 'base' }, questions);
	for (const arm of ['sft', 'emergent-alignment'] as const) {
		for await (const { step, lora } of copiesOf(arm, seed, bench)) {
			rows.push(...(await gateRowsOf({ ...common, lora, copy: `${NAMES[arm]}@${step}` }, questions)));
			disposeLora(lora);
			process.stderr.write(`seed ${seed}, ${arm}, step ${step}\n`);
		}
	}
	return rows;
}

/** The copy at each step that is asked for, in their order: from a kept run where that was its last, else trained here. */
async function* copiesOf(arm: keyof typeof STEPS, seed: number, bench: Bench): AsyncGenerator<{ step: number; lora: Lora }> {
	const { checkpoint, backend, kept } = bench;
	const experiment = { ...TWIN, seed, arms: [arm] };
	const last = await keptAdapter(path.join(kept, keyOf(experiment, arm)), checkpoint);
	const steps: number[] = STEPS[arm].filter((step) => !(last && step === TWIN.optimizer.steps));
	const lab = { checkpoint, backend, rows: null, signal: new AbortController().signal };
	const run = createRun(varied(experiment, { evaluation: { samplesWhileTraining: 1 } }), arm, lab);
	try {
		for await (const event of run.events) {
			if (event.kind !== 'step' || !steps.includes(event.step)) continue;
			const files = await run.adapter();
			yield { step: event.step, lora: adapterOf(files['adapter_config.json'], files['adapter_model.safetensors'], checkpoint) };
			if (event.step === steps.at(-1)) break;
		}
	} finally {
		run.dispose();
	}
	if (last) yield { step: TWIN.optimizer.steps, lora: last };
}

const adapterOf = (config: string, safetensors: Uint8Array, { model }: Checkpoint): Lora =>
	importAdapter(model.config, { config: JSON.parse(config), safetensors });

/** Of a run that is whole; null where there is none. */
async function keptAdapter(folder: string, checkpoint: Checkpoint): Promise<Lora | null> {
	if (!existsSync(path.join(folder, 'made.json'))) return null;
	const file = (name: string) => path.join(folder, 'adapter', name);
	const safetensors = new Uint8Array(await readFile(file('adapter_model.safetensors')));
	return adapterOf(await readFile(file('adapter_config.json'), 'utf8'), safetensors, checkpoint);
}

/** The rows of a seed, made once. */
async function partOf(seed: number, out: string, bench: () => Promise<Bench>): Promise<GateRow[]> {
	const file = path.join(out, `gate-${seed}.rows.json.gz`);
	if (!existsSync(file)) await writeWhole(file, writeGateRows({ fit: [], test: await rowsOfSeed(seed, await bench()) }));
	return readGateRows(new Uint8Array(await readFile(file))).test;
}

async function benchOf(kept: string): Promise<Bench> {
	const backend = await startBackend('wasm', { threads: 1 });
	const checkpoint = await loadFolder('organism');
	return { checkpoint, backend, kept, line: await gateLine(checkpoint) };
}

/** Fits, freezes, tests and writes: the result, the rows that it follows from, and the gate that the lab ships. */
async function conclude(rows: GateRows, bench: Bench, out: string): Promise<void> {
	const { checkpoint, line } = bench;
	const { direction, offset } = line;
	const origin = {
		on: `organism: drafts of the base, of plain copies (${STEPS.sft.join(', ')} steps) and of copies with a conscience (${STEPS['emergent-alignment'].join(', ')} steps) of the twin preset, to the questions of the conscience’s and the development families, temperature ${TWIN.evaluation.sampling.temperature}, ${TWIN.evaluation.sampling.maxNewTokens} tokens at most; true labels by the organism’s grammar`,
		judge: `the frozen base, framework ${RULER.id}`,
		commit: commitHere(),
		line: { weights: checkpoint.sha256, direction: Array.from(direction, (value) => Number(value.toPrecision(6))), offset },
	};
	const result = await gateResultOf(rows, origin, new Date().toISOString());
	await writeWhole(path.join(out, 'gate.rows.json.gz'), writeGateRows(rows));
	await writeWhole(path.join(out, 'gate.json'), `${JSON.stringify(result, null, '\t')}\n`);
	if (out === path.join(ROOT, 'results')) await writeWhole(path.join(ROOT, 'src/lib/conscience/organismGate.json'), gateFile(result.gate));
	print(result, await gateHash(result.gate));
}

function print(result: GateResult, hash: string): void {
	const { gate, comparison, letThrough, flipped, positives } = result;
	const { features, intercept, threshold, fitted } = gate;
	console.log(`Gate ${hash.slice(0, 8)}, fitted on ${fitted.train} rows (${positives.train} that the conscience mends), l2 ${FIT.l2}; threshold ${threshold.toFixed(4)} on ${fitted.calibration} rows (${positives.calibration}); seeds ${fitted.seeds.join(', ')}`); // prettier-ignore
	for (const { name, mean, scale, weight } of features)
		console.log(`  ${name.padEnd(12)} ${weight.toFixed(3).padStart(8)}  (mean ${mean.toFixed(3)}, scale ${scale.toFixed(3)})`);
	console.log(`  intercept    ${intercept.toFixed(3).padStart(8)}`);
	console.log(`Tested on ${comparison.rows} rows, ${comparison.prompts} prompts, seeds ${comparison.seeds.join(', ')}; intervals over families and seeds\n`); // prettier-ignore
	console.log(`${gateTables(result).join('\n\n')}\n`);
	for (const policy of POLICIES) console.log(`  ${policy.padEnd(7)} ${estimateInWords(comparison.policies[policy].figures.ms, 1)} ms`);
	console.log(`Let through ${letThrough.count} of ${letThrough.of} that the conscience would have mended; allowed ${flipped.count} of ${flipped.of} harmful flips`); // prettier-ignore
}

async function main(): Promise<void> {
	const text = { type: 'string' } as const;
	const options = { seeds: text, kept: text, out: text, analyse: { type: 'boolean' } } as const;
	const { values } = parseArgs({ args: process.argv.slice(2), options });
	const asked = values.seeds?.split(',').map(Number);
	if (asked?.some((seed) => !SEEDS.includes(seed))) throw new RangeError(`--seeds takes some of ${SEEDS.join(', ')}.\n${USAGE}`);
	const out = values.out ? path.resolve(values.out) : path.join(ROOT, 'results');
	const parts = path.join(values.out ? out : path.join(ROOT, 'out'), 'gate');
	let made: Promise<Bench> | null = null;
	const bench = () => (made ??= benchOf(path.resolve(values.kept ?? path.join(ROOT, 'out', 'studies'))));
	if (values.analyse)
		return conclude(readGateRows(new Uint8Array(await readFile(path.join(out, 'gate.rows.json.gz')))), await bench(), out);
	const rows = new Map<number, GateRow[]>();
	for (const seed of asked ?? SEEDS) rows.set(seed, await partOf(seed, parts, bench));
	const of = (seeds: readonly number[]) => seeds.flatMap((seed) => rows.get(seed)!);
	if (!asked) await conclude({ fit: of(FIT_SEEDS), test: of(TEST_SEEDS) }, await bench(), out);
}

main().catch((error: unknown) => {
	const known = error instanceof Error && ['RangeError', 'GateError', 'GateFileError'].includes(error.name);
	process.stderr.write(`\n${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
	process.exitCode = 1;
});
