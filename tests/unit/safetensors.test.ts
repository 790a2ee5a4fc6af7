import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from '$lib/model/halfPrecision';
import { inParts } from '$lib/model/partedFile';
import {
	openSafetensors,
	readSafetensors,
	SafetensorsError,
	writeSafetensors,
	type Dtype,
	type StoredTensor,
} from '$lib/model/safetensors';

/** A file from a header as text and data of `dataBytes` zeros. */
function fileOf(header: string, dataBytes = 0, headerBytes = header.length): Uint8Array {
	const file = new Uint8Array(8 + header.length + dataBytes);
	new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
	file.set(new TextEncoder().encode(header), 8);
	return file;
}

function entry(fields: object): string {
	return JSON.stringify({ weight: { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16], ...fields } });
}

function tensorsOf(entries: Record<string, StoredTensor>): Map<string, StoredTensor> {
	return new Map(Object.entries(entries));
}

const anyTensor = fc
	.array(fc.nat(4), { maxLength: 4 })
	.chain((shape) =>
		fc
			.float32Array({ minLength: shape.reduce((a, b) => a * b, 1), maxLength: shape.reduce((a, b) => a * b, 1) })
			.map((data) => ({ shape, data })),
	);
const anyName = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((name) => name !== '__metadata__');
const anyTensors = fc.array(fc.tuple(anyName, anyTensor), { maxLength: 6 }).map((pairs) => new Map(pairs));
const anyDtype = fc.constantFrom<Dtype>('F32', 'F16', 'BF16');
const anyMetadata = fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 });

/** What a value may become: itself in F32, else within half a step of the narrower type. */
function expectStored(actual: number, value: number, dtype: Dtype): void {
	if (dtype === 'F32' || Number.isNaN(value) || !Number.isFinite(value)) return expect(actual).toBe(value);
	const [fractionBits, smallestNormal, largest] = dtype === 'F16' ? [10, 2 ** -14, 65520] : [7, 2 ** -126, 2 ** 128 * (1 - 2 ** -9)];
	if (Math.abs(value) >= largest) return expect(actual).toBe(Math.sign(value) * Infinity);
	const exponent = Math.floor(Math.log2(Math.max(Math.abs(value), smallestNormal)));
	expect(Math.abs(actual - value)).toBeLessThanOrEqual(2 ** (exponent - fractionBits - 1) * 1.001);
	if (actual !== 0) expect(Math.sign(actual)).toBe(Math.sign(value));
}

describe('a file that was written', () => {
	it('reads back as the same tensors in every dtype, whatever their names, shapes and values', () => {
		fc.assert(
			fc.property(anyTensors, anyDtype, anyMetadata, (tensors, dtype, metadata) => {
				const read = readSafetensors(writeSafetensors(tensors, { dtype, metadata }));
				expect(read.metadata).toEqual(metadata);
				expect([...read.tensors.keys()].sort()).toEqual([...tensors.keys()].sort());
				for (const [name, { shape, data }] of tensors) {
					expect(read.tensors.get(name)!.shape).toEqual(shape);
					expect(read.tensors.get(name)!.data.length).toBe(data.length);
					read.tensors.get(name)!.data.forEach((value, i) => expectStored(value, data[i]!, dtype));
				}
			}),
		);
	});

	it('reads the same part by part, and of what was broken says the same', async () => {
		const outcome = async (read: () => unknown) => {
			try {
				return await read();
			} catch (error) {
				expect(error).toBeInstanceOf(SafetensorsError);
				return (error as Error).message;
			}
		};
		const byParts = async (file: Uint8Array, cut: number) => {
			const { tensors, ...rest } = await openSafetensors(inParts(file));
			const read = [...tensors].map(async ([name, { shape, read }]) => {
				const size = shape.reduce((a, b) => a * b, 1);
				const half = Math.min(cut, size);
				return [name, { shape, data: Float32Array.of(...(await read(0, half)), ...(await read(half, size))) }] as const;
			});
			return { tensors: new Map(await Promise.all(read)), ...rest };
		};
		await fc.assert(
			fc.asyncProperty(anyTensors, anyDtype, fc.nat(5), fc.option(fc.tuple(fc.nat(), fc.nat(255))), async (tensors, dtype, cut, broken) => {
				const file = writeSafetensors(tensors, { dtype });
				if (broken) file[broken[0] % file.length] = broken[1];
				const end = broken && broken[1] % 3 === 0 ? file.length - (broken[0] % 9) : file.length;
				const found = file.subarray(0, Math.max(0, end));
				expect(await outcome(() => byParts(found, cut))).toEqual(await outcome(() => readSafetensors(found)));
			}),
		);
	});

	it('reads the same from any byte offset of a larger buffer', () => {
		const tensors = tensorsOf({ a: { shape: [3], data: Float32Array.of(1, -2, 3.5) }, b: { shape: [1], data: Float32Array.of(7) } });
		const file = writeSafetensors(tensors);
		for (let offset = 0; offset < 8; offset++) {
			const buffer = new Uint8Array(file.length + 8);
			buffer.set(file, offset);
			expect(readSafetensors(buffer.subarray(offset, offset + file.length)).tensors).toEqual(tensors);
		}
	});

	it("reads the same from Node's Buffer, which shares its memory with others", () => {
		const tensors = tensorsOf({ a: { shape: [3], data: Float32Array.of(1, -2, 3.5) } });
		for (const dtype of ['F32', 'F16', 'BF16'] as const) {
			const buffer = Buffer.from(writeSafetensors(tensors, { dtype })); // small, so it lies somewhere in Node's pool
			expect(buffer.buffer.byteLength).toBeGreaterThan(buffer.length);
			expect(readSafetensors(buffer).tensors).toEqual(tensors);
		}
	});

	it('has its data at a multiple of 8 bytes and its tensors in order of name', () => {
		const file = writeSafetensors(tensorsOf({ b: { shape: [1], data: Float32Array.of(2) }, a: { shape: [1], data: Float32Array.of(1) } }));
		const headerBytes = Number(new DataView(file.buffer).getBigUint64(0, true));
		expect(headerBytes % 8).toBe(0);
		const data = new Float32Array(file.buffer.slice(8 + headerBytes));
		expect([...data]).toEqual([1, 2]);
	});

	it('rounds to the nearest even in F16 and BF16', () => {
		const values = Float32Array.of(
			1 + 2 ** -11,
			1 + 3 * 2 ** -11,
			65519.996,
			65520,
			2 ** -25,
			3 * 2 ** -25,
			-(2 ** -24),
			2 ** -14 * (1 - 2 ** -11),
		);
		const read = (dtype: Dtype) => [
			...readSafetensors(writeSafetensors(tensorsOf({ v: { shape: [values.length], data: values } }), { dtype })).tensors.get('v')!.data,
		];
		expect(read('F16')).toEqual([1, 1 + 2 ** -9, 65504, Infinity, 0, 2 ** -23, -(2 ** -24), 2 ** -14]);
		const bfloat = Float32Array.of(1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38, -0, NaN);
		const stored = readSafetensors(writeSafetensors(tensorsOf({ v: { shape: [5], data: bfloat } }), { dtype: 'BF16' })).tensors.get(
			'v',
		)!.data;
		expect([...stored]).toEqual([1, 1 + 2 ** -6, Infinity, -0, NaN]);
	});

	it('widens every 16-bit pattern to a value that rounds back to it', () => {
		const patterns = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i);
		const isNaN16 = (fractionBits: number) => (pattern: number) => (pattern & 0x7fff) > (0x7fff >> fractionBits) << fractionBits;
		const expectSame = (rounded: Uint16Array, isNotANumber: (pattern: number) => boolean) =>
			expect(patterns.filter((pattern) => !isNotANumber(pattern) && rounded[pattern] !== pattern)).toEqual(new Uint16Array(0));
		expectSame(float32ToFloat16(float16ToFloat32(patterns)), isNaN16(10));
		expectSame(float32ToBfloat16(bfloat16ToFloat32(patterns)), isNaN16(7));
		expect(float16ToFloat32(patterns).filter(Number.isNaN).length).toBe(2 * (2 ** 10 - 1));
		expect(bfloat16ToFloat32(patterns).filter(Number.isNaN).length).toBe(2 * (2 ** 7 - 1));
		expect([...float16ToFloat32(Uint16Array.of(0x0001, 0x03ff, 0x0400, 0x3c00, 0x7bff, 0xfc00))]).toEqual([
			2 ** -24,
			1023 * 2 ** -24,
			2 ** -14,
			1,
			65504,
			-Infinity,
		]);
	});

	it('refuses tensors that it could not read back', () => {
		expect(() => writeSafetensors(tensorsOf({ w: { shape: [2, 2], data: new Float32Array(3) } }))).toThrow(
			/"w" has shape \[2, 2\] but 3 values/,
		);
		expect(() => writeSafetensors(tensorsOf({ __metadata__: { shape: [], data: new Float32Array(1) } }))).toThrow(SafetensorsError);
	});
});

describe('a hostile or broken file', () => {
	it.each<[string, Uint8Array, RegExp]>([
		['is empty', new Uint8Array(0), /0 bytes/],
		['ends within the header length', new Uint8Array(7), /7 bytes/],
		['claims a header of 2^64 - 1 bytes', new Uint8Array(16).fill(0xff), /18446744073709551615 bytes/],
		['claims a header over the limit', fileOf('{}', 0, 10_000_001), /at most 10000000/],
		['claims a header longer than the file', fileOf('{}', 0, 3), /cut off/],
		['has an empty header', fileOf(''), /begin with "\{"/],
		['has a list as header', fileOf('[]'), /JSON object/],
		['has null as header', fileOf('null'), /JSON object/],
		['has spaces before the header', fileOf(' {}'), /JSON object/],
		['has a header that is not JSON', fileOf('{"a":'), /not JSON/],
		['has a header that is not UTF-8', Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x22, 0xff, 0x7d), /UTF-8/],
		[
			'names a tensor twice',
			fileOf('{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'),
			/"a" twice/,
		],
		['has a number for a tensor', fileOf('{"weight":1}'), /tensor "weight": expected an object/],
		['has null for a tensor', fileOf('{"weight":null}'), /tensor "weight": expected an object/],
		['has an unknown dtype', fileOf(entry({ dtype: 'F99' }), 16), /dtype "F99"/],
		['has a dtype that is not read', fileOf(entry({ dtype: 'I64' }), 16), /dtype "I64"; this lab reads F32, F16 and BF16/],
		['has a dtype that is an inherited name', fileOf(entry({ dtype: 'constructor' }), 16), /dtype "constructor"/],
		['lacks the dtype', fileOf(entry({ dtype: undefined }), 16), /dtype nothing/],
		['has a shape that is no list', fileOf(entry({ shape: 4 }), 16), /shape has to be/],
		['has a negative size', fileOf(entry({ shape: [-2, -2] }), 16), /shape has to be/],
		['has a fractional size', fileOf(entry({ shape: [0.5, 8] }), 16), /shape has to be/],
		['has a size past 2^53', fileOf(entry({ shape: [2 ** 53, 1] }), 16), /shape has to be/],
		['has a shape whose product overflows', fileOf(entry({ shape: Array<number>(30).fill(2 ** 52) }), 16), /takes .* bytes/],
		[
			'has a shape whose product overflows to nothing',
			fileOf(entry({ shape: [...Array<number>(30).fill(2 ** 52), 0] }), 16),
			/takes NaN bytes/,
		],
		['has one offset', fileOf(entry({ data_offsets: [0] }), 16), /two non-negative integers/],
		['has an offset as text', fileOf(entry({ data_offsets: ['0', 16] }), 16), /two non-negative integers/],
		['has offsets in the wrong order', fileOf(entry({ data_offsets: [16, 0] }), 16), /span -16/],
		[
			'has a range that does not fit the shape',
			fileOf(entry({ data_offsets: [0, 12] }), 16),
			/takes 16 bytes, but data_offsets \[0,12\] span 12/,
		],
		['has a range past the end', fileOf(entry({}), 15), /file holds 15 bytes/],
		['has data that no tensor owns at the start', fileOf(entry({ data_offsets: [4, 20] }), 20), /bytes 0 to 4/],
		['has data that no tensor owns at the end', fileOf(entry({}), 17), /last 1 of 17 bytes/],
		[
			'has overlapping tensors',
			fileOf('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}', 12),
			/"b" begins at byte 4 and overlaps/,
		],
		['has metadata that is not text', fileOf('{"__metadata__":{"a":1}}'), /__metadata__ has to map strings to strings/],
		[
			'lists too many tensors',
			fileOf(JSON.stringify(Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`t${i}`, 0])))),
			/10001 tensors/,
		],
	])('that %s is refused with the reason', (_, file, reason) => {
		expect(() => readSafetensors(file)).toThrow(SafetensorsError);
		expect(() => readSafetensors(file)).toThrow(reason);
	});

	it('cannot reach a prototype through its names', () => {
		const tensor = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';
		const { tensors, metadata } = readSafetensors(fileOf(`{"__proto__":${tensor},"__metadata__":{"__proto__":"polluted"}}`, 4));
		expect([...tensors.keys()]).toEqual(['__proto__']);
		expect(Object.keys(metadata)).toEqual(['__proto__']);
		expect(({} as Record<string, unknown>)['dtype']).toBeUndefined();
	});

	it('is read in full or refused by name after any mutation or truncation of a valid one', () => {
		const mutation = fc.record({
			at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
			byte: fc.integer({ min: 0, max: 255 }),
		});
		fc.assert(
			fc.property(
				anyTensors,
				fc.array(mutation, { maxLength: 4 }),
				fc.double({ min: 0, max: 1, noNaN: true }),
				(tensors, mutations, kept) => {
					const file = writeSafetensors(tensors);
					for (const { at, byte } of mutations) file[Math.floor(at * file.length)] = byte;
					expectReadOrRefused(file.subarray(0, Math.ceil(file.length * (kept < 0.5 ? 1 : kept))));
				},
			),
			{ numRuns: 500 },
		);
	});

	it('is read in full or refused by name when its header is any JSON', () => {
		const number = fc.oneof(fc.integer(), fc.nat(20), fc.double(), fc.constantFrom(-0, 2 ** 53, 1e308));
		const anyEntry = fc.record({
			dtype: fc.oneof(fc.constantFrom('F32', 'F16', 'I8'), fc.jsonValue()),
			shape: fc.oneof(fc.array(number, { maxLength: 4 }), fc.jsonValue()),
			data_offsets: fc.oneof(fc.tuple(number, number), fc.jsonValue()),
		});
		fc.assert(
			fc.property(fc.oneof(fc.dictionary(fc.string(), anyEntry), fc.jsonValue()), fc.nat(64), (header, dataBytes) => {
				const json = new TextEncoder().encode(JSON.stringify(header));
				const file = new Uint8Array(8 + json.length + dataBytes);
				new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
				file.set(json, 8);
				expectReadOrRefused(file);
			}),
			{ numRuns: 500 },
		);
	});
});

function expectReadOrRefused(file: Uint8Array): void {
	try {
		for (const { shape, data } of readSafetensors(file).tensors.values()) expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
	} catch (error) {
		expect(error).toBeInstanceOf(SafetensorsError);
	}
}
