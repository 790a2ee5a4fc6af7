/** `npm run gate:memory`: gates that also look into a class's memory, fitted and tested on the rows of `npm run gate`. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { gateMemoryOf, gateMemoryTable } from '$lib/experiment/gateMemory';
import { parseGateResult } from '$lib/experiment/gateResult';
import { readGateRows } from '$lib/experiment/gateRowsFile';
import { memoryFile, parseMemory } from '$lib/experiment/memoryFile';
import { startBackend } from '$lib/model/backend';
import { familiesOf } from '$world/index';

import { loadFolder } from './checkpoints';
import { commitHere } from './commitHere';
import { writeWhole } from './writeWhole';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const RESULTS = path.join(ROOT, 'results');
/** The clean memory behind a quarantine of two, as the study of memories has it. */
const CLEAN = path.join(ROOT, 'out', 'memory', 'memory-class-2--kind-none-.jsonl');

async function main(): Promise<void> {
	const file = path.resolve(process.argv[2] ?? CLEAN);
	if (!existsSync(file))
		throw new RangeError(
			`There is no memory at ${file}. \`npm run memory\` makes the one that is looked into; or name a file: npm run gate:memory -- FILE`,
		);
	const { trajectories, faults } = await parseMemory(await readFile(file, 'utf8'));
	const [fault] = faults;
	if (fault) throw new RangeError(`${file} is no memory that can be looked into: line ${fault.line}: ${fault.message}`);
	await startBackend('wasm', { threads: 1 });
	const checkpoint = await loadFolder('organism');
	const families = new Map(familiesOf('conscience').flatMap(({ id, questions }) => questions.map((question) => [question, id] as const)));
	const { gate } = parseGateResult(JSON.parse(await readFile(path.join(RESULTS, 'gate.json'), 'utf8')));
	const { on, judge } = gate.fitted;
	const rows = readGateRows(new Uint8Array(await readFile(path.join(RESULTS, 'gate.rows.json.gz'))));
	const result = await gateMemoryOf(rows, {
		checkpoint,
		memory: await memoryFile(path.basename(file), trajectories),
		familyOf: (question) => families.get(question) ?? null,
		origin: { on, judge, commit: commitHere(), line: gate.line },
		date: new Date().toISOString(),
	});
	await writeWhole(path.join(RESULTS, 'gateMemory.json'), `${JSON.stringify(result, null, '\t')}\n`);
	console.log(gateMemoryTable(result));
}

main().catch((error: unknown) => {
	const known = error instanceof Error && ['RangeError', 'GateError', 'GateFileError'].includes(error.name);
	process.stderr.write(`\n${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
	process.exitCode = 1;
});
