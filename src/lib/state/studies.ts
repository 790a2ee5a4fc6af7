import { experimentToQuery } from '$lib/experiment/link';
import { presetById } from '$lib/experiment/presets';
import type { StudyRun } from '$lib/experiment/studies/index';
import { parseResult, type StudyResult } from '$lib/experiment/studies/result';
import type { StudyRows } from '$lib/experiment/studies/rows';
import { readRows } from '$lib/experiment/studies/rowsFile';

/** What `npm run experiments` has written, as files of the page: each is fetched when it is looked at. */
const RESULTS = import.meta.glob<string>('/results/*.json', { query: '?url&no-inline', import: 'default', eager: true });
const ROWS = import.meta.glob<string>('/results/*.rows.json.gz', { query: '?url&no-inline', import: 'default', eager: true });

/** How many runs each result rests on: so much of the files comes with the page. */
const MADE = import.meta.glob<number>('/results/E*.json', { import: 'runs', eager: true });

/** How many of a study's runs are in its result; null where there is none. */
export const runsMade = (id: string): number | null => MADE[`/results/${id}.json`] ?? null;

/** A study's result; null where it was not run. Rejects with an error that says what is wrong with it. */
export async function fetchResult(id: string): Promise<StudyResult | null> {
	const url = RESULTS[`/results/${id}.json`];
	return url === undefined ? null : parseResult(await (await fetched(url)).json());
}

/** The rows behind a study's figures. Rejects with an error that says what is wrong with them. */
export async function fetchRows(id: string): Promise<StudyRows> {
	const url = ROWS[`/results/${id}.rows.json.gz`];
	if (url === undefined) throw new RangeError(`The rows of ${id} are not beside this page.`);
	return readRows(new Uint8Array(await (await fetched(url)).arrayBuffer()));
}

async function fetched(url: string): Promise<Response> {
	const response = await fetch(url);
	if (!response.ok) throw new RangeError(`${url} can't be fetched (status ${response.status}).`);
	return response;
}

/**
 * One run of a study as a link's query for the lab's page, on the study's first seed, with the judge that a page has and evaluations on the
 * way; null for the base, which is not trained.
 */
export function labQuery({ arm, experiment }: StudyRun, seed: number): string | null {
	if (arm === 'base') return null;
	const preset = presetById('twin');
	const { conscience, evaluation } = experiment;
	const judge = conscience.judge === 'frozen-self' ? preset.experiment.conscience.judge : conscience.judge;
	return experimentToQuery(
		{
			...experiment,
			...{ seed, arms: arm === 'sft' ? ['sft'] : ['sft', arm] },
			conscience: { ...conscience, judge },
			evaluation: { ...evaluation, every: evaluation.every || preset.experiment.evaluation.every },
		},
		preset,
	);
}
