import type { Label } from '$lib/conscience/judge';
import { exchangeId, type PooledState, type Trajectory } from '$lib/conscience/memory';
import type { RunEvent } from '$lib/experiment/events';
import { type Reviewed, reviewedOf } from '$lib/experiment/trajectories';
import type { KeptRun } from '$lib/storage/database';
import { LIMITS } from '$lib/storage/memory/wire';

/** A run whose answers the frozen model is reading, and how far it is. */
export interface Reading {
	run: string;
	read: number;
	total: number;
}

/** What a run has told, and what people said of it. */
export interface RunReader {
	events(id: string): Promise<RunEvent[]>;
	labels(id: string): Promise<ReadonlyMap<string, Label>>;
}

/** Lets the frozen model read exchanges. */
export type ReadStates = (checkpoint: string, exchanges: readonly Reviewed[], onProgress: (read: number) => void) => Promise<PooledState[]>;

/** What a run's conscience has reviewed, as a memory takes it, and how many answers were left out. */
export async function trajectoriesOf(
	run: Pick<KeptRun, 'id' | 'experiment'>,
	runs: RunReader,
	readStates: ReadStates,
	onReading: (reading: Reading) => void,
): Promise<{ trajectories: Trajectory[]; leftOut: number }> {
	const [events, labels] = await Promise.all([runs.events(run.id), runs.labels(run.id)]);
	const { reviewed, leftOut } = reviewedOf(events, { runId: run.id, experiment: run.experiment, labels, limits: LIMITS });
	const onProgress = (read: number) => onReading({ run: run.id, read, total: reviewed.length });
	onProgress(0);
	const states = await readStates(run.experiment.model.checkpoint, reviewed, onProgress);
	const trajectories = reviewed.map(async (each, i): Promise<Trajectory> => {
		const state = states[i]!;
		return { ...each, id: await exchangeId(each, each.frameworkHash), revision: state.revision, state };
	});
	return { trajectories: await Promise.all(trajectories), leftOut };
}

/** What was left out, as the rest of a sentence. */
export const leftOutInWords = (leftOut: number): string =>
	leftOut > 0 ? `; ${leftOut} were left out: empty, too long, known from a memory, or judged by a control` : '';
