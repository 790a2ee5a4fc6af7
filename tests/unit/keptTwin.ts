import { IDBFactory } from 'fake-indexeddb';
import { vi } from 'vitest';

import { zipRuns } from '$lib/experiment/folderZip';
import { KeptRuns } from '$lib/state/runs.svelte';
import { closeDatabase } from '$lib/storage/database';
import { fileWork } from '$lib/worker/fileWork';

import { someRun } from './keptRun';

export const run = { ...someRun(), begunAt: Date.UTC(2026, 10, 21) };
/** The run as both copies of one experiment. */
export const twin = [{ ...run, arm: 'emergent-alignment' as const, experiment: { ...run.experiment, arms: ['emergent-alignment' as const] } }, { ...run, arm: 'sft' as const, experiment: { ...run.experiment, arms: ['sft' as const] } }]; // prettier-ignore

/** An empty store that has taken the twin's zip. */
export async function keptTwin(): Promise<KeptRuns> {
	vi.stubGlobal('indexedDB', new IDBFactory());
	const kept = new KeptRuns(fileWork);
	await kept.take([new File([zipRuns(twin)], 'twin.zip')]);
	return kept;
}

export async function closeKept(): Promise<void> {
	vi.restoreAllMocks();
	await closeDatabase();
	vi.unstubAllGlobals();
}
