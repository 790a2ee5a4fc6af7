import { onChanged } from '$lib/storage/changes';
import { StorageError } from '$lib/storage/storageError';
import { holdGroup, holdsGroup, isHeld } from '$lib/storage/locks';

import type { RunStore } from './keeping.svelte';

/** What opens the store comes with its first use. @throws StorageError when it can't be fetched */
async function opened<Module>(module: Promise<Module>): Promise<Module> {
	try {
		return await module;
	} catch (cause) {
		const { message } = cause as Error;
		throw new StorageError('failed', `The part of the page that keeps runs could not be loaded (${message}).`, { cause });
	}
}

const runs = () => opened(import('$lib/storage/runs'));
const marks = () => opened(import('$lib/storage/marks'));
const verdictFiles = () => opened(import('$lib/storage/verdictFiles'));

/** The runs of this browser. */
export const runStore: RunStore = {
	create: async (header) => (await runs()).createRunRecord(header),
	list: async () => (await runs()).listRuns(),
	rows: async (id) => (await runs()).readRows(id),
	verdictFiles: async (id) => (await verdictFiles()).readVerdictFiles(id),
	memory: async (id) => (await opened(import('$lib/storage/memoryFiles'))).readMemoryFile(id),
	keepVerdictFile: async (id, file) => (await verdictFiles()).keepVerdictFile(id, file),
	events: async (id) => (await runs()).readEventsToSnapshot(id),
	async experimentNow(id) {
		const snapshot = await (await runs()).readSnapshot(id);
		return snapshot && (snapshot.adjusted ?? snapshot.experiment);
	},
	revive: async (id) => (await runs()).reviveRun(id),
	end: async (id) => (await runs()).endRun(id),
	putAside: async (id) => (await runs()).endRun(id, { apart: true }),
	labels: async (id) => (await marks()).readLabels(id),
	label: async (id, verdictId, label) => (await marks()).writeLabel(id, verdictId, label),
	pins: async (id) => (await marks()).readPins(id),
	pin: async (id, verdictId, pinned) => (await marks()).writePin(id, verdictId, pinned),
	onChanged,
	hold: holdGroup,
	isHeld,
	isOurs: holdsGroup,
};
