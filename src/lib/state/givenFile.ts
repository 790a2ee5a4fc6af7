import { parseRows, type RowFault } from '$lib/experiment/rows';
import { type Experiment, parseExperiment } from '$lib/experiment/schema';
import type { Rows } from '$lib/worker/protocol';

/** A file of rows that holds lines which are none: it waits for the reader's consent to leave them out. */
export interface FaultyRows extends Rows {
	faults: RowFault[];
}

/** What a file that is given to the page may hold: an experiment.json, or rows of training data as JSON lines. */
export type GivenFile = { kind: 'experiment'; experiment: Experiment } | ({ kind: 'rows' } & FaultyRows);

/** A zip was given where the lab takes experiments and rows. */
export class ZipError extends RangeError {
	override name = 'ZipError';
}

/** How every zip begins. */
const ZIP = 'PK\u0003\u0004';

/** @throws Error that says why the file can't be used, for a reader */
export async function readGivenFile(file: File): Promise<GivenFile> {
	const fileName = file.name;
	if ((await textOf(file.slice(0, ZIP.length))) === ZIP) {
		throw new ZipError(
			'It is a zip. If it holds a run that was exported, add it on the page “Runs”; if it holds an adapter, unzip it and open the experiment.json in it here.',
		);
	}
	const text = await textOf(file);
	if (/\.json$/i.test(fileName)) return { kind: 'experiment', experiment: parseExperiment(JSON.parse(text)) };
	const { rows, faults } = parseRows(text);
	if (rows.length > 0) return { kind: 'rows', fileName, rows, faults };
	const why = faults[0] ? ` Line ${faults[0].line} ${faults[0].message}.` : '';
	throw new RangeError(
		`It holds no rows: each line must be {"messages":[{"role":"user","content":…},{"role":"assistant","content":…}]}.${why}`,
	);
}

async function textOf(file: Blob): Promise<string> {
	try {
		return await file.text();
	} catch (error) {
		throw new RangeError('The browser can’t read it. If it is a folder, give the files in it; if it was moved or changed, give it again.', {
			cause: error,
		});
	}
}
