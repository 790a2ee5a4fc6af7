import { isDropped } from '$lib/model/droppedName';
import { hubFolder, parseHubFolder } from '$lib/model/hubFolder';
import { parseListingUrl } from '$lib/storage/hub/address';
import type { KeptFile } from '$lib/storage/modelFiles';

import type { StoredModel } from './modelsProtocol';

/** The address that a file lies under: of a hub's model the commit's, also for the list of its files. */
export function folderOf(url: string): string {
	const listed = parseListingUrl(url);
	if (listed) return hubFolder(listed);
	const plain = url.split('#')[0]!; // the version of a shard is in the fragment
	return /^.+\/resolve\/[^/]+/.exec(plain)?.[0] ?? plain.slice(0, plain.lastIndexOf('/'));
}

/** Files that were fetched and are kept, by the model that they are of, the largest first. The reader's own are listed by storage/dropped. */
export function storedModels(files: readonly KeptFile[]): StoredModel[] {
	const groups = new Map<string, KeptFile[]>();
	for (const file of files) if (!isDropped(file.url)) groups.set(folderOf(file.url), [...(groups.get(folderOf(file.url)) ?? []), file]);
	const models = [...groups].map(([folder, of]) => ({
		folder,
		name: parseHubFolder(folder),
		bytes: of.reduce((sum, { bytes }) => sum + bytes, 0),
		partial: of.some(({ complete }) => !complete) || (parseHubFolder(folder) !== null && !hasAllWeights(of.map(({ url }) => url))),
	}));
	return models.sort((a, b) => b.bytes - a.bytes);
}

/** The one file, or as many shards as their names say that there are. */
function hasAllWeights(urls: readonly string[]): boolean {
	if (urls.some((url) => url.endsWith('/model.safetensors'))) return true;
	const counts = urls.flatMap((url) => /-\d+-of-(\d+)\.safetensors$/.exec(url)?.[1] ?? []);
	return counts.length > 0 && counts.length === Number(counts[0]);
}
