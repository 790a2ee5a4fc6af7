/**
 * Safetensors, the file format of checkpoints and adapters (https://huggingface.co/docs/safetensors):
 *   8 bytes    N, little-endian unsigned
 *   N bytes    JSON: { name: { dtype, shape, data_offsets: [begin, end] }, …, "__metadata__"?: { string: string } }
 *   the rest   the tensors' bytes, little-endian, row-major, without gaps or overlaps
 *
 * A file may come from anywhere, so that nothing in its header is believed before it is checked. Typed arrays
 * are used as little-endian, which holds for every browser and for Node on every machine they run on.
 */

/** The file is not a valid safetensors file, or holds what this lab does not read; the message says which and where. */
export class SafetensorsError extends Error {
	override name = 'SafetensorsError';
}

export type Dtype = 'F32' | 'F16' | 'BF16';

export const DTYPE_BYTES: Record<Dtype, number> = { F32: 4, F16: 2, BF16: 2 };
export const LENGTH_BYTES = 8;
/** A Qwen3-0.6B header takes 36 kB; what is far larger is made to exhaust memory. */
const MAX_HEADER_BYTES = 10_000_000;
const MAX_TENSORS = 10_000;
/** Of brackets: the header, an entry, its shape. */
const MAX_DEPTH = 3;
export const METADATA = '__metadata__';

/** Where a tensor is in the file. */
export interface TensorEntry {
	name: string;
	dtype: Dtype;
	shape: number[];
	/** Byte range after the header. */
	begin: number;
	end: number;
}

/** How many bytes the header takes, by the first eight of a file of `fileBytes`. @throws SafetensorsError */
export function readHeaderLength(start: Uint8Array, fileBytes: number): number {
	if (fileBytes < LENGTH_BYTES)
		throw new SafetensorsError(`the file has ${fileBytes} bytes; the header's length alone takes ${LENGTH_BYTES}`);
	const length = new DataView(start.buffer, start.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
	if (length > BigInt(MAX_HEADER_BYTES))
		throw new SafetensorsError(`the header claims ${length} bytes; at most ${MAX_HEADER_BYTES} are read. Is this a safetensors file?`);
	if (Number(length) > fileBytes - LENGTH_BYTES)
		throw new SafetensorsError(
			`the header claims ${length} bytes, but the file ends after ${fileBytes - LENGTH_BYTES} of them: it was cut off`,
		);
	return Number(length);
}

/** The tensors that a header lists, which fill `dataBytes` without gaps or overlaps, and its notes. @throws SafetensorsError */
export function parseHeader(bytes: Uint8Array, dataBytes: number): { entries: TensorEntry[]; metadata: Record<string, string> } {
	const header = parseObject(bytes);
	const names = Object.keys(header).filter((name) => name !== METADATA);
	if (names.length > MAX_TENSORS) throw new SafetensorsError(`the header lists ${names.length} tensors; at most ${MAX_TENSORS} are read`);
	const entries = names.map((name) => parseEntry(name, header[name]));
	checkLayout(entries, dataBytes);
	return { entries, metadata: parseMetadata(header[METADATA]) };
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
	if (bytes[0] !== 0x7b) throw new SafetensorsError('the header does not begin with "{": it has to be a JSON object');
	let text: string;
	let header: unknown;
	try {
		text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
		header = JSON.parse(text);
	} catch (error) {
		throw new SafetensorsError(`the header is not JSON in UTF-8: ${(error as Error).message}`);
	}
	if (!isRecord(header)) throw new SafetensorsError('the header is not a JSON object');
	const seen = new Set<string>();
	for (const key of topLevelKeys(text)) {
		if (seen.has(key))
			throw new SafetensorsError(`the header names ${JSON.stringify(key)} twice; readers would not agree on which one counts`);
		seen.add(key);
	}
	return header;
}

/** The keys of a JSON object as written, repeated ones too, which JSON.parse drops silently. `json` must be valid. */
function* topLevelKeys(json: string): Generator<string> {
	let depth = 0;
	for (let i = 0; i < json.length; i++) {
		const character = json[i];
		if (character === '{' || character === '[') {
			if (++depth > MAX_DEPTH) throw new SafetensorsError(`the header is nested more than ${MAX_DEPTH} deep, which no tensor's entry is`);
		} else if (character === '}' || character === ']') depth--;
		else if (character === '"') {
			const start = i++;
			while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1;
			let next = i + 1;
			while (' \t\n\r'.includes(json[next]!)) next++;
			if (depth === 1 && json[next] === ':') yield JSON.parse(json.slice(start, i + 1)) as string;
		}
	}
}

function parseEntry(name: string, entry: unknown): TensorEntry {
	if (!isRecord(entry))
		throw new SafetensorsError(`tensor ${brief(name)}: expected an object with dtype, shape and data_offsets, got ${brief(entry)}`);
	const { dtype, shape, data_offsets: offsets } = entry;
	if (!isDtype(dtype))
		throw new SafetensorsError(
			`tensor ${brief(name)} has dtype ${brief(dtype)}; this lab reads F32, F16 and BF16, so convert the file to one of them`,
		);
	if (!Array.isArray(shape) || !shape.every(isCount))
		throw new SafetensorsError(`tensor ${brief(name)}: shape has to be a list of non-negative integers, got ${brief(shape)}`);
	if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount))
		throw new SafetensorsError(`tensor ${brief(name)}: data_offsets has to be two non-negative integers, got ${brief(offsets)}`);
	const [begin, end] = offsets as [number, number];
	const expected = elementCount(shape) * DTYPE_BYTES[dtype];
	if (end - begin !== expected)
		throw new SafetensorsError(
			`tensor ${brief(name)}: shape ${brief(shape)} in ${dtype} takes ${expected} bytes, but data_offsets ${brief(offsets)} span ${end - begin}`,
		);
	return { name, dtype, shape, begin, end };
}

/** The tensors have to fill the data exactly: a hole could hide a payload, an overlap two truths. */
function checkLayout(entries: TensorEntry[], dataBytes: number): void {
	let position = 0;
	for (const { name, begin, end } of entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
		if (begin < position)
			throw new SafetensorsError(`tensor ${brief(name)} begins at byte ${begin} and overlaps the one before, which ends at ${position}`);
		if (begin > position) throw new SafetensorsError(`bytes ${position} to ${begin}, before tensor ${brief(name)}, belong to no tensor`);
		if (end > dataBytes)
			throw new SafetensorsError(
				`tensor ${brief(name)} ends at byte ${end}, but the file holds ${dataBytes} bytes of data: it was cut off`,
			);
		position = end;
	}
	if (position !== dataBytes)
		throw new SafetensorsError(`the last ${dataBytes - position} of ${dataBytes} bytes of data belong to no tensor`);
}

function parseMetadata(metadata: unknown): Record<string, string> {
	if (metadata === undefined) return {};
	if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === 'string'))
		throw new SafetensorsError(`${METADATA} has to map strings to strings, got ${brief(metadata)}`);
	return metadata as Record<string, string>;
}

export function elementCount(shape: readonly number[]): number {
	return shape.reduce((product, size) => product * size, 1);
}

function isDtype(value: unknown): value is Dtype {
	return typeof value === 'string' && Object.hasOwn(DTYPE_BYTES, value);
}

function isCount(value: unknown): value is number {
	return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value of the header as it is shown in an error: whole when short. */
export function brief(value: unknown): string {
	const text = JSON.stringify(value) ?? 'nothing';
	return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
