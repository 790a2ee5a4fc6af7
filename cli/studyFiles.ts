/** What is written of a study: results/E3.json, the figures, and results/E3.rows.json.gz, the rows that they follow from. */
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { unequalBudgets } from '$lib/experiment/budget';
import type { Study, StudyRun } from '$lib/experiment/studies/index';
import { parseResult, type StudyResult } from '$lib/experiment/studies/result';
import { joinRows, rowsOf, type StudyRows } from '$lib/experiment/studies/rows';
import { readRows, writeRows } from '$lib/experiment/studies/rowsFile';

import { eventsOf, type Made, madeOf, readingsOf } from './keptRuns';
import type { Plan } from './studyPlan';
import { writeWhole } from './writeWhole';

export const resultFile = (out: string, { id }: Pick<Study, 'id'>): string => path.join(out, `${id}.json`);
const rowsFileOf = (out: string, { id }: Pick<Study, 'id'>): string => path.join(out, `${id}.rows.json.gz`);

/** Analyses the runs that are there and writes both files; null, and nothing written, where there is none. */
export async function writeStudy(
	study: Study,
	kept: string,
	out: string,
	{ runs, tasks }: Plan,
	reasons: ReadonlyMap<string, string>,
): Promise<StudyResult | null> {
	const parts: StudyRows[] = [];
	const made = new Map<string, Made>();
	const missing: StudyResult['missing'] = [];
	for (const { run, seed, key } of runs.get(study.id)!) {
		const by = reasons.has(key) ? null : madeOf(kept, { key });
		if (!by) {
			missing.push({ run, seed, reason: reasons.get(key) ?? 'it was not made' });
			continue;
		}
		made.set(key, by);
		const events = await eventsOf(kept, tasks.get(key)!);
		const readings = Object.entries(readingsOf(kept, { key })).filter(([judge]) => study.readers?.includes(judge));
		parts.push(rowsOf({ run, seed, events, readings: Object.fromEntries(readings) }, study.keeps));
	}
	if (parts.length === 0) return null;
	const rows = joinRows(parts);
	const result = parseResult({
		version: 1,
		study: study.id,
		date: new Date().toISOString(),
		commits: distinct([...made.values()].map(({ commit }) => commit)),
		code: distinct([...made.values()].map(({ code }) => code)),
		unequal: unequalIn(study, rows),
		seeds: [...study.seeds],
		runs: made.size,
		seconds: [...made.values()].reduce((sum, { seconds }) => sum + seconds, 0),
		tokens: tokensIn(rows),
		processors: distinct([...made.values()].map(({ processor }) => processor)),
		missing,
		finding: study.analyse(rows),
	});
	await mkdir(out, { recursive: true });
	await writeWhole(rowsFileOf(out, study), writeRows(rows));
	await writeResult(out, study, result);
	return result;
}

/** The analysis as it is now, over the rows that were written, by the code of a commit. @throws StudyFileError where a file can't be read */
export async function analyseAgain(study: Study, out: string, commit: string): Promise<StudyResult> {
	const rows = readRows(new Uint8Array(await readFile(rowsFileOf(out, study))));
	const before = parseResult(JSON.parse(await readFile(resultFile(out, study), 'utf8')));
	const analysedBy = { commit, date: new Date().toISOString() };
	const result = { ...before, analysedBy, unequal: unequalIn(study, rows), finding: study.analyse(rows) };
	await writeResult(out, study, result);
	return result;
}

/** Where runs that learn the same rows for as many steps did not learn as many tokens of them, though their methods have to. */
export function unequalIn({ runs }: Study, { costs }: StudyRows): string[] {
	const learns = ({ experiment: { data, optimizer, model } }: StudyRun) => JSON.stringify([data, optimizer, model]);
	return distinct(runs.map(learns)).flatMap((same) =>
		unequalBudgets(
			costs.flatMap((overhead) => {
				const run = runs.find(({ id }) => id === overhead.run);
				return run && run.arm !== 'base' && learns(run) === same ? [{ seed: overhead.seed, arm: run.arm, overhead }] : [];
			}),
		),
	);
}

const writeResult = (out: string, study: Study, result: StudyResult) =>
	writeWhole(resultFile(out, study), `${JSON.stringify(result, null, '\t')}\n`);

const distinct = (texts: readonly string[]) => [...new Set(texts)].toSorted();

const tokensIn = ({ costs }: StudyRows): StudyResult['tokens'] => ({
	sft: costs.reduce((sum, { sftTokens }) => sum + sftTokens, 0),
	conscience: costs.reduce(
		(sum, { answerTokens, judgeTokens, alternativeTokens, dpoTokens }) => sum + answerTokens + judgeTokens + alternativeTokens + dpoTokens,
		0,
	),
});
