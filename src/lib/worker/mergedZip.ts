import { Zip, ZipPassThrough } from 'fflate';

import { adapterOfFiles } from '$lib/experiment/adapterFiles';
import type { AdapterFolder } from '$lib/experiment/adapterFolder';
import { mergedFolder } from '$lib/experiment/mergedFolder';
import { AdapterError, allReasons } from '$lib/model/adapter';
import { checkAdapter } from '$lib/model/adapterCheck';
import { openFolderWeights, type ReadFile } from '$lib/model/checkpoint';
import type { ModelConfig } from '$lib/model/config';
import type { MadeFile, MergeOptions } from '$lib/model/mergedWeights';

/** Of one file of weights. */
const SHARD_BYTES = 1e9;
/** A zip without extensions ends its counting there. */
const MOST_BYTES = 2 ** 32 - 2 ** 20;
/** Handed to the browser at a time, which may put it on its disk. */
const PART_BYTES = 1 << 25;

/** The base at `read` with an adapter in it, as a zip of a Hugging Face folder. @throws AdapterError */
export async function mergedZip(
	{ read, config, base, adapter }: { read: ReadFile; config: ModelConfig; base: string; adapter: AdapterFolder },
	dtype: MergeOptions['dtype'],
): Promise<Blob> {
	const weights = await openFolderWeights(read);
	const asBytes = ([name, content]: [string, string | Uint8Array]) => ({
		name,
		bytes: typeof content === 'string' ? new TextEncoder().encode(content) : content,
	});
	const given = adapterOfFiles(Object.entries<string | Uint8Array>({ ...adapter }).map(asBytes));
	const report = checkAdapter({ config, name: base, sha256: weights.sha256 }, given);
	if (!report.adapter) throw new AdapterError(allReasons(report.reasons));
	const source = { read, config, weights, base, report, card: adapter['README.md'], experiment: adapter['experiment.json'] };
	const { files, bytes } = await mergedFolder(source, { dtype, maxShardBytes: SHARD_BYTES });
	if (bytes > MOST_BYTES)
		throw new AdapterError(
			`The model takes ${(bytes / 1e9).toFixed(1)} GB, and a zip holds at most 4.3. Download the adapter, and merge it at the command line: npm run adapter -- merge.`,
		);
	return zipOf(files);
}

/** Nothing is packed: weights do not get smaller. */
async function zipOf(files: readonly MadeFile[]): Promise<Blob> {
	const done: Blob[] = [];
	let parts: Uint8Array<ArrayBuffer>[] = [];
	let size = 0;
	const flush = () => {
		done.push(new Blob(parts));
		[parts, size] = [[], 0];
	};
	const zip = new Zip((error, part) => {
		if (error) throw error;
		parts.push(part);
		size += part.length;
		if (size > PART_BYTES) flush();
	});
	for (const { name, content } of files) {
		const entry = new ZipPassThrough(name);
		zip.add(entry);
		for await (const part of content()) entry.push(part);
		entry.push(new Uint8Array(), true);
	}
	zip.end();
	flush();
	return new Blob(done, { type: 'application/zip' });
}
