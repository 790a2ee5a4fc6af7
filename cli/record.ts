/**
 * `npm run record [-- --set path=value …]`: the run that the page plays until a reader starts one of their own. It is the twin preset,
 * judged in the trainer, computed by the runner and written to static/recorded/twin.zip without adapters. `--set` and `--out` are for trying this out.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import type { RunEvent } from '$lib/experiment/events';
import type { FolderRun } from '$lib/experiment/folder';
import { zipRuns } from '$lib/experiment/folderZip';
import { applyChanges } from '$lib/experiment/link';
import { judgedInTrainer, presetById } from '$lib/experiment/presets';
import { createRun, type Lab } from '$lib/experiment/runner';
import type { ArmId, Experiment } from '$lib/experiment/schema';
import { startBackend } from '$lib/model/backend';

import { loadFolder } from './checkpoints';
import { ProgressLine } from './progressLine';

const PLACE = fileURLToPath(new URL('../static/recorded/twin.zip', import.meta.url));

async function record(experiment: Experiment, arm: ArmId, lab: Lab): Promise<FolderRun> {
	const progress = new ProgressLine(`${experiment.name}, ${arm}, seed ${experiment.seed}`);
	const run = createRun(experiment, arm, lab);
	const events: RunEvent[] = [];
	try {
		for await (const event of run.events) {
			if (event.kind === 'progress') progress.show(event.phase, event.done, event.total, event.secondsLeft);
			else events.push(event);
		}
	} finally {
		run.dispose();
		progress.end();
	}
	const nothingElse = {
		begunAt: null,
		failed: false,
		labels: new Map(),
		pins: new Set<string>(),
		adapter: null,
		rows: null,
		rowsName: null,
		verdictFiles: [],
	};
	return { experiment, arm, events, ...nothingElse };
}

const { values } = parseArgs({ options: { set: { type: 'string', multiple: true }, out: { type: 'string' } } });
const changes = (values.set ?? []).map((change): [string, string] => {
	const [field = '', ...value] = change.split('=');
	return [field, value.join('=')];
});
const experiment = applyChanges(judgedInTrainer(presetById('twin').experiment), changes);
const backend = await startBackend('wasm');
const checkpoint = await loadFolder(experiment.model.checkpoint, experiment.model.precision);
const lab = { checkpoint, backend, rows: null, signal: new AbortController().signal };
const runs: FolderRun[] = [];
for (const arm of experiment.arms) runs.push(await record(experiment, arm, lab));

const place = values.out ?? PLACE;
const zip = zipRuns(runs);
await mkdir(path.dirname(place), { recursive: true });
await writeFile(place, zip);
console.log(`${place}: ${runs.length} runs, ${zip.length} bytes`);
process.exit(); // whatever a backend still holds
