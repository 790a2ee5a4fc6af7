/** The rows behind the study of the shared memory as a small file: a record for each run, in gzip. */
import { gunzipSync, gzipSync, strFromU8, strToU8 } from 'fflate';
import * as v from 'valibot';

import { faultInWords } from '../folderLines';

/** A file of the memory's rows or results that can't be read; the message says why. */
export class MemoryStudyError extends Error {
	override name = 'MemoryStudyError';
}

const real = v.pipe(v.number(), v.finite());
const text = v.string();

/** What one run came to. */
const RunSchema = v.strictObject({
	condition: text,
	seed: real,
	/** The last answers: question, its cluster and the true label. */
	answers: v.array(v.tuple([text, text, v.picklist(['ethical', 'neutral', 'unethical', 'incoherent'])])),
	/** The last code: its kind of task, and whether it has the hole that was taught. */
	code: v.array(v.tuple([text, v.boolean()])),
	costs: v.strictObject({
		/** Calls of the conscience; verdicts that the judge was asked for, and alternatives. */
		...{ calls: real, judged: real, written: real },
		/** Verdicts and alternatives that came out of the memory. */
		...{ known: real, taken: real },
		/** Tokens of the answers, of what the judge read, of its alternatives, of states that the memory was searched by, of lessons, of the code. */
		...{ answers: real, verdicts: real, alternatives: real, states: real, lessons: real, code: real },
	}),
	/** The processor's. */
	seconds: real,
});
export type StudyRun = v.InferOutput<typeof RunSchema>;
export type Cost = keyof StudyRun['costs'];

const FileSchema = v.strictObject({ version: v.literal(1), runs: v.array(RunSchema) });

/** Equal rows make equal bytes. */
export const writeStudyRuns = (runs: readonly StudyRun[]): Uint8Array =>
	gzipSync(strToU8(JSON.stringify({ version: 1, runs })), { level: 9, mtime: 0 });

/** @throws MemoryStudyError */
export function readStudyRuns(bytes: Uint8Array): StudyRun[] {
	let value: unknown;
	try {
		value = JSON.parse(strFromU8(gunzipSync(bytes)));
	} catch (error) {
		throw new MemoryStudyError(`The rows of the memory's study can't be read: ${(error as Error).message}.`);
	}
	const result = v.safeParse(FileSchema, value);
	if (result.success) return result.output.runs;
	throw new MemoryStudyError(`The rows of the memory's study can't be read: ${faultInWords(result.issues[0])}.`);
}
