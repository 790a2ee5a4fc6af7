import type { Experiment } from '$lib/experiment/schema';
import type { Engine, Rows } from '$lib/worker/protocol';

/** All that a run is opened with; equal settings give equal runs. */
export interface RunSettings {
	experiment: Experiment;
	rows: Rows | null;
	engine: Engine;
	checkpointUrl: string;
}

/** The rows are compared by identity: a file is read once, and comparing thousands of rows would take longer than to open a run. */
export function sameSettings(a: RunSettings | null, b: RunSettings | null): boolean {
	if (!a || !b) return a === b;
	const plain = ({ experiment, engine, checkpointUrl }: RunSettings) => JSON.stringify([experiment, engine, checkpointUrl]);
	return a.rows === b.rows && plain(a) === plain(b);
}

/** Why runs can't begin with these settings, in words; null if they can. */
export const hindranceOf = ({ experiment, rows }: RunSettings): string | null =>
	experiment.data.source === 'rows' && !rows
		? 'This experiment learns from your own rows, and a link does not carry them. Choose the file under “Your own data”.'
		: null;
