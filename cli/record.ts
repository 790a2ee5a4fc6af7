/**
 * `npm run record [story …] [-- --set path=value …]`: the runs that the page plays until a reader starts one of their own. Each is a preset,
 * judged in the trainer, computed by the runner and written to static/recorded without adapters. Those of the twin are written beside it as PEFT
 * folders: the page Chat lets them speak before a reader has trained any. `--set` and `--out DIR` are for trying this out.
 */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import type { AdapterFolder } from '$lib/experiment/adapterFolder';
import type { RunEvent } from '$lib/experiment/events';
import type { FolderRun } from '$lib/experiment/folder';
import { zipRuns } from '$lib/experiment/folderZip';
import { applyChanges } from '$lib/experiment/link';
import { judgedInTrainer, PRESETS, presetById, TOLD_WITHIN } from '$lib/experiment/presets';
import { createRun, type Lab } from '$lib/experiment/runner';
import type { ArmId, Experiment } from '$lib/experiment/schema';
import { startBackend } from '$lib/model/backend';

import { loadFolder } from './checkpoints';
import { ProgressLine } from './progressLine';

const PLACE = fileURLToPath(new URL('../static/recorded', import.meta.url));

/** A run as a recording holds it, and the adapter that it ends with. */
async function record(experiment: Experiment, arm: ArmId, lab: Lab): Promise<{ run: FolderRun; adapter: AdapterFolder }> {
	const progress = new ProgressLine(`${experiment.name}, ${arm}, seed ${experiment.seed}`);
	const run = createRun(experiment, arm, lab);
	const events: RunEvent[] = [];
	let adapter: AdapterFolder;
	try {
		for await (const event of run.events) {
			if (event.kind === 'progress') progress.show(event.phase, event.done, event.total, event.secondsLeft);
			else events.push(event);
		}
		adapter = await run.adapter();
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
	return { run: { experiment, arm, events, ...nothingElse }, adapter };
}

/** Writes an adapter's files with a manifest of their hashes, by which whoever loads them checks them. */
async function writeAdapter(folder: string, adapter: AdapterFolder): Promise<void> {
	await mkdir(folder, { recursive: true });
	const files = Object.entries<string | Uint8Array>({ ...adapter }).map(([name, content]) => ({ name, bytes: Buffer.from(content) }));
	for (const { name, bytes } of files) await writeFile(path.join(folder, name), bytes);
	const records = files.map(({ name, bytes }) => {
		return { path: name, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
	});
	await writeFile(path.join(folder, 'manifest.json'), `${JSON.stringify({ files: records }, null, '\t')}\n`);
}

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { set: { type: 'string', multiple: true }, out: { type: 'string' } },
});
const changes = (values.set ?? []).map((change): [string, string] => {
	const [field = '', ...value] = change.split('=');
	return [field, value.join('=')];
});
const stories = positionals.length > 0 ? positionals : PRESETS.map(({ id }) => id).filter((id) => !(id in TOLD_WITHIN));
const out = values.out ?? PLACE;
await mkdir(out, { recursive: true });
const backend = await startBackend('wasm');
for (const story of stories) {
	const experiment = applyChanges(judgedInTrainer(presetById(story).experiment), changes);
	const checkpoint = await loadFolder(experiment.model.checkpoint, experiment.model.precision);
	const lab = { checkpoint, backend, rows: null, signal: new AbortController().signal };
	const runs: FolderRun[] = [];
	for (const arm of experiment.arms) {
		const { run, adapter } = await record(experiment, arm, lab);
		runs.push(run);
		if (story === 'twin') await writeAdapter(path.join(out, 'adapters', arm), adapter);
	}
	const zip = zipRuns(runs);
	const place = path.join(out, `${story}.zip`);
	await writeFile(place, zip);
	console.log(`${place}: ${runs.length} runs, ${zip.length} bytes`);
}
process.exit(); // whatever a backend still holds
