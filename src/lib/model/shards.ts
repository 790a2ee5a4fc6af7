/**
 * Weights in shards, as transformers saves large models: `model.safetensors.index.json`
 *   { "metadata": { "total_size": bytes of all tensors }, "weight_map": { tensor: name of the shard that holds it } }
 * and beside it the shards `model-0000k-of-0000n.safetensors`. The index may come from anywhere, as the shards may: nothing of it is
 * believed before it is checked.
 */
import * as v from 'valibot';

import { CheckpointError, isMissing, MissingFileError } from './checkpointErrors';
import type { PartedFile } from './partedFile';
import { openSafetensors, type TensorInFile } from './safetensors';
import { sha256 } from './sha256';

export const SHARD_INDEX = 'model.safetensors.index.json';

export interface ShardIndex {
	/** The tensors of each shard; the shards in order of their names. */
	shards: ReadonlyMap<string, ReadonlySet<string>>;
	/** Bytes of all tensors, as they are stored; null when the index does not say. */
	totalSize: number | null;
}

/** The weights of a checkpoint, in one file or several. */
export interface StoredWeights {
	/** In the order in which they lie there. */
	tensors: Map<string, TensorInFile>;
	sha256: string;
}

const MAX_INDEX_BYTES = 10_000_000;
const MAX_SHARDS = 1000;

/** A plain name: nothing that leads out of the folder or to another server, whether the folder is a path or an address. */
const ShardName = v.pipe(
	v.string(),
	v.maxLength(200),
	v.regex(
		/^\w[\w.-]*\.safetensors$/,
		({ received }) => `${received} is not the plain name of a .safetensors file of this folder; no other file is read`,
	),
);
const Index = v.looseObject({
	metadata: v.optional(v.looseObject({ total_size: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))) })),
	weight_map: v.record(v.string(), ShardName),
});

/** @throws CheckpointError */
export function parseShardIndex(bytes: Uint8Array): ShardIndex {
	if (bytes.length > MAX_INDEX_BYTES)
		throw new CheckpointError(`${SHARD_INDEX} has ${bytes.length} bytes; at most ${MAX_INDEX_BYTES} are read. Is it an index?`);
	let json: unknown;
	try {
		json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
	} catch (error) {
		throw new CheckpointError(`${SHARD_INDEX} is not JSON: ${(error as Error).message}`);
	}
	const result = v.safeParse(Index, json);
	if (!result.success) {
		const [issue] = result.issues;
		throw new CheckpointError(`${SHARD_INDEX}: ${v.getDotPath(issue) ?? 'the file'}: ${issue.message}`);
	}
	const { metadata, weight_map: shardOf } = result.output;
	const shards = new Map<string, Set<string>>();
	for (const shard of [...new Set(Object.values(shardOf))].sort()) shards.set(shard, new Set());
	for (const [tensor, shard] of Object.entries(shardOf)) shards.get(shard)!.add(tensor);
	if (shards.size === 0) throw new CheckpointError(`${SHARD_INDEX} names no tensor, so that there is no model. Save it again`);
	if (shards.size > MAX_SHARDS)
		throw new CheckpointError(`${SHARD_INDEX} names ${shards.size} shards; at most ${MAX_SHARDS} are read. Save it in larger ones`);
	return { shards, totalSize: metadata?.total_size ?? null };
}

/** A file whose hash is known. */
export type HashedFile = PartedFile & { readonly sha256: string };

/**
 * The tensors of all shards, opened one after the other, each exactly where the index says. Their SHA-256 is that of the text that
 * `sha256sum model-*-of-*.safetensors` prints: a line `<hex of the shard>  <its name>` each, in order of their names.
 * @throws MissingFileError, CheckpointError, SafetensorsError
 */
export async function readShards({ shards, totalSize }: ShardIndex, open: (name: string) => Promise<HashedFile>): Promise<StoredWeights> {
	const tensors = new Map<string, TensorInFile>();
	let size = 0;
	let sums = '';
	for (const [name, expected] of shards) {
		const file = await openShard(name, open);
		const shard = await openSafetensors(file);
		checkTensors(name, shard.tensors, expected, shards);
		for (const [tensor, stored] of shard.tensors) tensors.set(tensor, stored);
		size += shard.dataBytes;
		sums += `${file.sha256}  ${name}\n`;
	}
	if (totalSize !== null && size !== totalSize)
		throw new CheckpointError(
			`${SHARD_INDEX} says that the tensors take ${totalSize} bytes (metadata.total_size), but those of the shards take ${size}. Index and shards are not of one model: load or save all of them again`,
		);
	return { tensors, sha256: await sha256(sums) };
}

async function openShard(name: string, open: (name: string) => Promise<HashedFile>): Promise<HashedFile> {
	try {
		return await open(name);
	} catch (error) {
		if (!isMissing(error)) throw error;
		const text = `${SHARD_INDEX} names ${name}, which is not in the folder (${(error as Error).message}). A model needs all its shards: add it`;
		throw new MissingFileError(text, { cause: error });
	}
}

function checkTensors(
	name: string,
	found: ReadonlyMap<string, unknown>,
	expected: ReadonlySet<string>,
	shards: ShardIndex['shards'],
): void {
	const advice = 'Index and shards are not of one model: load or save all of them again';
	for (const tensor of found.keys()) {
		if (expected.has(tensor)) continue;
		const place = [...shards].find(([, tensors]) => tensors.has(tensor))?.[0];
		const said = place ? `places in ${place}: it would be there twice` : 'does not name';
		throw new CheckpointError(`${name} holds tensor ${JSON.stringify(tensor)}, which ${SHARD_INDEX} ${said}. ${advice}`);
	}
	for (const tensor of expected)
		if (!found.has(tensor))
			throw new CheckpointError(`${name} does not hold tensor ${JSON.stringify(tensor)}, which ${SHARD_INDEX} places there. ${advice}`);
}
