import type { KeptRun } from '$lib/storage/database';

/** Runs that were begun together and came to no end: the page was closed, or the browser crashed. */
export interface Interrupted {
	group: string;
	headers: readonly KeptRun[];
	/** Of the copy that got furthest. */
	step: number;
	/** When it was last heard of, in ms since 1970. */
	at: number;
}

/** The groups that came to no end, the newest first. One that had done no step has nothing to go on from. */
export function interruptedIn(runs: readonly KeptRun[]): Interrupted[] {
	return openGroups(runs)
		.filter(([, headers]) => headers.some(hasGoneOn))
		.map(([group, headers]): Interrupted => {
			const [step, at] = [headers.map((run) => run.step), headers.map(({ updatedAt }) => updatedAt)];
			return { group, headers, step: Math.max(...step), at: Math.max(...at) };
		})
		.sort((a, b) => b.at - a.at);
}

/** The groups that were left before they had done anything: nobody goes on with them, nor do they say that they have failed. */
export function abandonedIn(runs: readonly KeptRun[]): { group: string; ids: string[] }[] {
	return openGroups(runs)
		.filter(([, headers]) => !headers.some(hasGoneOn))
		.map(([group, headers]) => ({ group, ids: headers.filter((run) => !hasFailed(run)).map(({ id }) => id) }));
}

/** The lab's own groups of which a run is not over. */
function openGroups(runs: readonly KeptRun[]): [string, KeptRun[]][] {
	const groups = new Map<string, KeptRun[]>();
	for (const run of runs) groups.set(run.group, [...(groups.get(run.group) ?? []), run]);
	return [...groups].filter(([, headers]) =>
		headers.some(({ source, status }) => source === 'lab' && (status === 'underway' || status === 'failed')),
	);
}

/** A run that misaligns the model first has done something before its step 1, too. */
const hasGoneOn = ({ step, experiment, sizes }: KeptRun): boolean => step > 0 || (experiment.model.misalignSteps > 0 && sizes.snapshot > 0);

const hasFailed = ({ status, sizes }: KeptRun): boolean => status === 'failed' && sizes.events > 0;
