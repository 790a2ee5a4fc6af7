/** `npm run experiments -- E3 …`: the runs of studies, and what follows from them. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { type Study, STUDIES, studyById } from '$lib/experiment/studies/index';
import { resultInMarkdown } from '$lib/experiment/studies/markdown';
import { parseResult } from '$lib/experiment/studies/result';

import { commitHere } from './commitHere';
import { clearParts, undone } from './keptRuns';
import { ProgressLine } from './progressLine';
import { sourceHash } from './sourceHash';
import { type Plan, planStudies, quickly } from './studyPlan';
import { workAll } from './studyPool';
import { analyseAgain, resultFile, writeStudy } from './studyFiles';
import type { Work } from './studyWorker';

const USAGE = `Usage: npm run experiments -- <study …, or all> [--jobs N] [--seeds 1,2,3] [--quick] [--any-code] [--out DIR]
       npm run experiments -- --print E3     what results/ holds of it, as Markdown
       npm run experiments -- --analyse E3   the analysis again, over the rows that results/ holds
  --quick      a few steps on two seeds, to see that it works; written to out/quick
  --any-code   counts runs that are there from another state of the code`;

const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface Options {
	studies: Study[];
	does: 'run' | 'print' | 'analyse';
	jobs: number;
	anyCode: boolean;
	/** Where results are written. */
	out: string;
	/** Where finished runs are kept. */
	kept: string;
}

/** A command line that can't be followed; the message says what is wrong and what there is. */
class UsageError extends Error {
	override name = 'UsageError';
}

function readOptions(args: string[]): Options {
	const { values, positionals } = parseCommandLine(args);
	const ids = positionals.flatMap((id) => (id.toLowerCase() === 'all' ? STUDIES.map((study) => study.id) : [id]));
	if (ids.length === 0) throw new UsageError(`${USAGE}\n\n${STUDIES.map(({ id, title }) => `${id.padEnd(4)} ${title}`).join('\n')}`);
	const seeds = values.seeds === undefined ? null : readNumbers('--seeds', values.seeds);
	const asked = [...new Set(ids)].map((id) => studyById(id)).map((study) => (seeds ? { ...study, seeds } : study));
	const does = values.print ? 'print' : values.analyse ? 'analyse' : 'run';
	if (values.quick && does !== 'run')
		throw new UsageError('--quick writes nothing to results/, so there is nothing of it to print or to analyse.');
	const out = values.out ?? (values.quick ? path.join(ROOT, 'out', 'quick') : path.join(ROOT, 'results'));
	return {
		studies: values.quick ? asked.map(quickly) : asked,
		does,
		jobs: values.jobs === undefined ? availableParallelism() : readNumbers('--jobs', values.jobs)[0]!,
		anyCode: values['any-code'] ?? false,
		out,
		kept: values.out || values.quick ? path.join(out, 'runs') : path.join(ROOT, 'out', 'studies'),
	};
}

function parseCommandLine(args: string[]) {
	const [text, flag] = [{ type: 'string' }, { type: 'boolean' }] as const;
	const options = { jobs: text, seeds: text, out: text, quick: flag, print: flag, analyse: flag, 'any-code': flag };
	try {
		return parseArgs({ args, allowPositionals: true, options });
	} catch (error) {
		throw new UsageError(`${(error as Error).message}\n${USAGE}`);
	}
}

function readNumbers(option: string, list: string): number[] {
	const numbers = list.split(',').map((text) => (/^\d+$/.test(text.trim()) ? Number(text) : Number.NaN));
	if (numbers.every((number) => Number.isSafeInteger(number) && number >= 1 && number < 2 ** 31)) return [...new Set(numbers)];
	throw new UsageError(
		`${option} takes whole numbers from 1 up${option === '--seeds' ? ' with commas between them' : ''}, and came as '${list}'.`,
	);
}

/** Makes what is missing, and writes each study once its last run is there. */
async function run(options: Options): Promise<void> {
	const { studies, jobs, anyCode, kept } = options;
	await clearParts(kept);
	const plan = planStudies(studies);
	const by = { code: sourceHash('cli/studyWorker.ts'), commit: commitHere() };
	const works = [...plan.tasks.values()].flatMap((task): Work[] => {
		const left = undone(kept, task, by.code, anyCode);
		return left.run || left.readers.length > 0 ? [{ task, kept, ...by, ...left }] : [];
	});
	process.stderr.write(
		`${studies.map(({ id }) => id).join(', ')}: ${plan.tasks.size} runs, ${works.length} of them to make, ${jobs} at a time.\n`,
	);
	const stop = new AbortController();
	for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

	const open = new Set(works.map(({ task }) => task.key));
	const reasons = new Map<string, string>();
	const unwritten = new Set(studies);
	let writing = Promise.resolve();
	const writeReady = () => {
		const ready = [...unwritten].filter((study) => plan.runs.get(study.id)!.every(({ key }) => !open.has(key)));
		for (const study of ready) {
			unwritten.delete(study);
			writing = writing.then(() => writeAndTell(study, options, plan, reasons));
		}
	};
	writeReady();
	await workAll(works, jobs, new ProgressLine('studies'), stop.signal, ({ task }, reason) => {
		open.delete(task.key);
		if (reason !== null) {
			reasons.set(task.key, reason);
			process.stderr.write(`\n${task.title} failed: ${reason}\n`);
		}
		writeReady();
	});
	await writing;
	await clearParts(kept);
	if (stop.signal.aborted) {
		process.stderr.write(`\nStopped. ${works.length - open.size} runs of this call are kept; the same command goes on from there.\n`);
		process.exitCode = 130;
	} else if (reasons.size > 0) process.exitCode = 1;
}

async function writeAndTell(study: Study, { kept, out }: Options, plan: Plan, reasons: ReadonlyMap<string, string>): Promise<void> {
	const result = await writeStudy(study, kept, out, plan, reasons);
	if (result) console.log(`${resultInMarkdown(study, result)}\nWritten to ${path.relative(process.cwd(), resultFile(out, study))}\n`);
	else process.stderr.write(`\n${study.id}: not one of its runs is there, so there is nothing to write.\n`);
}

async function print(study: Study, { out }: Options): Promise<void> {
	const file = resultFile(out, study);
	if (!existsSync(file)) throw new UsageError(`${study.id} was not run yet: npm run experiments -- ${study.id} does it.`);
	console.log(resultInMarkdown(study, parseResult(JSON.parse(await readFile(file, 'utf8')))));
}

async function main(): Promise<void> {
	const options = readOptions(process.argv.slice(2));
	if (options.does === 'run') return run(options);
	for (const study of options.studies) {
		if (options.does === 'analyse') await analyseAgain(study, options.out, commitHere());
		await print(study, options);
	}
}

main().catch((error: unknown) => {
	const known = error instanceof Error && ['UsageError', 'RangeError', 'StudyFileError'].includes(error.name);
	process.stderr.write(`\n${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
	process.exitCode = 1;
});
