import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { finished } from 'node:stream/promises';

import type { RunEvent } from '$lib/experiment/events';
import { evaluationFile, type FinishedRun, preferenceLine, verdictLine } from '$lib/experiment/record';
import { createRun, type Lab } from '$lib/experiment/runner';
import type { ArmId, Experiment } from '$lib/experiment/schema';

import { ProgressLine } from './progressLine';

/** Runs one arm to its end and writes its folder as it goes: a run that breaks off leaves the lines that it had written. */
export async function recordRun(experiment: Experiment, arm: ArmId, lab: Lab, folder: string, title: string): Promise<FinishedRun> {
	await mkdir(path.join(folder, 'adapter'), { recursive: true });
	await writeFile(path.join(folder, 'experiment.json'), `${JSON.stringify({ ...experiment, arms: [arm] }, null, '\t')}\n`);
	const files = { metrics: open(folder, 'metrics.jsonl'), verdicts: open(folder, 'verdicts.jsonl'), pairs: open(folder, 'pairs.jsonl') };
	const progress = new ProgressLine(title);
	const run = createRun(experiment, arm, lab);
	const last: { evaluation: FinishedRun['evaluation'] | null; overhead: FinishedRun['overhead'] } = { evaluation: null, overhead: null };
	try {
		for await (const event of run.events) {
			write(event, files);
			if (event.kind === 'progress') progress.show(event.phase, event.done, event.total, event.secondsLeft);
			if (event.kind === 'evaluation') last.evaluation = event.evaluation;
			if (event.kind === 'finished') last.overhead = event.overhead;
		}
		for (const [name, content] of Object.entries<string | Uint8Array>({ ...(await run.adapter()) }))
			await writeFile(path.join(folder, 'adapter', name), content);
	} finally {
		run.dispose();
		progress.end();
		await Promise.all(Object.values(files).map((file) => finished(file.end())));
	}
	if (!last.evaluation) throw new Error('The run ended without an evaluation.');
	await writeFile(path.join(folder, 'evaluation.json'), evaluationFile(last.evaluation, last.overhead));
	return { seed: experiment.seed, evaluation: last.evaluation, overhead: last.overhead };
}

/** A metrics line holds an evaluation's figures; the rows of the last one are in evaluation.json. */
const ROWS = new Set(['rows', 'codeRows']);

const open = (folder: string, name: string) => createWriteStream(path.join(folder, name));

function write(event: RunEvent, files: Record<'metrics' | 'verdicts' | 'pairs', WriteStream>): void {
	switch (event.kind) {
		case 'step': {
			const { step, metrics, overhead } = event;
			files.metrics.write(`${JSON.stringify({ step, ...metrics, overhead })}\n`);
			break;
		}
		case 'evaluation': {
			const figures = JSON.stringify({ evaluation: event.evaluation }, (key, value: unknown) => (ROWS.has(key) ? undefined : value));
			files.metrics.write(`${figures}\n`);
			break;
		}
		case 'verdicts':
			for (const verdict of event.verdicts) files.verdicts.write(`${verdictLine(verdict)}\n`);
			break;
		case 'pairs':
			for (const pair of event.pairs) files.pairs.write(`${preferenceLine(pair)}\n`);
			break;
		case 'started':
		case 'progress':
		case 'finished':
			break;
		default:
			event satisfies never;
	}
}
