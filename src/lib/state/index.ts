import { route } from '$lib/router.svelte';
import { holdGroup, holdsGroup, isHeld } from '$lib/storage/locks';
import { onChanged, readLabels, readPins, writeLabel, writePin } from '$lib/storage/marks';
import { createRunRecord, endRun, listRuns, readEventsToSnapshot, readRows, readSnapshot, reviveRun } from '$lib/storage/runs';
import { keepVerdictFile, readVerdictFiles } from '$lib/storage/verdictFiles';
import JudgeWorker from '$lib/worker/judge.worker?worker';
import LabWorker from '$lib/worker/lab.worker?worker';

import type { RunStore } from './keeping.svelte';
import { Lab } from './lab.svelte';
import { browserMemory } from './memory';
import { Speed } from './speed.svelte';

let lastQuery = '';

/** The lab's link is the query of the path `/`; on the other pages it stays what it was, and so does the lab. */
const place = {
	get query() {
		if (route.path === '/') lastQuery = route.query;
		return lastQuery;
	},
	go: (query: string) => route.go('/', query),
};

const store: RunStore = {
	create: createRunRecord,
	list: listRuns,
	rows: readRows,
	verdictFiles: readVerdictFiles,
	keepVerdictFile,
	events: readEventsToSnapshot,
	async experimentNow(id) {
		const snapshot = await readSnapshot(id);
		return snapshot && (snapshot.adjusted ?? snapshot.experiment);
	},
	revive: reviveRun,
	end: endRun,
	putAside: (id) => endRun(id, { apart: true }),
	labels: readLabels,
	label: writeLabel,
	pins: readPins,
	pin: writePin,
	onChanged,
	hold: holdGroup,
	isHeld,
	isOurs: holdsGroup,
};

/** A checkpoint's name is a folder beside the page; an address of its own stays what it is. */
const checkpointUrl = (checkpoint: string) => new URL(checkpoint.endsWith('/') ? checkpoint : `${checkpoint}/`, document.baseURI).href;

/** The one lab of this page. */
export const lab = new Lab(
	place,
	(arm) => new LabWorker({ name: arm }),
	checkpointUrl,
	store,
	() => new JudgeWorker({ name: 'judge' }),
);

/** How fast this machine is, as it was measured last. */
export const speed = new Speed(() => new LabWorker({ name: 'speed' }), checkpointUrl, browserMemory);
