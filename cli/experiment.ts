/** `npm run experiment -- <preset or file.json> …`: the lab's runs without a page, by the same runner. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';

import type { VerdictFile } from '$lib/conscience/importedJudge';
import type { MemoryFile } from '$lib/conscience/memory';
import { unequalBudgets } from '$lib/experiment/budget';
import { rowStream } from '$lib/experiment/data';
import { evaluationFile } from '$lib/experiment/folder';
import { evaluateBase } from '$lib/experiment/runner';
import { wantsVerdicts } from '$lib/experiment/judgeFile';
import { applyChanges } from '$lib/experiment/link';
import { checkMethod, experimentOf, rowShaper } from '$lib/experiment/methods/all';
import { listens } from '$lib/experiment/methods/index';
import { judgedInTrainer, PRESETS } from '$lib/experiment/presets';
import { type FinishedRun, summarizeRuns } from '$lib/experiment/record';
import { memoryFileFor } from '$lib/experiment/memoryFile';
import { type QuestionFile, questionFileFor } from '$lib/experiment/ownQuestions';
import { type ArmId, ARMS, type Experiment, ExperimentError } from '$lib/experiment/schema';
import { verdictFileFor } from '$lib/experiment/verdictFile';
import { startBackend, type BackendName } from '$lib/model/backend';

import { loadFolder } from './checkpoints';
import { changesSet, type GivenRows, presetNamed, readExperiment, readMemory, readQuestions, readRows, readVerdicts } from './givenFiles';
import { recordRun } from './recordRun';
import { printSummary } from './summary';
import { ProgressLine } from './progressLine';

const USAGE = `Usage: npm run experiment -- <preset or file.json> [--set path=value …] [--seeds 1,2,3] [--data FILE or https://…]
                          [--verdicts FILE …] [--questions FILE] [--memory FILE] [--backend wasm|webgpu|cpu] [--out DIR]
Presets: ${PRESETS.map(({ id }) => id).join(', ')}.
Methods (--set 'arms=["sft","…"]'): ${ARMS.join(', ')}.`;

interface Options {
	experiment: Experiment;
	seeds: number[];
	rows: GivenRows | null;
	/** By which the conscience judges. */
	verdictFile: VerdictFile | null;
	/** That the evaluation asks. */
	questions: QuestionFile | null;
	/** That the run takes along. */
	memory: MemoryFile | null;
	backend: BackendName;
	out: string;
}

/** Reads the command line. @throws ExperimentError with one line that says what is wrong */
async function readOptions(args: string[]): Promise<Options> {
	const { values, positionals } = parseCommandLine(args);
	const [source] = positionals;
	if (positionals.length !== 1 || !source) throw new ExperimentError(`One preset or experiment file is needed.\n${USAGE}`);
	const start = source.endsWith('.json') ? await readExperiment(source) : presetNamed(source);
	const changes = changesSet(values.set);
	if (values.data) changes.push(['data.source', 'rows']);
	const verdictFile = values.verdicts ? await readVerdicts(values.verdicts) : null;
	if (verdictFile) changes.push(['conscience.judge', 'imported'], ['conscience.verdictFile', JSON.stringify(verdictFile.digest)]);
	const questions = values.questions === undefined ? null : await readQuestions(values.questions);
	if (questions) changes.push(['evaluation.questions', 'own'], ['evaluation.questionFile', JSON.stringify(questions.digest)]);
	const memory = values.memory === undefined ? null : await readMemory(values.memory);
	if (memory) changes.push(['conscience.memory.file', JSON.stringify(memory.digest)]);
	const experiment = withoutBrowser(applyChanges(start, changes));
	return {
		experiment,
		seeds: values.seeds === undefined ? [experiment.seed] : readSeeds(values.seeds),
		rows: values.data ? await readRows(values.data) : null,
		...{ verdictFile, questions, memory },
		backend: readBackend(values.backend),
		out: values.out ?? 'out',
	};
}

/** The experiment with a judge that can be asked here: WebLLM runs in a browser only. @throws ExperimentError where its model is not the base */
function withoutBrowser(experiment: Experiment): Experiment {
	const { arms, conscience } = experiment;
	if (conscience.judge !== 'webllm' || !arms.some(listens)) return experiment;
	if (conscience.judgeModel !== 'base') {
		throw new ExperimentError(
			`conscience.judgeModel is ${conscience.judgeModel}, and WebLLM runs in a browser only. --set conscience.judge=frozen-self lets the base judge here.`,
		);
	}
	process.stderr.write('WebLLM runs in a browser only: the same weights judge inside the trainer (conscience.judge=frozen-self).\n');
	return judgedInTrainer(experiment);
}

function parseCommandLine(args: string[]) {
	const text = { type: 'string' } as const;
	try {
		return parseArgs({
			args,
			allowPositionals: true,
			options: {
				set: { type: 'string', multiple: true },
				verdicts: { type: 'string', multiple: true },
				seeds: text,
				data: text,
				questions: text,
				memory: text,
				backend: text,
				out: text,
			},
		});
	} catch (error) {
		throw new ExperimentError(`${(error as Error).message}\n${USAGE}`);
	}
}

function readSeeds(list: string): number[] {
	const seeds = list.split(',').map((seed) => (/^\d+$/.test(seed.trim()) ? Number(seed) : Number.NaN));
	if (seeds.some((seed) => !Number.isSafeInteger(seed) || seed >= 2 ** 31)) {
		throw new ExperimentError(`--seeds takes whole numbers from 0 up with commas between them, and came as '${list}'.`);
	}
	return [...new Set(seeds)];
}

function readBackend(name: string | undefined): BackendName {
	if (name === undefined) return 'wasm';
	if (name === 'wasm' || name === 'webgpu' || name === 'cpu') return name;
	throw new ExperimentError(`--backend is wasm, webgpu or cpu, and came as '${name}'.`);
}

/** What a run's folder and its row in the summary are called: the twin's arms by their own names, all else by the experiment's. */
function runName({ name, arms }: Experiment, arm: ArmId): string {
	if (name === 'twin') return arm;
	return arms.length > 1 ? `${name}-${arm}` : name;
}

/** Finished runs are never written over. @throws ExperimentError that names the folder */
function refuseExisting({ experiment, seeds, out }: Options): void {
	const names = ['base', ...experiment.arms.map((arm) => runName(experiment, arm))];
	const there = seeds.flatMap((seed) => names.map((name) => path.join(out, `${name}-seed${seed}`))).find((folder) => existsSync(folder));
	if (there) throw new ExperimentError(`${there} is there already. Choose another folder by --out, or move it away.`);
}

async function main(): Promise<void> {
	const options = await readOptions(process.argv.slice(2));
	const { experiment, seeds, rows, verdictFile, questions, memory, backend: backendName, out } = options;
	refuseExisting(options);
	const backend = await startBackend(backendName);
	process.stderr.write(`${backend.reason}\n`);
	const checkpoint = await loadFolder(experiment.model.checkpoint, experiment.model.precision);
	const { tokenizer, model } = checkpoint;
	for (const arm of experiment.arms) {
		checkMethod(arm, experiment);
		const own = experimentOf(arm, experiment);
		rowStream(own, rows?.rows ?? null, tokenizer, model.config.maxPositionEmbeddings, undefined, rowShaper(arm, own)); // rows that don't fit are told of before anything is computed
	}
	questionFileFor(experiment, questions); // nor are questions that are not there found out late
	memoryFileFor(experiment, memory); // nor is a memory
	if (wantsVerdicts(experiment)) verdictFileFor(experiment, verdictFile ? [verdictFile] : []); // and so are verdicts that are not there
	const signal = new AbortController().signal;
	const finished = new Map<string, FinishedRun[]>();
	const add = (name: string, run: FinishedRun) => finished.set(name, [...(finished.get(name) ?? []), run]);

	const total = seeds.length * (1 + experiment.arms.length);
	let index = 0;
	for (const seed of seeds) {
		const seeded = { ...experiment, seed };
		const lab = { checkpoint, backend, rows: rows?.rows ?? null, verdictFile, questions, memory, signal };
		const line = new ProgressLine(`[${++index}/${total}] base, seed ${seed}`);
		const evaluation = await evaluateBase(seeded, lab, (done, all) => line.show('evaluating', done, all, null));
		line.end();
		const folder = path.join(out, `base-seed${seed}`);
		await mkdir(folder, { recursive: true });
		await writeFile(path.join(folder, 'evaluation.json'), evaluationFile(evaluation, null));
		add('base', { seed, evaluation, overhead: null });
		for (const arm of experiment.arms) {
			const name = runName(experiment, arm);
			const place = { folder: path.join(out, `${name}-seed${seed}`), title: `[${++index}/${total}] ${name}, seed ${seed}` };
			add(name, await recordRun(seeded, arm, lab, { ...place, rowsName: rows?.fileName ?? null }));
		}
		// Written after every seed, so that what is finished stays if a later one fails.
		await writeFile(path.join(out, 'summary.json'), `${JSON.stringify(summarizeRuns(finished, experiment), null, '\t')}\n`);
	}
	printSummary(summarizeRuns(finished, experiment), path.join(out, 'summary.json'));
	const unequal = unequalBudgets([...finished.values()].flat());
	if (unequal.length > 0) throw new ExperimentError(`The methods did not have equal budgets: ${unequal.join(' ')}`);
	console.log('All methods that have to learn the same tokens of the narrow task did.');
}

main()
	.catch((error: unknown) => {
		const known = error instanceof Error && (!['Error', 'TypeError'].includes(error.name) || 'code' in error);
		process.stderr.write(`\n${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
		process.exitCode = 1;
	})
	// Dawn keeps Node alive for as long as its GPU exists, so the end is said aloud, once everything is written.
	.finally(() => process.stdout.write('', () => process.stderr.write('', () => process.exit())));
