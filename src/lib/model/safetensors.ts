import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './halfPrecision';
import type { PartedFile } from './partedFile';
import {
	brief,
	type Dtype,
	DTYPE_BYTES,
	elementCount,
	LENGTH_BYTES,
	METADATA,
	parseHeader,
	readHeaderLength,
	SafetensorsError,
} from './safetensorsHeader';

export { type Dtype, SafetensorsError } from './safetensorsHeader';

/** One tensor, widened to F32. */
export interface StoredTensor {
	shape: number[];
	data: Float32Array;
}

/** One tensor that is still in its file. */
export interface TensorInFile {
	shape: number[];
	/** As what its numbers are stored. */
	dtype: Dtype;
	/** Its numbers from number `from` up to number `to`, row-major, widened to F32. */
	read: (from: number, to: number) => Promise<Float32Array>;
}

/** What a safetensors file holds. */
export interface SafetensorsFile<Tensor> {
	tensors: Map<string, Tensor>;
	/** The file's own notes. */
	metadata: Record<string, string>;
	/** What the tensors take in the file. */
	dataBytes: number;
}

/** Every tensor of a safetensors file as F32, by name. The result shares no memory with `bytes`. @throws SafetensorsError */
export function readSafetensors(bytes: Uint8Array): SafetensorsFile<StoredTensor> {
	const dataStart = LENGTH_BYTES + readHeaderLength(bytes, bytes.length);
	const { entries, metadata } = parseHeader(bytes.subarray(LENGTH_BYTES, dataStart), bytes.length - dataStart);
	const tensors = new Map<string, StoredTensor>();
	for (const { name, dtype, shape, begin, end } of entries) {
		// Copied, because typed arrays need an aligned start, which a file need not give (and a Node Buffer's own slice would not copy).
		const copy = new Uint8Array(bytes.subarray(dataStart + begin, dataStart + end));
		tensors.set(name, { shape, data: widen(dtype, copy.buffer) });
	}
	return { tensors, metadata, dataBytes: bytes.length - dataStart };
}

/** The same, but of the file no more than its header is read; each tensor is then read by itself, in the order of the file. @throws SafetensorsError */
export async function openSafetensors(file: PartedFile): Promise<SafetensorsFile<TensorInFile>> {
	const bytesOf = (begin: number, end: number) => file.slice(begin, Math.min(end, file.size)).arrayBuffer();
	const dataStart = LENGTH_BYTES + readHeaderLength(new Uint8Array(await bytesOf(0, LENGTH_BYTES)), file.size);
	const { entries, metadata } = parseHeader(new Uint8Array(await bytesOf(LENGTH_BYTES, dataStart)), file.size - dataStart);
	const tensors = new Map<string, TensorInFile>();
	for (const { name, dtype, shape, begin } of entries.toSorted((a, b) => a.begin - b.begin)) {
		const at = (number: number) => dataStart + begin + number * DTYPE_BYTES[dtype];
		tensors.set(name, { shape, dtype, read: async (from, to) => widen(dtype, await bytesOf(at(from), at(to))) });
	}
	return { tensors, metadata, dataBytes: file.size - dataStart };
}

/** A safetensors file of `tensors` in order of their names; F32 keeps every bit, F16 and BF16 round to the nearest even. */
export function writeSafetensors(
	tensors: Map<string, StoredTensor>,
	options: { dtype?: Dtype; metadata?: Record<string, string> } = {},
): Uint8Array<ArrayBuffer> {
	const dtype = options.dtype ?? 'F32';
	const sorted = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
	for (const [name, { shape, data }] of sorted)
		if (elementCount(shape) !== data.length)
			throw new SafetensorsError(`tensor ${brief(name)} has shape [${shape.join(', ')}] but ${data.length} values`);
	const header = safetensorsStart(
		sorted.map(([name, { shape }]) => ({ name, dtype, shape })),
		options.metadata,
	);
	const size = DTYPE_BYTES[dtype];
	const file = new Uint8Array(header.length + sorted.reduce((sum, [, { data }]) => sum + data.length * size, 0));
	file.set(header);
	let position = header.length;
	for (const [, { data }] of sorted) {
		file.set(narrow(dtype, data), position);
		position += data.length * size;
	}
	return file;
}

/** What a safetensors file begins with, before the numbers of these tensors in this order. @throws SafetensorsError */
export function safetensorsStart(
	tensors: readonly { name: string; dtype: Dtype; shape: readonly number[] }[],
	metadata?: Record<string, string>,
): Uint8Array<ArrayBuffer> {
	const header = new Map<string, unknown>();
	if (metadata) header.set(METADATA, metadata);
	let offset = 0;
	for (const { name, dtype, shape } of tensors) {
		if (name === METADATA) throw new SafetensorsError(`a tensor cannot be called ${METADATA}: the format keeps that name for its notes`);
		header.set(name, { dtype, shape, data_offsets: [offset, (offset += elementCount(shape) * DTYPE_BYTES[dtype])] });
	}
	const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
	const headerBytes = Math.ceil(json.length / 8) * 8; // so that the data begins at a multiple of 8, as readers that map the file want it
	const start = new Uint8Array(LENGTH_BYTES + headerBytes);
	new DataView(start.buffer).setBigUint64(0, BigInt(headerBytes), true);
	start.fill(0x20, LENGTH_BYTES);
	start.set(json, LENGTH_BYTES);
	return start;
}

function widen(dtype: Dtype, bytes: ArrayBuffer): Float32Array {
	if (dtype === 'F32') return new Float32Array(bytes);
	return dtype === 'F16' ? float16ToFloat32(new Uint16Array(bytes)) : bfloat16ToFloat32(new Uint16Array(bytes));
}

/** The numbers as they are stored; F16 and BF16 round to the nearest even. */
export function narrow(dtype: Dtype, data: Float32Array): Uint8Array<ArrayBuffer> {
	const values = dtype === 'F32' ? data : dtype === 'F16' ? float32ToFloat16(data) : float32ToBfloat16(data);
	return new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);
}
