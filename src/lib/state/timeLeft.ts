import type { Experiment } from '$lib/experiment/schema';
import { expectedSeconds, type SpeedReport } from '$lib/experiment/speed';

import type { Run } from './run.svelte';

/** Seconds until the last of the runs is done; null while one of them can't tell. */
export const secondsLeftOf = (runs: readonly Run[]): number | null =>
	runs.reduce<number | null>((longest, { over, record }) => {
		const left = over ? 0 : (record.progress?.secondsLeft ?? null);
		return left === null || longest === null ? null : Math.max(longest, left);
	}, 0);

/** Seconds that runs of an experiment will take here, from the first step to the last, by what this machine was measured at; null while that is not known. */
export const secondsExpectedOf = (runs: readonly Run[], experiment: Experiment, report: SpeedReport | null): number | null => {
	const backend = runs.find((run) => run.backend)?.backend;
	return report && backend ? expectedSeconds(report, backend, experiment) : null;
};
