/** The finished runs of studies, a folder each: an ordinary run's folder, and made.json, by which it is known to be whole. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';

import type { RunEvent } from '$lib/experiment/events';
import { EvaluationLine } from '$lib/experiment/folderLines';
import { readRunFolder } from '$lib/experiment/folderReading';
import type { Readings } from '$lib/experiment/studies/rows';

import type { Task } from './studyPlan';

const Made = v.object({
	/** Hash of the code that made it. */
	code: v.string(),
	commit: v.string(),
	processor: v.string(),
	/** Of a processor's core. */
	seconds: v.number(),
});
export type Made = v.InferOutput<typeof Made>;

const probability = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const ReadingsSchema = v.record(v.string(), v.array(v.tuple([probability, probability, probability])));

export const folderOf = (kept: string, { key }: Pick<Task, 'key'>): string => path.join(kept, key);

/** How a run was made; null where it is not whole. */
export function madeOf(kept: string, task: Pick<Task, 'key'>): Made | null {
	const file = path.join(folderOf(kept, task), 'made.json');
	return existsSync(file) ? v.parse(Made, JSON.parse(readFileSync(file, 'utf8'))) : null;
}

/** What other judges have said of a run's last answers so far. */
export function readingsOf(kept: string, task: Pick<Task, 'key'>): Readings {
	const file = path.join(folderOf(kept, task), 'readings.json');
	return existsSync(file) ? v.parse(ReadingsSchema, JSON.parse(readFileSync(file, 'utf8'))) : {};
}

/** What is still to be done for a task: the run itself, and the judges that have not read it. Runs of other code count where `anyCode`. */
export function undone(kept: string, task: Task, code: string, anyCode: boolean): { run: boolean; readers: string[] } {
	const made = madeOf(kept, task);
	if (!made || (made.code !== code && !anyCode)) return { run: true, readers: task.readers };
	const readings = readingsOf(kept, task);
	return { run: false, readers: task.readers.filter((reader) => !(reader in readings)) };
}

/** What a kept run told, evaluations and all. */
export async function eventsOf(kept: string, task: Pick<Task, 'key' | 'arm'>): Promise<readonly RunEvent[]> {
	const folder = folderOf(kept, task);
	const text = (name: string) => readFile(path.join(folder, name), 'utf8');
	if (task.arm === 'base') {
		const { final, ...evaluation } = v.parse(EvaluationLine, { ...(JSON.parse(await text('evaluation.json')) as object), final: true });
		return [{ kind: 'evaluation', final, evaluation }];
	}
	const names = (await readdir(folder)).filter((name) => /\.jsonl?$/.test(name));
	return readRunFolder(Object.fromEntries(await Promise.all(names.map(async (name) => [name, await text(name)] as const)))).events;
}

export const writeMade = (folder: string, made: Made) => writeFile(path.join(folder, 'made.json'), `${JSON.stringify(made)}\n`);
export const writeReadings = (folder: string, readings: Readings) =>
	writeFile(path.join(folder, 'readings.json'), `${JSON.stringify(readings)}\n`);

/** Where a run is written until it is whole; the number says by which process. */
export const partOf = (kept: string, task: Task): string => `${folderOf(kept, task)}.part-${process.pid}`;

/** Takes away what runs have left that broke off: of processes that are no more. */
export async function clearParts(kept: string): Promise<void> {
	await mkdir(kept, { recursive: true });
	for (const name of await readdir(kept)) {
		const writer = /\.part-(\d+)$/.exec(name)?.[1];
		if (writer !== undefined && !isRunning(Number(writer))) await rm(path.join(kept, name), { recursive: true, force: true });
	}
}

function isRunning(pid: number): boolean {
	try {
		return process.kill(pid, 0);
	} catch {
		return false;
	}
}
