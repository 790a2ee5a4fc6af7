/**
 * A checkpoint with an adapter in it, W' = W + s·B·A, as the weight files of a Hugging Face folder. Read, added and written block by block, so that
 * a model of gigabytes takes some megabytes of memory; no backend is asked.
 */
import { type AdapterReport, tensorName } from './adapterCheck';
import { PROJECTIONS, type ModelConfig, type Projection } from './config';
import { loraScale, moduleRank } from './lora';
import { type Dtype, narrow, safetensorsStart, type TensorInFile } from './safetensors';
import { DTYPE_BYTES, elementCount } from './safetensorsHeader';
import { SHARD_INDEX } from './shards';
import { projectionPath } from './weights';

export interface MergeOptions {
	/** As what all numbers are written; `base`: each as the base has it. */
	dtype: Dtype | 'base';
	/** What a file has at most, but for one tensor that is larger by itself. */
	maxShardBytes: number;
	/** What each file says of itself in its header. */
	metadata?: Record<string, string>;
}

/** A file that is made as it is read. */
export interface MadeFile {
	name: string;
	bytes: number;
	content: () => AsyncGenerator<Uint8Array<ArrayBuffer>>;
}

/** A file whose content is there. */
export function madeFile(name: string, content: string | Uint8Array<ArrayBuffer>): MadeFile {
	const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
	return {
		name,
		bytes: bytes.length,
		async *content() {
			yield bytes;
		},
	};
}

type Adapter = NonNullable<AdapterReport['adapter']>;

/** One tensor to be written, and what is added to it. */
interface Planned {
	name: string;
	shape: number[];
	dtype: Dtype;
	bytes: number;
	from: TensorInFile;
	change: Change | null;
}

/** s·B·A of one projection. */
interface Change {
	a: Float32Array; // [R, in]
	b: Float32Array; // [out, R]
	rank: number;
	inputs: number;
	scale: number;
}

/** Numbers that are worked on at a time. */
const BLOCK = 1 << 20;

/** The weight files of the merged checkpoint: `model.safetensors`, or shards and their index, in the order of the tensors' names. */
export function mergedWeights(
	model: ModelConfig,
	tensors: ReadonlyMap<string, TensorInFile>,
	adapter: Adapter,
	{ dtype, maxShardBytes, metadata = {} }: MergeOptions,
): MadeFile[] {
	const changes = changesOf(model, adapter);
	const planned = [...tensors]
		.sort(([a], [b]) => (a < b ? -1 : 1))
		.map(([name, from]): Planned => {
			const own = dtype === 'base' ? from.dtype : dtype;
			const bytes = elementCount(from.shape) * DTYPE_BYTES[own];
			return { name, shape: from.shape, dtype: own, bytes, from, change: changes.get(name) ?? null };
		});
	const shards = inShards(planned, maxShardBytes);
	if (shards.length === 1) return [weightsFile('model.safetensors', planned, metadata)];
	const number = (i: number) => String(i).padStart(5, '0');
	const names = shards.map((_, i) => `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`);
	return [...shards.map((shard, i) => weightsFile(names[i]!, shard, metadata)), indexFile(shards, names)];
}

function changesOf(model: ModelConfig, { config, modules, tensors }: Adapter): Map<string, Change> {
	const changes = new Map<string, Change>();
	const add = (layer: number, projection: Projection) => {
		const path = projectionPath(layer, projection);
		if (!modules.has(path)) return;
		const [a, b] = [tensors.get(tensorName(path, 'A'))!, tensors.get(tensorName(path, 'B'))!];
		const scale = loraScale(config, layer, projection);
		changes.set(`${path}.weight`, { a: a.data, b: b.data, rank: moduleRank(config, layer, projection), inputs: a.shape[1]!, scale });
	};
	for (let layer = 0; layer < model.numHiddenLayers; layer++) for (const projection of PROJECTIONS) add(layer, projection);
	return changes;
}

/** Tensors side by side, as many as fit into a file. */
function inShards(planned: readonly Planned[], maxShardBytes: number): Planned[][] {
	const shards: Planned[][] = [];
	let room = 0;
	for (const tensor of planned) {
		if (shards.length === 0 || tensor.bytes > room) {
			shards.push([]);
			room = maxShardBytes;
		}
		shards.at(-1)!.push(tensor);
		room -= tensor.bytes;
	}
	return shards;
}

function weightsFile(name: string, planned: readonly Planned[], metadata: Record<string, string>): MadeFile {
	const start = safetensorsStart(planned, { format: 'pt', ...metadata }); // without a format transformers refuses the file
	return {
		name,
		bytes: planned.reduce((sum, { bytes }) => sum + bytes, start.length),
		async *content() {
			yield start;
			for (const tensor of planned) yield* numbersOf(tensor);
		},
	};
}

async function* numbersOf({ shape, dtype, from, change }: Planned): AsyncGenerator<Uint8Array<ArrayBuffer>> {
	const width = shape.at(-1) ?? 1;
	const size = elementCount(shape);
	const step = Math.max(1, Math.floor(BLOCK / width)) * width;
	for (let begin = 0; begin < size; begin += step) {
		const values = await from.read(begin, Math.min(begin + step, size));
		if (change) addChange(values, begin / width, change);
		yield narrow(dtype, values);
	}
}

/** Adds s·B·A to the rows of W from `firstRow` on; sums in float32, as PEFT's merge has them. */
function addChange(values: Float32Array, firstRow: number, { a, b, rank, inputs, scale }: Change): void {
	for (let row = 0; row * inputs < values.length; row++)
		for (let r = 0; r < rank; r++) {
			const factor = scale * b[(firstRow + row) * rank + r]!;
			for (let i = 0, at = row * inputs; i < inputs; i++, at++) values[at]! += factor * a[r * inputs + i]!;
		}
}

function indexFile(shards: readonly Planned[][], names: readonly string[]): MadeFile {
	const total = shards.flat().reduce((sum, { bytes }) => sum + bytes, 0);
	const places = shards.flatMap((shard, i) => shard.map(({ name }) => [name, names[i]!] as const));
	const index = { metadata: { total_size: total }, weight_map: Object.fromEntries(places) };
	return madeFile(SHARD_INDEX, `${JSON.stringify(index, null, 2)}\n`);
}
