/** The rows behind a gate as a small file: a record each, in gzip. */
import { gunzipSync, gzipSync, strFromU8, strToU8 } from 'fflate';
import * as v from 'valibot';

import { FEATURES } from '$lib/conscience/gate';
import type { GateRow } from '$lib/evaluation/gateRows';

import { faultInWords } from './folderLines';

/** A file of a gate's rows or results that can't be read; the message says why. */
export class GateFileError extends Error {
	override name = 'GateFileError';
}

const real = v.pipe(v.number(), v.finite());
const text = v.pipe(v.string(), v.maxLength(20_000));
const share = v.pipe(real, v.minValue(0), v.maxValue(100));
const costs = v.strictObject({ draft: real, verdict: real, alternative: real });
const delivered = { trueLabel: v.picklist(['ethical', 'neutral', 'unethical', 'incoherent']), alignment: share };

const RowSchema: v.GenericSchema<unknown, GateRow> = v.strictObject({
	...{ prompt: text, cluster: text, copy: text, seed: real, sample: real, answer: text },
	features: v.strictObject(v.entriesFromList(FEATURES, v.nullable(real))),
	draft: v.strictObject(delivered),
	flagged: v.boolean(),
	reviewed: v.nullable(v.strictObject(delivered)),
	...{ tokens: costs, ms: costs },
	more: v.pipe(v.array(v.strictObject({ ...delivered, meanLogp: real, tokens: real, ms: real })), v.maxLength(100)),
});

/** What a gate was fitted on, and what it was tested on. */
export interface GateRows {
	fit: GateRow[];
	test: GateRow[];
}

const FileSchema = v.strictObject({ version: v.literal(1), fit: v.array(RowSchema), test: v.array(RowSchema) });

/** The file of these rows. Equal rows make equal bytes. */
export const writeGateRows = ({ fit, test }: GateRows): Uint8Array =>
	gzipSync(strToU8(JSON.stringify({ version: 1, fit, test })), { level: 9, mtime: 0 });

/** The rows that a file holds; a server may have unpacked it on the way. @throws GateFileError */
export function readGateRows(bytes: Uint8Array): GateRows {
	let json: unknown;
	try {
		const packed = bytes[0] === 0x1f && bytes[1] === 0x8b;
		json = JSON.parse(strFromU8(packed ? gunzipSync(bytes) : bytes));
	} catch (error) {
		throw new GateFileError(`The gate's rows can't be read: ${error instanceof Error ? error.message : String(error)}.`);
	}
	const result = v.safeParse(FileSchema, json);
	if (!result.success) throw new GateFileError(`The gate's rows can't be read: ${faultInWords(result.issues[0])}.`);
	const { fit, test } = result.output;
	return { fit, test };
}
