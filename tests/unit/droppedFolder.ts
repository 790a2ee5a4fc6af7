/** A folder of a model of one layer with random weights, the tokens the organism's; as files, as a zip, and in shards. */
import { readFileSync } from 'node:fs';

import { zipSync } from 'fflate';

import { writeSafetensors } from '$lib/model/safetensors';
import type { Given } from '$lib/storage/dropped/found';

import { SIZES, tinyTensors } from '../e2e/tinyModel';

export type Files = Record<string, Uint8Array>;

const own = (name: string) => new Uint8Array(readFileSync(new URL(`../../static/organism/${name}`, import.meta.url)));
export const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
export const CONFIG = {
	...(JSON.parse(new TextDecoder().decode(own('config.json'))) as Record<string, unknown>),
	...SIZES,
	num_key_value_heads: SIZES.num_attention_heads,
	max_position_embeddings: 2048, // as a real one's: room for the longer frameworks
};

export const tinyFolder = (): Files => ({
	'config.json': json(CONFIG),
	'tokenizer.json': own('tokenizer.json'),
	'tokenizer_config.json': own('tokenizer_config.json'),
	'generation_config.json': own('generation_config.json'),
	'model.safetensors': writeSafetensors(tinyTensors()),
});

/** The same in two shards. */
export function shardedFolder(): Files {
	const { 'model.safetensors': _, ...small } = tinyFolder();
	const tensors = [...tinyTensors()];
	const parts = [tensors.slice(1), tensors.slice(0, 1)].map((part) => new Map(part));
	const names = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
	const weight_map = Object.fromEntries(parts.flatMap((part, k) => [...part.keys()].map((name) => [name, names[k]])));
	return {
		...small,
		'model.safetensors.index.json': json({ weight_map }),
		...Object.fromEntries(parts.map((part, k): [string, Uint8Array] => [names[k]!, writeSafetensors(part)])),
	};
}

const blobOf = (bytes: Uint8Array) => new Blob([bytes as Uint8Array<ArrayBuffer>]);

/** As a chooser of folders gives them. */
export const asFolder = (files: Files, name = 'tiny'): Given => ({
	name,
	files: Object.entries(files).map(([path, bytes]) => ({ path: `${name}/${path}`, file: blobOf(bytes) })),
});

export const zipOf = (files: Files, { folder = 'tiny/', level = 6 }: { folder?: string; level?: 0 | 6 } = {}): Uint8Array =>
	zipSync(
		Object.fromEntries(
			Object.entries(files).map(([name, bytes]): [string, [Uint8Array, { level: 0 | 6 }]] => [folder + name, [bytes, { level }]]),
		),
	);

export const asZip = (bytes: Uint8Array, name = 'tiny.zip'): Given => ({ name, files: [{ path: name, file: blobOf(bytes) }] });
