import { unzipSync } from 'fflate';

import { AdapterError } from '$lib/model/adapter';

/** A file that somebody gives as a part of an adapter's folder. */
export interface GivenAdapterFile {
	name: string;
	bytes: Uint8Array;
}

const NAMES = ['adapter_config.json', 'adapter_model.safetensors'] as const;
/** What the lab puts beside them: the card, and the experiment that made the adapter. */
export const BESIDE = ['README.md', 'experiment.json'];
/** Unpacked, an adapter of the models that this lab runs is far smaller: what is larger is none. */
const MOST_BYTES = 500e6;

/** PEFT's two files among those that were given, or in the zip that was. @throws AdapterError that says which is missing or can't be read */
export function adapterOfFiles(given: readonly GivenAdapterFile[]): { config: unknown; safetensors: Uint8Array } {
	const files = given.flatMap((file) => (/\.zip$/i.test(file.name) ? unpackedAdapter(file) : [file]));
	const [config, weights] = NAMES.map((name) => {
		const found = files.filter((file) => baseName(file.name) === name);
		if (found.length === 1) return found[0]!;
		const names = given.map((file) => baseName(file.name)).slice(0, 5);
		throw new AdapterError(
			found.length === 0
				? `${name} is missing: an adapter is a folder of PEFT's with ${NAMES.join(' and ')}, and what came is ${names.join(', ') || 'nothing'}. Choose both files, or a zip of the folder.`
				: `${name} is there ${found.length} times: give the files of one adapter at a time.`,
		);
	}) as [GivenAdapterFile, GivenAdapterFile];
	return { config: parsed(config), safetensors: weights.bytes };
}

const baseName = (path: string): string => path.split(/[\\/]/).at(-1)!;

/** An adapter's files in a zip, by their paths in it, with the card and the experiment where it has them. @throws AdapterError where it can't be read */
export function unpackedAdapter({ name, bytes }: GivenAdapterFile): GivenAdapterFile[] {
	try {
		const entries = unzipSync(bytes, {
			filter: ({ name: path, originalSize }) => [...NAMES, ...BESIDE].includes(baseName(path)) && originalSize < MOST_BYTES,
		});
		return Object.entries(entries).map(([path, content]) => ({ name: path, bytes: content }));
	} catch (cause) {
		throw new AdapterError(`${name} is no zip that can be read: it is cut short or damaged. Make it anew.`, { cause });
	}
}

function parsed({ name, bytes }: GivenAdapterFile): unknown {
	try {
		return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
	} catch (cause) {
		throw new AdapterError(`${baseName(name)} is not JSON: ${(cause as Error).message}`, { cause });
	}
}
