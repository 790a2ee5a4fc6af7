import { expectedSeconds } from '$lib/experiment/speed';
import type { Experiment } from '$lib/experiment/schema';
import LabWorker from '$lib/worker/lab.worker?worker';

import { browserMemory } from './memory';
import { checkpointUrl } from './place';
import type { Run } from './run.svelte';
import { Speed } from './speed.svelte';

/** How fast this machine is, as it was measured last. */
export const speed = new Speed(() => new LabWorker({ name: 'speed' }), checkpointUrl, browserMemory);

/** Seconds that runs of an experiment will take here, from the first step to the last, by what this machine was measured at; null while that is not known. */
export const secondsExpectedOf = (runs: readonly Run[], experiment: Experiment): number | null => {
	const backend = runs.find((run) => run.backend)?.backend;
	return speed.report && backend ? expectedSeconds(speed.report, backend, experiment) : null;
};
