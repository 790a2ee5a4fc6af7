/** What is given to a command: presets by their names, and files, read with one line that says what is wrong with them. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import type { VerdictFile } from '$lib/conscience/importedJudge';
import type { MemoryFile } from '$lib/conscience/memory';
import { fetchFile } from '$lib/experiment/fetchedFile';
import { memoryFile, parseMemory } from '$lib/experiment/memoryFile';
import type { QuestionFile } from '$lib/experiment/ownQuestions';
import { presetById } from '$lib/experiment/presets';
import { parseQuestions, QuestionFileError } from '$lib/experiment/questionFile';
import { parseRows } from '$lib/experiment/rowFile';
import type { ChatRow } from '$lib/experiment/rows';
import { type Experiment, ExperimentError, parseExperiment } from '$lib/experiment/schema';
import { parseVerdicts, verdictFile as fileOf } from '$lib/experiment/verdictFile';

/** Rows of the user's own, under the name that their file has. */
export interface GivenRows {
	fileName: string;
	rows: ChatRow[];
}

export function presetNamed(id: string): Experiment {
	try {
		return presetById(id).experiment;
	} catch (error) {
		throw new ExperimentError((error as Error).message);
	}
}

/** What `--set path=value` was given, each as often as it was. */
export function changesSet(given: readonly string[] = []): [path: string, value: string][] {
	return given.map((change) => {
		const at = change.indexOf('=');
		if (at < 1) throw new ExperimentError(`--set takes path=value, and '${change}' is none.`);
		return [change.slice(0, at), change.slice(at + 1)];
	});
}

export async function readExperiment(file: string): Promise<Experiment> {
	let json: unknown;
	try {
		json = JSON.parse(await readFile(file, 'utf8'));
	} catch (error) {
		throw new ExperimentError(`${file} can't be read as an experiment: ${(error as Error).message}`);
	}
	return parseExperiment(json);
}

async function readText(file: string): Promise<string> {
	return readFile(file, 'utf8').catch((error: unknown) => {
		throw new ExperimentError(`${file} can't be read: ${(error as Error).message}`);
	});
}

async function fetchText(address: string): Promise<string> {
	try {
		return await (await fetchFile(address)).text();
	} catch (error) {
		throw new ExperimentError(`${address} can't be fetched: ${(error as Error).message}`);
	}
}

export async function readRows(file: string): Promise<GivenRows> {
	const isAddress = /^https?:/i.test(file);
	const { rows, faults } = parseRows(isAddress ? await fetchText(file) : await readText(file));
	if (faults.length > 0) {
		const listed = faults.slice(0, 5).map(({ line, message }) => `line ${line} ${message}`);
		throw new ExperimentError(`${file}: ${faults.length} of ${rows.length + faults.length} rows can't be used: ${listed.join('; ')}.`);
	}
	if (rows.length === 0) throw new ExperimentError(`${file} holds no rows.`);
	return { fileName: path.basename(isAddress ? new URL(file).pathname : file), rows };
}

/** Files of verdicts, read as one: the labels of a run speak of its verdicts. */
export async function readVerdicts(files: readonly string[]): Promise<VerdictFile> {
	const { verdicts, faults } = parseVerdicts(
		await Promise.all(files.map(async (file) => ({ fileName: file, text: await readText(file) }))),
	);
	if (faults.length > 0) {
		const listed = faults.slice(0, 5).map(({ fileName, line, message }) => `${fileName}, line ${line} ${message}`);
		throw new ExperimentError(`${faults.length} lines of verdicts can't be used: ${listed.join('; ')}.`);
	}
	if (verdicts.length === 0) throw new ExperimentError(`${files.join(' and ')} hold no verdicts.`);
	return fileOf(files.map((file) => path.basename(file)).join(' + '), verdicts);
}

export async function readQuestions(file: string): Promise<QuestionFile> {
	try {
		return await parseQuestions(path.basename(file), await readText(file));
	} catch (error) {
		if (error instanceof QuestionFileError) throw new ExperimentError(`${file} can't be used: ${error.message}.`);
		throw error;
	}
}

export async function readMemory(file: string): Promise<MemoryFile> {
	const { trajectories, faults } = await parseMemory(await readText(file));
	if (faults.length > 0) {
		const listed = faults.slice(0, 5).map(({ line, message }) => `line ${line} ${message}`);
		throw new ExperimentError(
			`${file}: ${faults.length} of ${trajectories.length + faults.length} lines can't be used: ${listed.join('; ')}.`,
		);
	}
	if (trajectories.length === 0) throw new ExperimentError(`${file} holds nothing that anybody has reviewed.`);
	return memoryFile(path.basename(file), trajectories);
}
