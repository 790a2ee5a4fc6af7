/**
 * A checkpoint's folder at an address, as a worker of the page reads it. A model saved in shards is large: its shards are kept in this
 * browser, and what broke off goes on from there. All other files are fetched, and the browser keeps them as it keeps any.
 */
import { fetchFrom, type ReadFile } from '$lib/model/checkpoint';
import { parseShardIndex, SHARD_INDEX } from '$lib/model/shards';

import { type ModelFile, validatorOf } from './download';
import { DownloadError } from './fileErrors';
import type { ModelFiles } from './modelFiles';

export interface FolderReading {
	signal?: AbortSignal;
	/** Hears the bytes of all files together, and how many they have; null when a server does not say. */
	onBytes?: (loaded: number, total: number | null) => void;
}

/** A shard, and how much of it is here. */
interface Shard extends ModelFile {
	here: number;
}

/** Room and size of all shards are known once the index is read, before the first of them is fetched. @throws as ModelFiles and fetchFrom do */
export function readCheckpointFrom(
	baseUrl: string,
	files: Pick<ModelFiles, 'open' | 'missing' | 'list' | 'remove'>,
	{ signal, onBytes }: FolderReading = {},
): ReadFile {
	const shards = new Map<string, Shard>();
	let fetched: { loaded: number; total: number | null } = { loaded: 0, total: 0 };
	const tell = () => {
		const sizes = [fetched.total, ...[...shards.values()].map(({ bytes, here }) => bytes && Math.max(bytes, here))];
		const loaded = [...shards.values()].reduce((sum, { here }) => sum + here, fetched.loaded);
		onBytes?.(loaded, sizes.includes(null) ? null : sizes.reduce<number>((sum, size) => sum + size!, 0));
	};
	const fetchFile = fetchFrom(baseUrl, (loaded, total) => {
		fetched = { loaded, total };
		tell();
	});
	return async (name) => {
		const shard = shards.get(name);
		if (shard) {
			await removeOtherVersions(shard.url, files, signal);
			const onBytes = (bytes: number) => {
				shard.here = bytes;
				tell();
			};
			return openShard(shard, files, { signal, onBytes });
		}
		const bytes = await fetchFile(name);
		if (name !== SHARD_INDEX) return bytes;
		const folder = baseUrl.replace(/\/$/, '');
		const names = [...parseShardIndex(bytes).shards.keys()];
		const found = await Promise.all(names.map(async (name) => [name, await findVersion(`${folder}/${name}`, signal)] as const));
		for (const [name, file] of found) if (file) shards.set(name, { ...file, here: 0 });
		await files.missing([...shards.values()]);
		return bytes;
	};
}

/** Other origins hide whether the size is that of a packed file, so that it is no more than the least that has to come. */
async function openShard(
	shard: ModelFile,
	files: Pick<ModelFiles, 'open' | 'remove'>,
	options: Parameters<ModelFiles['open']>[1],
): Promise<Blob> {
	const blob = await files.open({ ...shard, bytes: null }, options);
	if (blob.size >= (shard.bytes ?? 0)) return blob;
	await files.remove(shard.url); // some browsers take a cut line for an end
	const text = `${shard.url}: the download ended after ${blob.size} of ${shard.bytes} bytes. Is the server running and the machine online? Load it again.`;
	throw new DownloadError(text, true);
}

/**
 * The file as the server has it now. Its version is in the address' fragment, which no server sees, so that another version is another
 * file: an index reads alike for other weights. Null when the server names no version, and nothing could tell whether what is kept is its.
 */
async function findVersion(url: string, signal: AbortSignal | undefined): Promise<ModelFile | null> {
	const response = await fetch(url, { method: 'HEAD', cache: 'no-store', ...(signal && { signal }) }).catch(() => null);
	signal?.throwIfAborted();
	const version = response?.ok ? validatorOf(response) : null;
	if (!response || version === null) return null;
	const length = Number.parseInt(response.headers.get('content-length') ?? '', 10);
	const bytes = Number.isNaN(length) || response.headers.has('content-encoding') ? null : length;
	return { url: `${url}#${encodeURIComponent(version)}`, bytes, sha256: null };
}

async function removeOtherVersions(url: string, files: Pick<ModelFiles, 'list' | 'remove'>, signal: AbortSignal | undefined) {
	const plain = (address: string) => address.split('#')[0];
	for (const kept of await files.list()) if (kept.url !== url && plain(kept.url) === plain(url)) await files.remove(kept.url, signal);
}
