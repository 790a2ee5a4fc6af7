/** `npm run attacks [-- run …]`: the attack bench without a page, on the base and on adapters, with a conscience and without. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { gzipSync, strToU8 } from 'fflate';

import { ATTEMPTS } from '$lib/conscience/reply';
import { ORGANISM_GATE } from '$lib/experiment/arms/gated';
import { type BenchSpeaker, runBench, worldPlan } from '$lib/experiment/attackBench';
import { baseJudge } from '$lib/experiment/baseJudge';
import { reportOf, type WrittenReport } from '$lib/experiment/benchReport';
import { benchTables } from '$lib/experiment/inferenceTables';
import { trainedTitle } from '$lib/experiment/methods/index';
import { judgedInTrainer, presetById } from '$lib/experiment/presets';
import { parsePrompts } from '$lib/experiment/promptFile';
import { type Experiment, parseExperiment } from '$lib/experiment/schema';
import { importAdapter } from '$lib/model/adapter';
import { startBackend } from '$lib/model/backend';
import type { Checkpoint } from '$lib/model/checkpoint';

import { loadFolder } from './checkpoints';
import { commitHere } from './commitHere';
import { ProgressLine } from './progressLine';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SHIPPED = ['sft', 'emergent-alignment'].map((arm) => path.join(ROOT, 'static', 'recorded', 'adapters', arm));

const USAGE = `Usage: npm run attacks -- [run …] [--samples 2] [--seed 1] [--framework three-laws] [--prompts FILE] [--out results/attacks.json]
  run          folders that npm run experiment has written, or an adapter's alone; of one method with several seeds they are pooled.
               Without any, the two adapters that the page Chat begins with
  --prompts    prompts of your own, JSON lines or CSV, in the place of the world's`;

/** A folder of a run, or of its adapter alone, as a speaker. */
async function speakerOf(folder: string, { model, sha256 }: Checkpoint): Promise<BenchSpeaker & { seed: number }> {
	const inRun = path.join(folder, 'adapter');
	const own = existsSync(path.join(inRun, 'adapter_config.json')) ? inRun : folder;
	const text = (name: string) => readFile(path.join(own, name), 'utf8');
	const experiment: Experiment = parseExperiment(JSON.parse(await readFile(path.join(folder, 'experiment.json'), 'utf8')));
	const arm = experiment.arms.length === 1 ? experiment.arms[0]! : armOfCard(await text('README.md'));
	const files = { config: JSON.parse(await text('adapter_config.json')) as unknown, safetensors: new Uint8Array(await readFile(path.join(own, 'adapter_model.safetensors'))) }; // prettier-ignore
	return { id: trainedTitle(arm), lora: importAdapter(model.config, files, { sha256 }), seed: experiment.seed };
}

/** Beside an adapter lies the whole experiment; which copy it is, its card says. */
function armOfCard(card: string): Experiment['arms'][number] {
	const arm = /^tags: \[conscience-lab, ([a-z-]+)/m.exec(card)?.[1];
	return parseExperiment({ ...presetById('twin').experiment, arms: [arm] }).arms[0]!;
}

function wholeNumber(option: string, text: string): number {
	const value = Number(text);
	if (Number.isSafeInteger(value) && value >= 1 && value < 2 ** 31) return value;
	throw new RangeError(`${option} takes a whole number from 1 up, and came as '${text}'.\n${USAGE}`);
}

async function run(args: string[]): Promise<void> {
	const text = { type: 'string' } as const;
	const options = { samples: text, seed: text, framework: text, prompts: text, out: text, help: { type: 'boolean' } } as const;
	const { values, positionals } = parseArgs({ args, allowPositionals: true, options });
	if (values.help) return console.log(USAGE);
	const experiment = judgedInTrainer(presetById('twin').experiment);
	const { frameworks, threshold } = experiment.conscience;
	const framework = frameworks.find(({ id }) => id === (values.framework ?? frameworks[0]!.id));
	if (!framework) throw new RangeError(`There is no framework '${values.framework}'. There are: ${frameworks.map(({ id }) => id).join(', ')}.`); // prettier-ignore
	const [samples, seed] = [wholeNumber('--samples', values.samples ?? '2'), wholeNumber('--seed', values.seed ?? '1')];
	const given = values.prompts === undefined ? null : parsePrompts(path.basename(values.prompts), await readFile(values.prompts, 'utf8'));
	for (const { line, message } of given?.faults ?? []) console.error(`${values.prompts}, line ${line}: ${message}; left out.`);

	await startBackend('wasm');
	const { checkpoint: model } = experiment.model;
	const checkpoint = await loadFolder(model);
	const named = await Promise.all((positionals.length > 0 ? positionals : SHIPPED).map((folder) => speakerOf(folder, checkpoint)));
	const titles = [...new Set(named.map(({ id }) => id))];
	const adapters = named.sort((a, b) => titles.indexOf(a.id) - titles.indexOf(b.id) || a.seed - b.seed); // in whatever order a shell lists them
	const progress = new ProgressLine('attacks');
	const start = performance.now();
	const onProgress = (done: number, total: number) => progress.show('attacking', done, total, (((performance.now() - start) / 1000) * (total - done)) / done); // prettier-ignore
	const plan = given ? { prompts: given.prompts, answers: [], samples, seed } : worldPlan(framework, samples, seed);
	const standards = { framework, threshold, attempts: ATTEMPTS };
	const speakers = [{ id: 'Before training', lora: null }, ...adapters];
	const report = reportOf(await runBench(checkpoint, speakers, baseJudge(experiment, checkpoint), plan, { model, sampling: experiment.evaluation.sampling, standards, gate: ORGANISM_GATE, onProgress })); // prettier-ignore
	progress.end();

	const out = path.resolve(values.out ?? path.join(ROOT, given ? 'out' : 'results', 'attacks.json'));
	await mkdir(path.dirname(out), { recursive: true });
	const written: WrittenReport = { date: new Date().toISOString(), commit: commitHere(), ...report, rows: null };
	await writeFile(out, `${JSON.stringify(written, null, '\t')}\n`);
	await writeFile(out.replace(/(\.json)?$/, '.rows.json.gz'), gzipSync(strToU8(JSON.stringify(report.rows)), { mtime: 0 }));
	console.log(benchTables(report).join('\n\n'));
}

try {
	await run(process.argv.slice(2));
	process.exit(); // whatever a backend still holds
} catch (error) {
	console.error((error as Error).message);
	process.exit(1);
}
