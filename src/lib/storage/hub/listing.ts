/**
 * What a hub tells of a repository before any of its files is fetched: GET /api/models/<owner>/<name>/revision/<revision>?blobs=true
 * (https://huggingface.co/docs/hub/api). Large files lie outside of git and are named by SHA-256, small ones by git's SHA-1.
 */
import * as v from 'valibot';

import { hubFolder, type HubName } from '$lib/model/hubFolder';

import { accessTo, type AccessToken, type DownloadOptions, type ModelFile, waited } from '../download';
import { DownloadError, ModelFileError } from '../fileErrors';
import { refusalOf } from '../refusals';
import { listingUrl } from './address';

/** A repository at one commit. */
export interface Repository {
	hub: string;
	id: string;
	/** The commit. */
	revision: string;
	/** As its card says it, `apache-2.0` for instance; null when it doesn't. */
	license: string | null;
	/** Its publisher wants to be asked before its files are read. */
	gated: boolean;
	files: ReadonlyMap<string, ModelFile>;
}

const Size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const hex = (digits: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${digits}}$`), `expected ${digits} hex digits`));
const Listing = v.looseObject({
	sha: hex(40),
	gated: v.nullish(v.union([v.boolean(), v.string()])),
	cardData: v.nullish(v.looseObject({ license: v.nullish(v.unknown()) })),
	tags: v.nullish(v.array(v.string())),
	siblings: v.pipe(
		v.array(
			v.looseObject({
				rfilename: v.pipe(
					v.string(),
					v.maxLength(1000),
					v.check((name) => !/\p{Surrogate}/u.test(name), 'expected whole characters'), // half a one can't stand in an address
				),
				size: v.nullish(Size),
				blobId: v.nullish(hex(40)),
				lfs: v.nullish(v.looseObject({ sha256: hex(64), size: Size })),
			}),
		),
		v.maxLength(100_000),
	),
});

/** @throws ModelFileError when it is no list of a repository */
export function parseListing(text: string, name: HubName): Repository {
	const url = listingUrl(name);
	const result = v.safeParse(v.pipe(v.string(), v.parseJson(), Listing), text);
	if (!result.success) {
		const [issue] = result.issues;
		throw new ModelFileError(
			`${url}: what came is not what a hub tells of a model (${v.getDotPath(issue) ?? 'the answer'}: ${issue.message}). Is it the address of a hub?`,
		);
	}
	const { sha, gated, cardData, tags, siblings } = result.output;
	const pinned = { hub: name.hub, id: name.id, revision: sha };
	const tagged = tags?.find((tag) => tag.startsWith('license:'))?.slice('license:'.length);
	const said = cardData?.license;
	return {
		...pinned,
		license:
			(Array.isArray(said) ? said.filter((one) => typeof one === 'string').join(', ') : typeof said === 'string' ? said : null) ||
			tagged ||
			null,
		gated: gated !== undefined && gated !== null && gated !== false,
		files: new Map(
			siblings.map(({ rfilename, size, blobId, lfs }) => {
				const url = `${hubFolder(pinned)}/${rfilename.split('/').map(encodeURIComponent).join('/')}`;
				const kept = lfs ? { sha256: lfs.sha256 } : { sha256: null, gitSha1: blobId ?? null };
				return [rfilename, { url, bytes: lfs?.size ?? size ?? null, ...kept }];
			}),
		),
	};
}

/** Asks the hub for what its repository is at the revision now. @throws ModelFileError and the signal's reason */
export async function findRepository(
	name: HubName,
	options: Pick<DownloadOptions, 'signal' | 'onWait'> & { token?: AccessToken | null } = {},
): Promise<Repository> {
	for (let waits = 0; ; waits++) {
		try {
			return parseListing(await ask(listingUrl(name), options), name);
		} catch (error) {
			if (!(error instanceof DownloadError) || waits >= MOST_WAITS || !(await waited(error, options))) throw error;
		}
	}
}
const MOST_WAITS = 3;

async function ask(url: string, { signal, token }: { signal?: AbortSignal | undefined; token?: AccessToken | null }): Promise<string> {
	try {
		const response = await fetch(url, { headers: accessTo(url, token), cache: 'no-store', ...(signal && { signal }) });
		if (!response.ok) throw refusalOf(url, response);
		return await response.text();
	} catch (error) {
		signal?.throwIfAborted();
		if (error instanceof ModelFileError) throw error;
		const text = `${url}: no answer (${(error as Error).message}). Is the machine online, and is this the hub’s address?`;
		throw new DownloadError(text, true, { cause: error });
	}
}
