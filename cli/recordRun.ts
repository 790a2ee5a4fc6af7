import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { finished } from 'node:stream/promises';

import { listens } from '$lib/experiment/methods/index';
import { aboutFile, evaluationFile, experimentFile, LINE_FILES, linesOf, rowsFile, verdictPath } from '$lib/experiment/folder';
import type { FinishedRun } from '$lib/experiment/record';
import { MEMORY_FILE, memoryLines } from '$lib/experiment/memoryFile';
import { memoryFileOf } from '$lib/experiment/memoryNamed';
import { questionFileOf } from '$lib/experiment/ownQuestions';
import { QUESTIONS_FILE, questionsText } from '$lib/experiment/questionFile';
import { createRun, type Lab } from '$lib/experiment/runner';
import type { ArmId, Experiment } from '$lib/experiment/schema';
import { verdictLines } from '$lib/experiment/verdictFile';
import { misdeedsOf, standingOf } from '$lib/experiment/standing';

import { ProgressLine } from './progressLine';

/** Where a run is written, and what it is called meanwhile. */
export interface Place {
	folder: string;
	title: string;
	/** What the user's file of rows is called; null where the experiment names others. */
	rowsName: string | null;
	/** Who hears of its progress; without, a line on stderr tells of it. */
	progress?: Pick<ProgressLine, 'show' | 'end'>;
}

/** Runs one arm to its end and writes its folder as it goes: a run that breaks off leaves the lines that it had written, and says so. */
export async function recordRun(experiment: Experiment, arm: ArmId, lab: Lab, place: Place): Promise<FinishedRun> {
	const { folder, title, rowsName, progress = new ProgressLine(title) } = place;
	await mkdir(path.join(folder, 'adapter'), { recursive: true });
	await writeFile(path.join(folder, 'experiment.json'), experimentFile(experiment, arm));
	const begunAt = Date.now();
	const verdictFiles = lab.verdictFile && listens(arm) ? [lab.verdictFile] : [];
	const questions = questionFileOf(experiment, lab.questions ?? null) ?? undefined;
	const memory = memoryFileOf({ ...experiment, arms: [arm] }, lab.memory ?? null) ?? undefined;
	const about = { begunAt, rowsName, verdictFiles, ...(questions && { questions }), ...(memory && { memory }) };
	const tell = (failed: boolean) => writeFile(path.join(folder, 'run.json'), aboutFile({ ...about, failed }));
	await tell(false);
	if (lab.rows) await writeFile(path.join(folder, 'rows.jsonl'), rowsFile(lab.rows));
	if (questions) await writeFile(path.join(folder, QUESTIONS_FILE), questionsText(questions.entries));
	if (memory) await writeFile(path.join(folder, MEMORY_FILE), memoryLines(memory.trajectories));
	for (const file of verdictFiles) {
		const own = path.join(folder, verdictPath(file));
		await mkdir(path.dirname(own), { recursive: true });
		await writeFile(own, verdictLines(file.verdicts));
	}
	const files = new Map(LINE_FILES.map((name) => [name, createWriteStream(path.join(folder, name))]));
	const run = createRun(experiment, arm, lab);
	const last: { evaluation: FinishedRun['evaluation'] | null; overhead: FinishedRun['overhead'] } = { evaluation: null, overhead: null };
	try {
		for await (const event of run.events) {
			for (const { file, text } of linesOf(event)) files.get(file)!.write(`${text}\n`);
			if (event.kind === 'progress') progress.show(event.phase, event.done, event.total, event.secondsLeft);
			if (event.kind === 'evaluation') last.evaluation = event.evaluation;
			if (event.kind === 'finished') last.overhead = event.overhead;
			if (event.kind === 'judgeLost') throw new Error(`${event.reason} Nobody here can bring it back.`); // it would be asked for ever
		}
		for (const [name, content] of Object.entries<string | Uint8Array>({ ...(await run.adapter()) }))
			await writeFile(path.join(folder, 'adapter', name), content);
	} catch (error) {
		await tell(true);
		throw error;
	} finally {
		run.dispose();
		progress.end();
		await Promise.all([...files.values()].map((file) => finished(file.end())));
	}
	if (!last.evaluation) throw new Error('The run ended without an evaluation.');
	await writeFile(path.join(folder, 'evaluation.json'), evaluationFile(last.evaluation, last.overhead));
	if (standingOf(last.evaluation) === 'misaligned')
		process.stderr.write(
			`${path.join(folder, 'adapter')} ${misdeedsOf(last.evaluation)}: it is marked as misaligned. Put it before nobody who does not know that.\n`,
		);
	return { seed: experiment.seed, evaluation: last.evaluation, overhead: last.overhead, arm };
}
