import type { Run } from './run.svelte';

/** Seconds until the last of the runs is done; null while one of them can't tell. */
export const secondsLeftOf = (runs: readonly Run[]): number | null =>
	runs.reduce<number | null>((longest, { over, record }) => {
		const left = over ? 0 : (record.progress?.secondsLeft ?? null);
		return left === null || longest === null ? null : Math.max(longest, left);
	}, 0);
