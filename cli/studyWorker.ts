/** A process that makes one run of a study, and lets other judges read it. The parent gives the work and hears how it goes. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import path from 'node:path';

import { FRAMEWORKS } from '$lib/conscience/frameworks';
import { frozenSelfJudge } from '$lib/conscience/frozenSelfJudge';
import { evaluationFile } from '$lib/experiment/folder';
import { evaluateBase, type Lab } from '$lib/experiment/runner';
import type { Readings } from '$lib/experiment/studies/rows';
import { startBackend } from '$lib/model/backend';

import { loadFolder } from './checkpoints';
import { eventsOf, folderOf, partOf, readingsOf, writeMade, writeReadings } from './keptRuns';
import { recordRun } from './recordRun';
import type { Task } from './studyPlan';

/** What a worker is given. */
export interface Work {
	task: Task;
	/** The folder of kept runs. */
	kept: string;
	/** Make the run itself; else it is there. */
	run: boolean;
	/** Judges that are to read its last answers. */
	readers: string[];
	/** Of the code, for the record. */
	code: string;
	commit: string;
}

/** What it tells: how much of its work is done, from 0 to 1; that it is done; or what went wrong. */
export type Told = { kind: 'progress'; share: number } | { kind: 'done' } | { kind: 'failed'; reason: string };

const tell = (told: Told) => process.send?.(told);

async function work({ task, kept, run, readers, code, commit }: Work): Promise<void> {
	const backend = await startBackend('wasm', { threads: 1 });
	if (run) await makeRun(task, kept, { backend }, { code, commit });
	if (readers.length > 0) await readAgain(task, kept, readers);
}

async function makeRun(task: Task, kept: string, { backend }: Pick<Lab, 'backend'>, by: { code: string; commit: string }): Promise<void> {
	const { arm, experiment, title } = task;
	const folder = partOf(kept, task);
	await rm(folder, { recursive: true, force: true });
	await mkdir(folder, { recursive: true });
	const checkpoint = await loadFolder(experiment.model.checkpoint, experiment.model.precision);
	const lab = { checkpoint, backend, rows: null, signal: new AbortController().signal };
	if (arm === 'base') await writeFile(path.join(folder, 'evaluation.json'), evaluationFile(await evaluateBase(experiment, lab), null));
	else await recordRun(experiment, arm, lab, { folder, title, rowsName: null, progress: { show, end: () => undefined } });
	const { user, system } = process.cpuUsage();
	const processor = `${cpus()[0]?.model ?? 'an unknown processor'}, Node ${process.versions.node}`;
	await writeMade(folder, { ...by, processor, seconds: Math.round((user + system) / 1e5) / 10 });
	await rm(folderOf(kept, task), { recursive: true, force: true });
	await rename(folder, folderOf(kept, task));
}

let toldAt = 0;
function show(phase: string, done: number, total: number): void {
	if (phase !== 'training' || Date.now() - toldAt < 500) return;
	toldAt = Date.now();
	tell({ kind: 'progress', share: done / total });
}

/** Has the run's last answers read by each judge, by its framework. */
async function readAgain(task: Task, kept: string, readers: readonly string[]): Promise<void> {
	const last = (await eventsOf(kept, task)).findLast((event) => event.kind === 'evaluation');
	if (!last) throw new Error('The run holds no evaluation to read.');
	const found: Record<string, Readings[string]> = {};
	for (const reader of readers) {
		const [checkpoint = '', frameworkId] = reader.split('/');
		const framework = FRAMEWORKS.find(({ id }) => id === frameworkId);
		if (!framework) throw new Error(`The judge '${reader}' is none: expected a model and a framework, such as organism-1/three-laws.`);
		const judge = frozenSelfJudge(await loadFolder(checkpoint), checkpoint, task.experiment.conscience.sampling);
		const { verdicts } = await judge.verdicts(last.evaluation.rows, framework);
		found[reader] = verdicts.map(({ probabilities: { ethical, neutral, unethical } }) => [ethical, neutral, unethical] as const);
	}
	await writeReadings(folderOf(kept, task), { ...readingsOf(kept, task), ...found });
}

process.once('disconnect', () => process.exit(1)); // nobody is there any more for whom it would work
process.once('message', (given: Work) => {
	work(given)
		.then(
			() => tell({ kind: 'done' }),
			(error: unknown) => tell({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) }),
		)
		.finally(() => process.disconnect?.());
});
