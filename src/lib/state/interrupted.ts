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
	const open = runs.filter(({ source, status }) => source === 'lab' && (status === 'underway' || status === 'failed'));
	return [...new Set(open.map(({ group }) => group))]
		.map((group): Interrupted => {
			const headers = runs.filter((run) => run.group === group);
			const [step, at] = [headers.map((run) => run.step), headers.map(({ updatedAt }) => updatedAt)];
			return { group, headers, step: Math.max(...step), at: Math.max(...at) };
		})
		.filter(({ step }) => step > 0)
		.sort((a, b) => b.at - a.at);
}
