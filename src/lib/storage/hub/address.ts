/** How a hub names its models, and the lab a model of a hub: by the address of its files at one commit, `https://huggingface.co/<owner>/<name>/resolve/<commit>`. */
import { ModelFileError } from '../fileErrors';

export const HUB = 'https://huggingface.co';

/** A repository at a revision: a branch, a tag or a commit. */
export interface HubName {
	/** The hub's address, without a slash at its end. */
	hub: string;
	/** `<owner>/<name>`. */
	id: string;
	revision: string;
}

/** One that never changes: its revision is a commit. */
export type PinnedName = HubName;

const FOLDER = /^(https?:\/\/[^?#]+?)\/([\w][\w.-]*\/[\w][\w.-]*)\/resolve\/([0-9a-f]{40})\/?$/;
const ID = /^[\w][\w.-]{0,95}\/[\w][\w.-]{0,95}$/;

/** The model that an address of a folder names; null when it is no folder of a hub, or not of one commit. */
export function parseHubFolder(url: string): PinnedName | null {
	const [, hub, id, revision] = FOLDER.exec(url) ?? [];
	return hub && id && revision ? { hub, id, revision } : null;
}

export const hubFolder = ({ hub, id, revision }: PinnedName): string => `${hub}/${id}/resolve/${revision}`;

/** Where the hub tells which files there are at the revision, with their sizes and hashes. */
export const listingUrl = ({ hub, id, revision }: HubName): string =>
	`${hub}/api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`;

const LISTING = /^(https?:\/\/.+?)\/api\/models\/([^/]+\/[^/]+)\/revision\/([0-9a-f]{40})\?blobs=true$/;

/** The model that the address of a list is of; null when it is none. */
export function parseListingUrl(url: string): PinnedName | null {
	const [, hub, id, revision] = LISTING.exec(url) ?? [];
	return hub && id && revision ? { hub, id, revision } : null;
}

/** What a reader types: `owner/name`, or the address of a model's page, which names hub and revision, too. @throws ModelFileError */
export function readHubName(typed: { hub: string; id: string; revision: string }): HubName {
	const id = typed.id.trim();
	const [, page, owned, shown] = /^(https?:\/\/[^/]+)\/([^/]+\/[^/?#]+)(?:\/(?:tree|resolve|blob)\/([^/?#]+))?/.exec(id) ?? [];
	const name = {
		hub: (page ?? (typed.hub.trim() || HUB)).replace(/\/+$/, ''),
		id: owned ?? id,
		revision: shown ?? (typed.revision.trim() || 'main'),
	};
	if (!ID.test(name.id))
		throw new ModelFileError(`'${id}' is no name of a model: give owner and name, as HuggingFaceTB/SmolLM2-135M-Instruct.`);
	if (!/^https?:\/\/[^?#]+$/.test(name.hub) || !URL.canParse(name.hub))
		throw new ModelFileError(`'${name.hub}' is no address of a hub: give it in full, as ${HUB}.`);
	return name;
}
