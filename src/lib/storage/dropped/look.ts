/** A folder or zip that a reader gave: read once and checked by the loader itself, with nothing kept, and nothing large in memory. */
import { CheckpointError, MissingFileError, openCheckpoint, type ReadFile } from '$lib/model/checkpoint';
import type { PartedFile } from '$lib/model/partedFile';
import { SafetensorsError } from '$lib/model/safetensors';
import { startSha256 } from '$lib/model/sha256Stream';

import type { Found, Given, Reading } from './found';
import { DroppedModelError, fileOnDisk, type GivenFile, modelIn, type ModelFolder } from './given';
import { filesOfZip } from './zip';

/** A model that was looked into, and where its files can be read again. */
export interface FoundModel extends Found {
	given: ReadonlyMap<string, GivenFile>;
}

/** A header has no more (safetensorsHeader.ts), and nothing but headers is looked into here. */
const HEAD_BYTES = 10_000_008;
/** Of a file that is no weights: tokenizers take up to 30 MB. */
const MOST_SMALL = 100e6;

/** @throws DroppedModelError that says what is wrong with it, and the signal's reason */
export async function lookInto(given: Given, { signal, onBytes }: Reading = {}): Promise<FoundModel> {
	const [only] = given.files;
	const isZip = given.files.length === 1 && /\.zip$/i.test(only!.path);
	const files = isZip ? await filesOfZip(only!.file, given.name) : given.files.map(({ path, file }) => fileOnDisk(path, file));
	const folder = modelIn(files, given.name.replace(/\.zip$/i, ''));
	const reader = readerOf(folder, { signal, onBytes });
	try {
		const { config, tensors, parameterCount, sha256 } = await openCheckpoint(reader.read);
		const dtypes = [...new Set([...tensors.values()].map(({ dtype }) => dtype))];
		const found = { name: folder.name, sha256, family: config.modelType, layers: config.numHiddenLayers, parameters: parameterCount };
		return { ...found, dtypes, files: [...reader.seen.values()], given: folder.files };
	} catch (error) {
		signal?.throwIfAborted();
		if (error instanceof DroppedModelError) throw error;
		const where = error instanceof SafetensorsError ? `${reader.last}: ` : '';
		throw new DroppedModelError(`${folder.name} can’t be used: ${where}${inSentence((error as Error).message)}`, { cause: error });
	}
}

const inSentence = (message: string) => (/[.!?]$/.test(message) ? message : `${message}.`);

/** Reads the folder for the loader, and notes what it asked for. Of weights no more than their head is held. */
function readerOf({ name: folder, files }: ModelFolder, { signal, onBytes }: Reading) {
	const seen = new Map<string, Found['files'][number]>();
	const reader = { seen, last: '', read: null as unknown as ReadFile };
	const total = [...files.values()].reduce((sum, { path, size }) => sum + (path.endsWith('.safetensors') ? size : 0), 0);
	let done = 0;
	reader.read = async (name) => {
		const file = files.get(name);
		if (!file) throw new MissingFileError(`there is no ${name} in it. ${adviceFor(name)}`);
		const isWeights = name.endsWith('.safetensors');
		if (!isWeights && file.size > MOST_SMALL) throw new CheckpointError(`${name} has ${file.size} bytes; at most ${MOST_SMALL} are read`);
		reader.last = name;
		const onPart = (bytes: number) => {
			if (isWeights) onBytes?.((done += bytes), Math.max(total, done));
			signal?.throwIfAborted();
		};
		const { head, bytes, sha256 } = await readHead(file, isWeights ? HEAD_BYTES : MOST_SMALL, onPart);
		if (name === 'manifest.json') return head; // of the folder as it was: what is kept gets its own
		seen.set(name, { path: name, bytes, sha256 });
		if (!isWeights) return head;
		const slice = (begin: number, end: number) => ({ arrayBuffer: async () => cut(head, begin, end, folder) });
		return { size: bytes, slice, sha256 } satisfies PartedFile;
	};
	return reader;
}

/** The first bytes of a file, and the size and hash of all of it. */
async function readHead(file: GivenFile, most: number, onPart: (bytes: number) => void) {
	const hash = await startSha256();
	const parts: Uint8Array<ArrayBuffer>[] = [];
	let bytes = 0;
	for await (const part of file.read()) {
		onPart(part.length);
		hash.update(part);
		if (bytes < most) parts.push(part);
		bytes += part.length;
	}
	return { head: new Uint8Array(await new Blob(parts).arrayBuffer()), bytes, sha256: hash.digest() };
}

function cut(head: Uint8Array<ArrayBuffer>, begin: number, end: number, folder: string): ArrayBuffer {
	if (end > head.length) throw new RangeError(`${folder}: byte ${end} was asked for, and ${head.length} are here`); // no loader does, for a header
	return head.slice(begin, end).buffer;
}

const adviceFor = (name: string): string =>
	name.startsWith('tokenizer')
		? 'The lab reads the files that transformers’ fast tokenizers save: in transformers, tokenizer.save_pretrained(folder)'
		: 'Give the whole folder';
