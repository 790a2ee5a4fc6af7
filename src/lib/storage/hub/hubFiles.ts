/** A model of a hub in this browser: which of its files the lab needs, kept, checked and read. */
import type { ReadFile } from '$lib/model/checkpoint';
import type { PinnedName } from '$lib/model/hubFolder';
import { parseShardIndex, SHARD_INDEX } from '$lib/model/shards';

import type { FolderReading } from '../checkpointFiles';
import type { AccessToken, DownloadOptions, ModelFile } from '../download';
import { MissingFileError, ModelFileError } from '../fileErrors';
import type { ModelFiles } from '../modelFiles';
import { listingUrl } from './address';
import { parseListing, type Repository } from './listing';

/** The small files of a folder that loadCheckpoint reads. */
const NEEDED = ['config.json', 'tokenizer.json', 'tokenizer_config.json'];
const OPTIONAL = ['manifest.json', 'generation_config.json', 'chat_template.jinja'];
const WEIGHTS = 'model.safetensors';

export type HubReading = Pick<DownloadOptions, 'signal' | 'onWait'> & { token?: AccessToken | null };

/** A model's files, those with the weights last. */
export interface HubFiles {
	repository: Repository;
	files: ReadonlyMap<string, ModelFile>;
}

type Opening = Pick<ModelFiles, 'open' | 'remove'>;

/**
 * A repository at a commit. The list of its files is kept like a file, for a commit never changes: what is kept can be used without a
 * network, and what was cut short is checked by the same hashes. @throws ModelFileError, and as ModelFiles
 */
export async function openRepository(name: PinnedName, files: Opening, reading: HubReading = {}): Promise<Repository> {
	const url = listingUrl(name);
	const list = await files.open({ url, bytes: null, sha256: null }, reading);
	try {
		const repository = parseListing(await list.text(), name);
		if (repository.revision === name.revision) return repository;
		throw new ModelFileError(`${url}: the hub told of another commit, ${repository.revision}. Is it the address of a hub?`);
	} catch (error) {
		await files.remove(url); // no hash says that it is bad: kept, it would be read the next time, too
		throw error;
	}
}

/** Which files of the repository the lab needs. @throws ModelFileError when it is no model that the lab reads, and as ModelFiles */
export async function hubFiles(name: PinnedName, files: Opening, reading: HubReading = {}): Promise<HubFiles> {
	const repository = await openRepository(name, files, reading);
	const missing = NEEDED.filter((file) => !repository.files.has(file));
	if (missing.length > 0) throw new ModelFileError(`${name.id} has no ${missing.join(', no ')}: ${adviceFor(missing)}.`);
	const small = [...NEEDED, ...OPTIONAL].filter((file) => repository.files.has(file));
	const weights = await weightsOf(repository, files, reading);
	return { repository, files: new Map([...small, ...weights].map((file) => [file, repository.files.get(file)!])) };
}

const adviceFor = (missing: readonly string[]): string =>
	missing.includes('config.json')
		? 'it is no model in the form that transformers saves. Look for the repository that others were made from'
		: 'the lab reads the files that transformers’ fast tokenizers save. Look for a newer version of the model';

/** The one file where there is one, as transformers chooses, or else the index and its shards. */
async function weightsOf({ id, files: listed }: Repository, files: Opening, reading: HubReading): Promise<string[]> {
	if (listed.has(WEIGHTS)) return [WEIGHTS];
	const index = listed.get(SHARD_INDEX);
	if (!index) {
		const others = [...listed.keys()].filter((file) => /\.(bin|gguf|pt|pth|onnx|h5)$/.test(file)).slice(0, 3);
		const has = others.length > 0 ? ` It has ${others.join(', ')}: such files are not read.` : '';
		throw new ModelFileError(`${id} has no ${WEIGHTS}, and no ${SHARD_INDEX}.${has} Look for a repository with safetensors.`);
	}
	const blob = await files.open(index, reading);
	const shards = [...parseShardIndex(new Uint8Array(await blob.arrayBuffer())).shards.keys()];
	const absent = shards.find((shard) => !listed.has(shard));
	if (absent) throw new ModelFileError(`${id}: ${SHARD_INDEX} names ${absent}, which the repository doesn’t have.`);
	return [SHARD_INDEX, ...shards];
}

/** Reads a model of a hub as loadCheckpoint wants it: what is kept from this browser, what isn't from the hub. @throws as hubFiles */
export function readHubFolder(
	name: PinnedName,
	files: Pick<ModelFiles, 'open' | 'missing' | 'remove'>,
	{ onBytes, ...reading }: FolderReading & HubReading = {},
): ReadFile {
	let model: Promise<HubFiles> | null = null;
	const here = new Map<string, number>();
	const prepare = async () => {
		const found = await hubFiles(name, files, reading);
		await files.missing([...found.files.values()]); // all of it has room, before the first part of it comes
		return found;
	};
	return async (file) => {
		model ??= prepare();
		const { files: wanted } = await model;
		const found = wanted.get(file);
		if (!found) throw new MissingFileError(`${name.id} has no ${file}.`);
		const total = sumOf([...wanted.values()].map(({ bytes }) => bytes ?? 0));
		const onFileBytes = (bytes: number) => {
			here.set(file, bytes);
			onBytes?.(sumOf([...here.values()]), total);
		};
		const blob = await files.open(found, { ...reading, onBytes: onFileBytes });
		// the hash was computed just now, and a gigabyte's takes some seconds
		return found.sha256 ? { size: blob.size, slice: (begin: number, end: number) => blob.slice(begin, end), sha256: found.sha256 } : blob;
	};
}

const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
