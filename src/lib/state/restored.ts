/** An interrupted group of runs, read back from the store. */
import type { MemoryFile } from '$lib/conscience/memory';
import type { RunEvent } from '$lib/experiment/events';
import { listens } from '$lib/experiment/methods/index';
import type { QuestionFile } from '$lib/experiment/ownQuestions';
import type { Experiment } from '$lib/experiment/schema';
import type { KeptRun, RunHeader } from '$lib/storage/database';

import type { Interrupted } from './interrupted';
import type { RunStore } from './keeping.svelte';

/** What each copy had told, and the experiment as it stood. */
export interface Restored {
	experiment: Experiment;
	rows: RunHeader['rows'];
	verdictFiles: RunHeader['verdictFiles'];
	questions: QuestionFile | null;
	memory: MemoryFile | null;
	engine: string;
	copies: readonly { header: KeptRun; events: readonly RunEvent[] }[];
}

export type ReadCopies = Awaited<ReturnType<typeof readCopies>>;

/** All that is kept of a group, with what a person said of the answers of the copy that is judged. */
export async function readCopies(store: RunStore, headers: Interrupted['headers']) {
	const [first] = headers as [KeptRun];
	const copies = await Promise.all(headers.map(async (header) => ({ header, events: await store.events(header.id) })));
	const judged = headers.find(({ arm }) => listens(arm)) ?? first;
	const [labels, pins] = await Promise.all([store.labels(judged.id), store.pins(judged.id)]);
	const experiment = (await store.experimentNow(judged.id)) ?? judged.experiment;
	const [rows, verdictFiles, memory] = [await store.rows(first.id), await store.verdictFiles(judged.id), await store.memory(judged.id)];
	const given = { rows, verdictFiles, questions: first.questions ?? null, memory };
	const restored: Restored = { experiment, ...given, engine: first.engine, copies };
	return { judged: judged.id, labels, pins, restored };
}
