import type { RunEvent } from '$lib/experiment/events';
import { rowsFile } from '$lib/experiment/folder';
import { sha256 } from '$lib/model/sha256';
import type { KeptRun } from '$lib/storage/database';
import { readLabels, readPins } from '$lib/storage/marks';
import { readEventsFrom, readRows } from '$lib/storage/runs';

import type { Pins } from './cards';
import type { Labels } from './labels';
import { RunRecord, type ShownRun } from './record.svelte';

/** The user's own rows that a run has learnt from, as far as it takes to tell them from others. */
export interface RowsIdentity {
	fileName: string;
	count: number;
	/** SHA-256 of rows.jsonl, in hexadecimal digits. */
	digest: string;
}

/** A kept run, read back to be looked at. */
export interface OpenedRun extends ShownRun {
	kept: KeptRun;
	labels: Labels;
	pins: Pins;
	/** Null for a run of the lab's own rows, and where the rows were not kept. */
	rows: RowsIdentity | null;
	/** How many batches of its events have been read. */
	batches: number;
}

/** Reads all that a run has told. @throws StorageError */
async function openRun(kept: KeptRun): Promise<OpenedRun> {
	const own = kept.experiment.data.source === 'rows';
	const [told, marks, rows] = await Promise.all([readEventsFrom(kept.id, 0), readMarks(kept.id), own ? readRows(kept.id) : null]);
	const record = new RunRecord();
	record.restore(told.events);
	const identity = rows && { fileName: rows.fileName, count: rows.rows.length, digest: await sha256(rowsFile(rows.rows)) };
	return { arm: kept.arm, record, kept, ...marks, rows: identity, batches: told.batches };
}

/** A run as it was just read, and what its record is still to be told. */
export interface ReadRun {
	run: OpenedRun;
	news: readonly RunEvent[];
}

/** Reads a run; of one on show only what it has told since, unless it went on from before what had been told. Changes nothing yet. @throws StorageError */
export async function readRun(shown: OpenedRun | null, now: KeptRun): Promise<ReadRun> {
	if (now.rewritten !== shown?.kept.rewritten) return { run: await openRun(now), news: [] };
	const [told, marks] = await Promise.all([readEventsFrom(now.id, shown.batches), readMarks(now.id)]);
	return { run: { ...shown, kept: now, ...marks, batches: told.batches }, news: told.events };
}

/** The run, with its record told what was read. */
export function toldOf({ run, news }: ReadRun): OpenedRun {
	for (const event of news) run.record.add(event);
	run.record.flush();
	return run;
}

/** What readers have made of a run's answers. @throws StorageError */
export async function readMarks(id: string): Promise<Pick<OpenedRun, 'labels' | 'pins'>> {
	const [labels, pins] = await Promise.all([readLabels(id), readPins(id)]);
	return { labels, pins };
}
