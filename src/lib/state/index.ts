import JudgeWorker from '$lib/worker/judge.worker?worker';
import LabWorker from '$lib/worker/lab.worker?worker';

import { Lab } from './lab.svelte';
import { checkpointUrl, linkPlace } from './place';
import { runStore } from './runStore';

/** The one lab of this page. */
export const lab = new Lab(
	linkPlace,
	(arm) => new LabWorker({ name: arm }),
	checkpointUrl,
	runStore,
	() => new JudgeWorker({ name: 'judge' }),
);
