/** Where a hub tells of its models, and how a reader names one. */
import type { HubName, PinnedName } from '$lib/model/hubFolder';

import { ModelFileError } from '../fileErrors';

export const HUB = 'https://huggingface.co';

const ID = /^[\w][\w.-]{0,95}\/[\w][\w.-]{0,95}$/;

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
	const [, page, owned, shown] = /^(https?:\/\/[^/]+)\/([^/]+\/[^/?#]+)(?:\/(?:tree|resolve|blob|commit)\/([^/?#]+))?/.exec(id) ?? [];
	const name = {
		hub: (page ?? (typed.hub.trim() || HUB)).replace(/\/+$/, ''),
		id: owned ?? id,
		revision: decoded(shown) ?? (typed.revision.trim() || 'main'),
	};
	if (!ID.test(name.id))
		throw new ModelFileError(`'${id}' is no name of a model: give owner and name, as HuggingFaceTB/SmolLM2-135M-Instruct.`);
	if (!/^https?:\/\/[^?#]+$/.test(name.hub) || !URL.canParse(name.hub))
		throw new ModelFileError(`'${name.hub}' is no address of a hub: give it in full, as ${HUB}.`);
	return name;
}

/** A revision as an address writes it: `refs%2Fpr%2F1`. */
function decoded(shown: string | undefined): string | undefined {
	try {
		return shown && decodeURIComponent(shown);
	} catch {
		throw new ModelFileError(`The revision '${shown}' in that address is not encoded as addresses are: copy it from the model's page.`);
	}
}
