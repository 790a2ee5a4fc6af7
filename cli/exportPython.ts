/** `npm run export:python -- <preset or file.json> DIR`: the experiment as a folder for TRL and PEFT under `accelerate launch`. */
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { applyChanges } from '$lib/experiment/link';
import { isOwnCheckpoint } from '$lib/experiment/ownCheckpoint';
import { MODEL_FILES, pythonFolder } from '$lib/experiment/pythonFolder';
import { ExperimentError } from '$lib/experiment/schema';

import { changesSet, presetNamed, readExperiment, readQuestions, readRows } from './givenFiles';
import { pythonSources } from './pythonSources';

const USAGE = 'Usage: npm run export:python -- <preset or file.json> DIR [--set path=value …] [--data rows.jsonl] [--questions FILE]';
const STATIC = fileURLToPath(new URL('../static', import.meta.url));

function parseCommandLine(args: string[]) {
	const text = { type: 'string' } as const;
	try {
		return parseArgs({
			args,
			allowPositionals: true,
			options: { set: { ...text, multiple: true }, data: text, questions: text },
		});
	} catch (error) {
		throw new ExperimentError(`${(error as Error).message}\n${USAGE}`);
	}
}

async function main(): Promise<void> {
	const { values, positionals } = parseCommandLine(process.argv.slice(2));
	const [source, folder] = positionals;
	if (positionals.length !== 2 || !source || !folder) throw new ExperimentError(`An experiment and a folder are needed.\n${USAGE}`);
	const start = source.endsWith('.json') ? await readExperiment(source) : presetNamed(source);
	const changes = changesSet(values.set);
	const rows = values.data === undefined ? null : await readRows(values.data);
	if (rows) changes.push(['data.source', 'rows']);
	const questions = values.questions === undefined ? null : await readQuestions(values.questions);
	if (questions) changes.push(['evaluation.questions', 'own'], ['evaluation.questionFile', JSON.stringify(questions.digest)]);
	const experiment = applyChanges(start, changes);
	const { files, leftOut } = await pythonFolder(experiment, { rows: rows?.rows ?? null, questions }, await pythonSources());
	await mkdir(folder, { recursive: true });
	if ((await readdir(folder)).length > 0) throw new ExperimentError(`${folder} holds files already. Choose another folder, or empty it.`);
	for (const [name, content] of Object.entries(files)) {
		await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
		await writeFile(path.join(folder, name), content);
	}
	const { checkpoint } = experiment.model;
	if (isOwnCheckpoint(checkpoint)) {
		for (const name of MODEL_FILES) await cp(path.join(STATIC, checkpoint, name), path.join(folder, 'model', name));
	}
	for (const sentence of leftOut) console.log(sentence);
	console.log(`${folder} holds the experiment for TRL and PEFT: its README.md says how to start it.`);
}

main().catch((error: unknown) => {
	const known = error instanceof Error && (!['Error', 'TypeError'].includes(error.name) || 'code' in error);
	process.stderr.write(`\n${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
	process.exitCode = 1;
});
