/**
 * Models of the reader's own in this browser, beside the files that were downloaded: each file under `dropped:<sha256>/<file>`, and last
 * of all `manifest.json`, which says what the model is and which files it has. A model without it is none: it was not kept to its end.
 */
import * as v from 'valibot';

import type { ReadFile } from '$lib/model/checkpoint';
import { CheckpointError, MissingFileError } from '$lib/model/checkpointErrors';
import { droppedHash, droppedName } from '$lib/model/droppedName';
import type { PartedFile } from '$lib/model/partedFile';
import { sha256 } from '$lib/model/sha256';

import type { FolderReading } from '../checkpointFiles';
import { ModelFileError } from '../fileErrors';
import type { ModelFiles } from '../modelFiles';
import { bytesOf, Found, type Reading } from './found';
import type { FoundModel } from './look';

const MANIFEST = 'manifest.json';
const LOCK_PREFIX = 'conscience-lab-dropped:';
const Kept = v.pipe(v.string(), v.parseJson(), Found);

export type KeptFiles = Pick<ModelFiles, 'find' | 'put' | 'missing' | 'list' | 'remove'>;

const addressOf = (hash: string, file: string) => `${droppedName(hash)}/${file}`;
const partsOf = (url: string) => /^dropped:([0-9a-f]{64})\/(.+)$/.exec(url)?.slice(1) as [string, string] | undefined;

/** Keeps all of it or nothing. What is here already is not written again; of the same weights with another tokenizer, say, the last given is kept. @throws DroppedModelError, as ModelFiles.put, and the signal's reason */
export async function keepModel(model: FoundModel, files: KeptFiles, { signal, onBytes }: Reading = {}): Promise<void> {
	const { given, ...found } = model;
	const contents = found.files.map((file) => ({ ...file, url: addressOf(found.sha256, file.path) }));
	const total = bytesOf(found);
	await alone(found.sha256, signal, async () => {
		if (await isHere(found, files)) return;
		await removeFiles(found.sha256, files); // of a time that ended early, damaged since, or with other files beside the weights
		await files.missing(contents);
		try {
			let done = 0;
			for (const { url, bytes, sha256, path } of contents) {
				const read = given.get(path)!.read();
				await files.put({ url, bytes, sha256 }, read, { signal, onBytes: (here) => onBytes?.(done + here, total) });
				done += bytes;
			}
			const manifest = new TextEncoder().encode(JSON.stringify(found));
			const content = { url: addressOf(found.sha256, MANIFEST), bytes: manifest.length, sha256: await sha256(manifest) };
			await files.put(content, oneAfterAnother([manifest]), { signal });
		} catch (error) {
			await removeFiles(found.sha256, files);
			throw error;
		}
	});
}

async function* oneAfterAnother(parts: readonly Uint8Array<ArrayBuffer>[]) {
	yield* parts;
}

/** The models that are kept here, by name. */
export async function listModels(files: Pick<KeptFiles, 'list' | 'find'>): Promise<Found[]> {
	const hashes = await hashesIn(files);
	const found = await Promise.all(hashes.map((hash) => readManifest(hash, files)));
	return found.filter((model) => model !== null).toSorted((a, b) => a.name.localeCompare(b.name));
}

/** Removes a model, once nobody keeps it just now. */
export const removeModel = (hash: string, files: Pick<KeptFiles, 'list' | 'remove'>): Promise<void> =>
	alone(hash, undefined, () => removeFiles(hash, files));

/** Removes what a page left behind that went while it kept a model. */
export async function removeUnfinished(files: Pick<KeptFiles, 'list' | 'find' | 'remove'>): Promise<void> {
	for (const hash of await hashesIn(files)) {
		const remove = async (lock: unknown) => {
			if (lock !== null && !(await readManifest(hash, files))) await removeFiles(hash, files);
		};
		if (globalThis.navigator?.locks) await navigator.locks.request(LOCK_PREFIX + hash, { ifAvailable: true }, remove);
		else await remove('nobody can tell');
	}
}

/** Reads the model that an experiment names so, as loadCheckpoint wants it. @throws ModelFileError that says what is wanted when it is not here */
export function readDroppedModel(checkpoint: string, files: Pick<KeptFiles, 'find'>, { signal, onBytes }: FolderReading = {}): ReadFile {
	const hash = droppedHash(checkpoint);
	let opening: Promise<Found> | null = null;
	let loaded = 0;
	return async (name) => {
		if (hash === null)
			throw new ModelFileError(`'${checkpoint}' names no model: expected dropped: and the 64 hex digits of its weights’ SHA-256. Choose it on the page Models.`); // prettier-ignore
		opening ??= readManifest(hash, files).then((model) => model ?? Promise.reject(notHere(hash)));
		const model = await opening;
		if (name === MANIFEST) return new TextEncoder().encode(JSON.stringify(model));
		const record = model.files.find(({ path }) => path === name);
		if (!record) throw new MissingFileError(`${model.name} has no ${name}`);
		const file = await files.find({ url: addressOf(hash, name), bytes: record.bytes, sha256: record.sha256 }, signal);
		if (!file) throw new CheckpointError(`${model.name}: ${name} is damaged or was deleted in this browser. ${giveAgain(hash)}`);
		loaded += file.size;
		onBytes?.(loaded, bytesOf(model));
		if (!name.endsWith('.safetensors')) return new Uint8Array(await file.arrayBuffer());
		return { size: file.size, slice: (begin, end) => file.slice(begin, end), sha256: record.sha256 } satisfies PartedFile;
	};
}

const giveAgain = (hash: string) =>
	`Give its folder or zip again on the page Models (its weights have the SHA-256 ${hash}), or choose another model.`;

const notHere = (hash: string) =>
	new ModelFileError(
		`This experiment wants a model that somebody gave as a folder or a zip, and it is not in this browser: it was deleted, or is somebody else’s. Ask whoever made the experiment for it. ${giveAgain(hash)}`,
	);

async function readManifest(hash: string, files: Pick<KeptFiles, 'find'>): Promise<Found | null> {
	const file = await files.find({ url: addressOf(hash, MANIFEST), bytes: null, sha256: null });
	const read = v.safeParse(Kept, await file?.text());
	return read.success && read.output.sha256 === hash ? read.output : null;
}

/** Whether these very files are. Every byte of them is read for that. */
async function isHere(found: Found, files: Pick<KeptFiles, 'find'>): Promise<boolean> {
	const kept = await readManifest(found.sha256, files);
	if (!kept || sumsOf(kept) !== sumsOf(found)) return false;
	for (const { path, ...file } of kept.files) if (!(await files.find({ url: addressOf(found.sha256, path), ...file }))) return false;
	return true;
}

const sumsOf = ({ files }: Found): string =>
	files
		.map(({ path, sha256 }) => `${sha256}  ${path}`)
		.toSorted()
		.join('\n');

async function hashesIn(files: Pick<KeptFiles, 'list'>): Promise<string[]> {
	const hashes = (await files.list()).flatMap(({ url }) => partsOf(url)?.[0] ?? []);
	return [...new Set(hashes)];
}

/** The manifest first: without it there is no model. */
async function removeFiles(hash: string, files: Pick<KeptFiles, 'list' | 'remove'>): Promise<void> {
	const urls = (await files.list()).map(({ url }) => url).filter((url) => partsOf(url)?.[0] === hash);
	const manifest = addressOf(hash, MANIFEST);
	for (const url of urls.toSorted((a, b) => Number(b === manifest) - Number(a === manifest))) await files.remove(url);
}

async function alone(hash: string, signal: AbortSignal | undefined, work: () => Promise<void>): Promise<void> {
	signal?.throwIfAborted();
	if (!globalThis.navigator?.locks) return work();
	await navigator.locks.request(LOCK_PREFIX + hash, signal ? { signal } : {}, work);
}
