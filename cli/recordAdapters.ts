/**
 * `npm run record:adapters`: the two adapters of the recorded twin, which the recording leaves out, as PEFT folders in static/recorded/adapters.
 * The page Chat lets them speak before a reader has trained any. It is the experiment of `npm run record`, computed again.
 */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import type { AdapterFolder } from '$lib/experiment/adapterFolder';
import { judgedInTrainer, presetById } from '$lib/experiment/presets';
import { createRun, type Lab } from '$lib/experiment/runner';
import type { ArmId, Experiment } from '$lib/experiment/schema';
import { startBackend } from '$lib/model/backend';

import { loadFolder } from './checkpoints';
import { ProgressLine } from './progressLine';

const PLACE = fileURLToPath(new URL('../static/recorded/adapters', import.meta.url));

/** The adapter that a run ends with. */
async function trainedAdapter(experiment: Experiment, arm: ArmId, lab: Lab): Promise<AdapterFolder> {
	const progress = new ProgressLine(`${experiment.name}, ${arm}, seed ${experiment.seed}`);
	const run = createRun(experiment, arm, lab);
	try {
		for await (const event of run.events)
			if (event.kind === 'progress') progress.show(event.phase, event.done, event.total, event.secondsLeft);
		return await run.adapter();
	} finally {
		run.dispose();
		progress.end();
	}
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

const experiment = judgedInTrainer(presetById('twin').experiment);
const backend = await startBackend('wasm');
const checkpoint = await loadFolder(experiment.model.checkpoint, experiment.model.precision);
const lab = { checkpoint, backend, rows: null, signal: new AbortController().signal };
for (const arm of experiment.arms) await writeAdapter(path.join(PLACE, arm), await trainedAdapter(experiment, arm, lab));
process.exit(); // whatever a backend still holds
