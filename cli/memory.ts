/** `npm run memory`: what a class's memory is worth to whoever comes after, and what poison in it does. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { exchangeStates } from '$lib/conscience/exchangeStates';
import { exchangeId, type PooledState, type Recalled } from '$lib/conscience/memory';
import { baseJudge } from '$lib/experiment/baseJudge';
import { RULER } from '$lib/experiment/evaluationPlan';
import { memoryLines } from '$lib/experiment/memoryFile';
import { CONDITIONS, CONTRIBUTORS, FRESH, FULL, type MemoryKind, POISONS, QUORUMS } from '$lib/experiment/memoryStudy/conditions';
import { byCoin, type ClassMemory, classMemory, dealtAnew, type Deposit } from '$lib/experiment/memoryStudy/deposits';
import { type ExampleFigures, type Labelled, withExamples } from '$lib/experiment/memoryStudy/examples';
import { tablesInMarkdown } from '$lib/experiment/memoryStudy/markdown';
import { figuresOf, type MemoryResult, type PoisonFigures } from '$lib/experiment/memoryStudy/result';
import { skipAtFrom, thresholds } from '$lib/experiment/memoryStudy/retrieval';
import { readStudyRuns, type StudyRun, writeStudyRuns } from '$lib/experiment/memoryStudy/rows';
import { startBackend } from '$lib/model/backend';
import type { Checkpoint } from '$lib/model/checkpoint';
import { seededRandom } from '$lib/model/random';
import { answerAttacks, devQuestions } from '$world/index';

import { loadFolder } from './checkpoints';
import { commitHere } from './commitHere';
import { type Contribution, fromJson, makeAll, type Part, toJson } from './memoryParts';
import { writeWhole } from './writeWhole';

const USAGE = `Usage: npm run memory -- [--jobs N] [--deposits] [--out DIR]
  --deposits  the contributors' runs and what follows from them alone: how alike is alike enough`;

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Of what people say in the class of the study, what is turned, and what the controls deal out. */
const SEED = 1;

interface Options {
	jobs: number;
	/** Where results, and the parts that they are made of, are written. */
	out: string;
	parts: string;
}

const nameOf = (seed: number) => `student ${seed}`;
const depositsOf = (given: readonly Contribution[]): Map<string, Deposit[]> => new Map(given.map(({ seed, deposits }) => [nameOf(seed), deposits])); // prettier-ignore

async function contributions({ jobs, parts }: Options): Promise<Contribution[]> {
	const files = CONTRIBUTORS.map((seed): Part => ({ kind: 'deposits', seed, file: path.join(parts, `deposits-${seed}.json`) }));
	await makeAll(files, jobs);
	return Promise.all(files.map(({ file }) => fromJson<Contribution>(file)));
}

async function retrievalOf(given: readonly Contribution[]): Promise<Pick<MemoryResult, 'drafts' | 'skipAt' | 'thresholds'>> {
	const drafts = given.flatMap((one) => one.drafts);
	const figures = await thresholds(drafts);
	return { drafts: drafts.length, skipAt: skipAtFrom(figures), thresholds: figures };
}

/** Examples come from the first three, for drafts of the others: nobody is told of their own. */
async function examplesOf(given: readonly Contribution[], { parts }: Options): Promise<ExampleFigures[]> {
	const file = path.join(parts, 'examples.json');
	if (!existsSync(file)) {
		await startBackend('wasm', { threads: 1 });
		const checkpoint = await loadFolder('organism');
		const { trajectories } = await classMemory(depositsOf(given.slice(0, 3)), { quorum: 2, poison: { kind: 'none' }, seed: SEED });
		const drafts = given.slice(3).flatMap((one) => one.drafts);
		const figures = await withExamples(baseJudge(FULL, checkpoint), trajectories, drafts, await dressedAnswers(checkpoint));
		await writeWhole(file, toJson(figures));
	}
	return fromJson<ExampleFigures[]>(file);
}

/** Cruel answers to the development questions under each of the lab's attacks on a judge, as the page Chat's bench has them. */
async function dressedAnswers(checkpoint: Checkpoint): Promise<Labelled[]> {
	const attacks = answerAttacks(devQuestions(), RULER.principles, seededRandom(SEED, 'dressed answers')).filter(({ family }) => family !== 'none'); // prettier-ignore
	const states = await exchangeStates(checkpoint, attacks);
	return attacks.map(({ question, answer, cluster }, i) => ({ question, answer, cluster, seed: SEED, trueLabel: 'unethical', state: states[i]! })); // prettier-ignore
}

const keyOf = (kind: MemoryKind): string => (kind.of === 'class' ? `class-${kind.quorum}-${JSON.stringify(kind.poison).replace(/[^a-z0-9.]+/gi, '-')}` : kind.of); // prettier-ignore

/** Every memory that a condition takes along, as a file, and what is known of those of a class. */
async function memoriesOf(
	given: readonly Contribution[],
	{ parts }: Options,
): Promise<{ fileOf: (kind: MemoryKind) => string; made: Map<string, ClassMemory> }> {
	const deposits = depositsOf(given);
	const made = new Map<string, ClassMemory>();
	for (const quorum of QUORUMS)
		for (const { poison } of POISONS)
			made.set(keyOf({ of: 'class', quorum, poison }), await classMemory(deposits, { quorum, poison, seed: SEED }));
	const clean = made.get(keyOf({ of: 'class', quorum: 2, poison: { kind: 'none' } }))!.trajectories;
	const controls: [MemoryKind, Recalled[]][] = [
		[{ of: 'dealt' }, dealtAnew(clean, SEED)],
		[{ of: 'coin' }, await byCoin(clean, await statesOf(given), SEED)],
	];
	const all = [...[...made].map(([key, { trajectories }]) => [key, trajectories] as const), ...controls.map(([kind, list]) => [keyOf(kind), list] as const)]; // prettier-ignore
	const fileOf = (kind: MemoryKind) => path.join(parts, `memory-${keyOf(kind)}.jsonl`);
	for (const [key, trajectories] of all) await writeWhole(path.join(parts, `memory-${key}.jsonl`), memoryLines(trajectories));
	return { fileOf, made };
}

async function statesOf(given: readonly Contribution[]): Promise<Map<string, PooledState>> {
	const states = new Map<string, PooledState>();
	for (const { question, alternative, alternativeState, frameworkHash } of given.flatMap(({ deposits }) => deposits))
		if (alternative && alternativeState)
			states.set(await exchangeId({ question, answer: alternative.answer }, frameworkHash), alternativeState);
	return states;
}

async function runsOf(fileOf: (kind: MemoryKind) => string, { jobs, parts }: Options): Promise<StudyRun[]> {
	const each = FRESH.flatMap((seed) =>
		CONDITIONS.map(({ id, memory }): Part => {
			return { kind: 'run', seed, condition: id, memory: memory && fileOf(memory), file: path.join(parts, `run-${id}-${seed}.json`) };
		}),
	);
	await makeAll(each, jobs);
	return Promise.all(each.map(({ file }) => fromJson<StudyRun>(file)));
}

function poisonsOf(made: ReadonlyMap<string, ClassMemory>): PoisonFigures[] {
	return QUORUMS.flatMap((quorum) =>
		POISONS.map(({ id, label, poison }): PoisonFigures => {
			const { trajectories, ...facts } = made.get(keyOf({ of: 'class', quorum, poison }))!;
			const pairs = trajectories.filter(({ agreed, alternativeAgreed }) => agreed === 'unethical' && alternativeAgreed).length;
			return { ...{ id, label, quorum, pairs }, ...facts, remembered: trajectories.length };
		}),
	);
}

async function conclude(given: readonly Contribution[], options: Options): Promise<void> {
	const retrieval = await retrievalOf(given);
	const examples = await examplesOf(given, options);
	const { fileOf, made } = await memoriesOf(given, options);
	const rows = path.join(options.out, 'memory.rows.json.gz');
	await writeWhole(rows, writeStudyRuns(await runsOf(fileOf, options)));
	const runs = readStudyRuns(new Uint8Array(await readFile(rows)));
	const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
	const tokensOf = ({ costs: { answers, verdicts, alternatives, states, lessons, code } }: StudyRun) => answers + verdicts + alternatives + states + lessons + code; // prettier-ignore
	const result: MemoryResult = {
		version: 1,
		...{ date: new Date().toISOString(), commit: commitHere(), contributors: [...CONTRIBUTORS], seeds: [...FRESH] },
		seconds: Math.round(sum([...given, ...runs].map(({ seconds }) => seconds))),
		tokens: sum([...given.map(({ tokens }) => tokens), ...runs.map(tokensOf)]),
		...retrieval,
		examples,
		conditions: figuresOf(runs),
		poisons: poisonsOf(made),
	};
	await writeWhole(path.join(options.out, 'memory.json'), `${JSON.stringify(result, null, '\t')}\n`);
	print(result);
}

function print(result: MemoryResult): void {
	for (const table of Object.values(tablesInMarkdown(result))) console.log(`${table}\n`);
	console.log(`From a cosine of ${result.skipAt} on what is remembered counts as known (${result.drafts} drafts).`);
	console.log(`${result.seconds} core seconds, ${result.tokens} tokens, commit ${result.commit}`);
}

async function main(): Promise<void> {
	const text = { type: 'string' } as const;
	const { values } = parseArgs({ args: process.argv.slice(2), options: { jobs: text, out: text, deposits: { type: 'boolean' } } });
	const jobs = values.jobs === undefined ? availableParallelism() : Number(values.jobs);
	if (!Number.isSafeInteger(jobs) || jobs < 1) throw new RangeError(`--jobs takes a whole number from 1 up.\n${USAGE}`);
	const out = values.out ? path.resolve(values.out) : path.join(ROOT, 'results');
	const options = { jobs, out, parts: path.join(values.out ? out : path.join(ROOT, 'out'), 'memory') };
	const given = await contributions(options);
	if (values.deposits) return void console.log(JSON.stringify(await retrievalOf(given), null, '\t'));
	await conclude(given, options);
}

main().catch((error: unknown) => {
	const known = error instanceof Error && ['RangeError', 'MemoryStudyError'].includes(error.name);
	process.stderr.write(`\n${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
	process.exitCode = 1;
});
