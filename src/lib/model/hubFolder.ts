/** How an experiment names a model of a hub: by the address of its files at one commit, `https://huggingface.co/<owner>/<name>/resolve/<commit>`. */

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

/** The model that an address of a folder names; null when it is no folder of a hub, or not of one commit. */
export function parseHubFolder(url: string): PinnedName | null {
	const [, hub, id, revision] = FOLDER.exec(url) ?? [];
	return hub && id && revision ? { hub, id, revision } : null;
}

export const hubFolder = ({ hub, id, revision }: PinnedName): string => `${hub}/${id}/resolve/${revision}`;

/** `<owner>/<name>` of an address of files at a hub, at whatever revision; null for any other. */
export const hubRepository = (url: string): string | null => /^https?:\/\/[^/]+\/([^/]+\/[^/]+)\/resolve\//.exec(url)?.[1] ?? null;
