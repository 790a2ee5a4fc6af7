/**
 * The folder for TRL and PEFT, run from a fresh environment: it has to compute what the lab computes, on one process, on two and with sharded
 * weights, go on from a checkpoint, and leave a run that the lab opens. Answers are drawn at temperature 0.8, with the lab's own numbers.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { RunEvent } from '$lib/experiment/events';
import { readRunFolder } from '$lib/experiment/folderReading';
import { readZip, zipRuns } from '$lib/experiment/folderZip';
import { type FolderRun, rowsFile } from '$lib/experiment/folder';
import { type Experiment, parseExperiment } from '$lib/experiment/schema';
import type { ChatRow } from '$lib/experiment/rows';
import { importAdapter } from '$lib/model/adapter';
import { startBackend } from '$lib/model/backend';
import { disposeLora, saveLora } from '$lib/model/lora';

import { loadFolder } from '../../cli/checkpoints';
import { recordRun } from '../../cli/recordRun';
import { makeVenv } from '../../scripts/python.mjs';
import { node, run as runProgram } from '../../scripts/process.mjs';
import { experiments, ROWS } from './experiments';

/** Both sides compute in F32; the preference losses of a few nats that a high learning rate makes differ by some 1e-5. */
const TOLERANCE = 1e-3;
const FILES = ['experiment.json', 'run.json', 'metrics.jsonl', 'evaluations.jsonl', 'verdicts.jsonl', 'pairs.jsonl'];
const ADAPTER = ['adapter_config.json', 'adapter_model.safetensors', 'experiment.json', 'README.md'].map((name) => `adapter/${name}`);

let work: string;
let python: string;
const labs = new Map<string, FolderRun>();

beforeAll(async () => {
	work = await mkdtemp(path.join(tmpdir(), 'python-'));
	await writeFile(path.join(work, 'rows.jsonl'), rowsFile(ROWS));
	for (const [name, experiment] of Object.entries(experiments)) await exportPython(name, experiment);
	const environment = makeVenv(path.join(work, 'venv'), path.join(work, 'main', 'requirements.txt'));
	const backend = await startBackend('wasm');
	for (const [name, experiment] of Object.entries(experiments)) labs.set(name, await runInLab(name, experiment, backend));
	python = await environment;
});

afterAll(() => rm(work, { recursive: true, force: true }));

/** `npm run export:python`, as anybody calls it. */
async function exportPython(name: string, experiment: Experiment): Promise<void> {
	const file = path.join(work, `${name}.json`);
	await writeFile(file, JSON.stringify(experiment));
	const data = experiment.data.source === 'rows' ? ['--data', path.join(work, 'rows.jsonl')] : [];
	const code = await runProgram(node('tsx/dist/cli.mjs', 'cli/exportPython.ts', file, path.join(work, name), ...data));
	expect(code).toBe(0);
}

async function runInLab(name: string, experiment: Experiment, backend: Awaited<ReturnType<typeof startBackend>>): Promise<FolderRun> {
	const folder = path.join(work, 'lab', name);
	const rows: ChatRow[] | null = experiment.data.source === 'rows' ? ROWS : null;
	const checkpoint = await loadFolder('organism', experiment.model.precision);
	const lab = { checkpoint, backend, rows, signal: new AbortController().signal };
	await recordRun(experiment, 'emergent-alignment', lab, { folder, title: name, rowsName: null, progress: { show() {}, end() {} } });
	return readFolder(folder);
}

/** Starts train.py, or a script that starts it, in the folder of an experiment. */
function launch(name: string, config: string, out: string, ...args: string[]): ChildProcess {
	const script = config === 'fsdp-cpu.yaml' ? fileURLToPath(new URL('fsdp_on_cpu.py', import.meta.url)) : 'train.py';
	const given = ['-m', 'accelerate.commands.launch', '--config_file', `configs/${config}`, script, '--out', out, '--save-every', '5'];
	return spawn(python, [...given, ...args], {
		cwd: path.join(work, name),
		env: { ...process.env, OMP_NUM_THREADS: '1' },
		stdio: ['ignore', 'inherit', 'inherit'],
		detached: true, // its processes can be ended together
	});
}

const codeOf = (child: ChildProcess): Promise<number | null> => new Promise((resolve) => child.on('close', resolve));

/** Runs it to its end and reads what it leaves. */
async function runInPython(name: string, config: string, out: string, ...args: string[]): Promise<FolderRun> {
	expect(await codeOf(launch(name, config, out, ...args))).toBe(0);
	return readFolder(folderOf(name, out));
}

const folderOf = (name: string, out: string) => path.join(work, name, out, `${name}-emergent-alignment-seed1`);

async function readFolder(folder: string): Promise<FolderRun> {
	const entries = [...FILES, ...ADAPTER].map(async (name): Promise<[string, Uint8Array]> => [
		name,
		await readFile(path.join(folder, name)),
	]);
	return readRunFolder(Object.fromEntries(await Promise.all(entries)));
}

const kindOf = <K extends RunEvent['kind']>({ events }: Pick<FolderRun, 'events'>, kind: K) =>
	events.filter((event): event is Extract<RunEvent, { kind: K }> => event.kind === kind);
const steps = (run: FolderRun) => kindOf(run, 'step');

/** What was said must be the same, word for word; what was computed, within the tolerance. */
function expectEqual(run: FolderRun, reference: FolderRun, tolerance = TOLERANCE): void {
	expect(steps(run).map(({ step, nextCall }) => ({ step, nextCall }))).toEqual(
		steps(reference).map(({ step, nextCall }) => ({ step, nextCall })),
	);
	steps(reference).forEach(({ step, metrics, margins, overhead }, i) => {
		const found = steps(run)[i]!;
		for (const name of ['loss', 'loss/sft', 'loss/dpo'] as const)
			expectNear(found.metrics[name], metrics[name], tolerance, `${name} of step ${step}`);
		for (const name of ['learning_rate', 'num_tokens/sft', 'num_tokens/dpo', 'rewards/accuracies'] as const)
			expect(found.metrics[name], `${name} of step ${step}`).toBe(metrics[name]);
		expectNear(found.metrics.grad_norm / metrics.grad_norm, 1, tolerance, `the gradient of step ${step}`);
		expect(found.margins.map(({ pairId }) => pairId)).toEqual(margins.map(({ pairId }) => pairId));
		const { sftSeconds, conscienceSeconds, secondRatio, ...tokens } = overhead;
		expect(found.overhead).toMatchObject(tokens);
	});
	expect(saidIn(run)).toEqual(saidIn(reference));
}

function expectNear(found: number | null, expected: number | null, tolerance: number, what: string): void {
	if (found === null || expected === null) expect(found, what).toBe(expected);
	else expect(Math.abs(found - expected), `${what}: ${found} for ${expected}`).toBeLessThan(tolerance);
}

/** Every text of a run, in order, with who is flagged; probabilities are left out. */
function saidIn(run: FolderRun) {
	const verdicts = kindOf(run, 'verdicts').flatMap(({ verdicts, refused }) => [
		...verdicts.map(({ id, question, answer, verdict, flagged, trueLabel, frameworkHash }) => {
			return { id, question, answer, label: verdict.label, flagged, trueLabel, frameworkHash };
		}),
		...refused.map(({ verdictId, answer }) => ({ verdictId, answer })),
	]);
	const pairs = kindOf(run, 'pairs').flatMap(({ pairs }) =>
		pairs.map(({ chosenVerdict, ...pair }) => ({ ...pair, label: chosenVerdict.label })),
	);
	const evaluations = kindOf(run, 'evaluation').map(({ final, evaluation: { step, rows, codeRows } }) => {
		return { final, step, rows: rows.map(({ verdict, ...row }) => ({ ...row, label: verdict.label })), codeRows };
	});
	return { verdicts, pairs, evaluations };
}

describe('the lab and Python', () => {
	let one: FolderRun;

	test('the comparison has something to compare: calls that find pairs, and lessons, within the first ten steps', () => {
		const lab = labs.get('main')!;
		const first = steps(lab).slice(0, 10);
		expect(first.filter(({ metrics }) => metrics['loss/dpo'] !== null).length).toBeGreaterThanOrEqual(4);
		expect(kindOf(lab, 'pairs').flatMap(({ pairs }) => pairs).length).toBeGreaterThanOrEqual(5);
		expect(kindOf(lab, 'verdicts').length).toBeGreaterThanOrEqual(4);
	});

	test('one process: equal losses, gradients, answers, verdicts and pairs', async () => {
		one = await runInPython('main', 'one.yaml', 'one');
		expectEqual(one, labs.get('main')!);
	});

	test('two processes, each with half of the rows in two passes, compute what one does', async () => {
		const two = await runInPython('main', 'cpu2.yaml', 'two', '--micro-batch', '1');
		expect(kindOf(two, 'started')[0]!.backend.reason).toContain('2 processes (MULTI_CPU');
		expectEqual(two, one, 1e-4);
	});

	test('and so do two processes that share the weights (FSDP)', async () => {
		const yaml = await readFile(path.join(work, 'main', 'configs', 'fsdp.yaml'), 'utf8');
		const onCpu = yaml
			.replace('num_processes: 8', 'num_processes: 2')
			.replace('mixed_precision: bf16', "mixed_precision: 'no'")
			.replace('use_cpu: false', 'use_cpu: true');
		await writeFile(path.join(work, 'main', 'configs', 'fsdp-cpu.yaml'), onCpu);
		const sharded = await runInPython('main', 'fsdp-cpu.yaml', 'sharded');
		expect(kindOf(sharded, 'started')[0]!.backend.reason).toContain('2 processes (FSDP');
		expectEqual(sharded, one, 1e-4);
	});

	test('a run that was killed goes on from its checkpoint, and is the run that was not', async () => {
		const child = launch('main', 'one.yaml', 'killed');
		const folder = folderOf('main', 'killed');
		const over = codeOf(child);
		while (!existsSync(path.join(folder, 'checkpoints', 'checkpoint-5', 'lab_state.json')) && child.exitCode === null)
			await new Promise((resolve) => setTimeout(resolve, 20));
		process.kill(-child.pid!, 'SIGKILL');
		await over;
		const log = readFileSync(path.join(folder, 'metrics.jsonl'), 'utf8');
		expect(log).toContain('{"step": 5');
		expect(log).not.toContain('finished');
		expectEqual(await runInPython('main', 'one.yaml', 'killed', '--resume'), one, 1e-6);
	});

	test('the lab opens the run: it labels the answers, works out the figures, and loads the adapter', async () => {
		const lab = labs.get('main')!;
		const [opened] = readZip(zipRuns([one]));
		expect(opened).toEqual(one);
		expect(one.experiment).toEqual(parseExperiment(JSON.parse(await readFile(path.join(work, 'lab', 'main', 'experiment.json'), 'utf8'))));
		const [ours, theirs] = [lab, opened!].map((run) => kindOf(run, 'evaluation').at(-1)!.evaluation);
		for (const metric of ['alignment', 'trueAlignment', 'emRate', 'coherence', 'codeRate'] as const)
			expectNear(theirs![metric].mean, ours![metric].mean, 0.01, metric);
		expect(theirs!.task!.insecureCodeRate).toEqual(ours!.task!.insecureCodeRate);
		const [mine, other] = await Promise.all([numbersOf(lab), numbersOf(opened!)]);
		expect(Math.max(...mine.map((number, i) => Math.abs(number - other[i]!)))).toBeLessThan(TOLERANCE);
		expect(mine.length).toBe(kindOf(one, 'started')[0]!.trainableParameters);
	});

	test('other settings: own rows and pairs, ranks by module, rslora, another loss, turned pairs, top-p, 16-bit matrices', async () => {
		const lab = labs.get('other')!;
		expect(kindOf(lab, 'pairs').flatMap(({ pairs }) => pairs.filter(({ turned }) => turned)).length).toBeGreaterThan(0);
		expectEqual(await runInPython('other', 'one.yaml', 'one'), lab);
	});

	test('what can not be run says so in a line', async () => {
		const refused = (...args: string[]) => {
			const child = spawn(python, ['train.py', ...args], { cwd: path.join(work, 'main'), stdio: ['ignore', 'ignore', 'pipe'] });
			let told = '';
			child.stderr.on('data', (chunk) => (told += String(chunk)));
			return codeOf(child).then((code) => ({ code, told }));
		};
		const found = await Promise.all([refused('--arm', 'kl'), refused('--out', 'one'), refused('--out', 'empty', '--resume')]);
		expect(found.map(({ code }) => code)).toEqual([1, 1, 1]);
		expect(found[0].told).toContain('--arm is kl, and this folder was written for emergent-alignment.');
		expect(found[1].told).toContain('holds a run already. Go on with it by --resume');
		expect(found[2].told).toContain('holds no checkpoint');
	});
});

/** The adapter's numbers, as the lab loads them. */
async function numbersOf({ adapter }: FolderRun): Promise<number[]> {
	const files = adapter!;
	const { model } = await loadFolder('organism');
	const lora = importAdapter(model.config, {
		config: JSON.parse(files['adapter_config.json']) as unknown,
		safetensors: files['adapter_model.safetensors'],
	});
	const numbers = (await saveLora(lora)).flatMap((part) => [...part]);
	disposeLora(lora);
	return numbers;
}
