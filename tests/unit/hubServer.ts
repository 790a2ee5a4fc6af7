/**
 * A hub for the tests, and beside it the other origin from which it lets large files be fetched: one list a revision
 * (/api/models/<owner>/<name>/revision/<revision>?blobs=true), and the files at the commit (/<owner>/<name>/resolve/<commit>/<file>),
 * the large ones by a redirect. Each can be served as badly as modelFilesServer can.
 */
import { createHash } from 'node:crypto';

import { type Served, sha256, startServer } from './modelFilesServer';

export interface HubModel {
	id: string;
	files: Readonly<Record<string, Uint8Array>>;
	license?: string;
	/** The token without which the files aren't given. */
	gatedBy?: string;
	/** How a file is served; a large one where the redirect leads. */
	served?: Readonly<Record<string, Partial<Served>>>;
	/** Files so large, in bytes, are not in git. */
	lfsFrom?: number;
	/** What the list says otherwise. */
	listing?: object;
}

const CORS = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'ETag, X-Error-Code, X-Error-Message, X-Repo-Commit' };
/** As git names the content of a file. */
export const gitSha1 = (bytes: Uint8Array): string => createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

export async function startHub() {
	const [hub, cdn] = [await startServer(), await startServer()];
	return {
		origin: hub.origin,
		hub,
		cdn,
		/** Publishes the model as its branch main; returns the commit. */
		publish({ id, files, license, gatedBy, served = {}, lfsFrom = 100_000, listing = {} }: HubModel): string {
			const commit = createHash('sha1').update(id).update(JSON.stringify(Object.entries(files).map(([name, bytes]) => [name, sha256(bytes)]))).digest('hex'); // prettier-ignore
			const siblings = Object.entries(files).map(([rfilename, bytes]) => ({
				rfilename,
				size: bytes.length,
				blobId: gitSha1(bytes),
				...(bytes.length >= lfsFrom && { lfs: { sha256: sha256(bytes), size: bytes.length, pointerSize: 134 } }),
			}));
			const list = {
				...{ _id: '65f2c1', id, modelId: id, sha: commit, private: false, gated: gatedBy ? 'manual' : false, siblings },
				...{ tags: ['safetensors'], ...(license && { cardData: { license } }), ...listing },
			};
			for (const revision of ['main', commit])
				hub.serve(
					{ bytes: Buffer.from(JSON.stringify(list)), type: 'application/json; charset=utf-8', headers: () => CORS, ...served['listing'] },
					`/api/models/${id}/revision/${revision}?blobs=true`,
				);
			const refuse: Served['refuse'] = ({ authorization }) => {
				if (gatedBy === undefined || authorization === `Bearer ${gatedBy}`) return undefined;
				return { status: authorization ? 403 : 401, headers: { ...CORS, 'x-error-code': 'GatedRepo' } };
			};
			for (const [name, bytes] of Object.entries(files)) {
				const path = `/${id}/resolve/${commit}/${name}`;
				const headers = () => ({ ...CORS, 'x-repo-commit': commit });
				if (bytes.length < lfsFrom) {
					hub.serve({ bytes, etag: `"${gitSha1(bytes)}"`, headers, refuse, ...served[name] }, path);
					continue;
				}
				const place = `/repos/${sha256(bytes)}`;
				cdn.serve({ bytes, etag: `"${sha256(bytes)}"`, headers: () => CORS, ...served[name] }, place);
				const linked = { 'x-linked-size': `${bytes.length}`, 'x-linked-etag': `"${sha256(bytes)}"`, location: `${cdn.origin}${place}` };
				hub.serve({ bytes: new Uint8Array(), headers: () => ({ ...headers(), ...linked }), refuse, status: () => 302 }, path);
			}
			return commit;
		},
		close: async () => void (await Promise.all([hub.close(), cdn.close()])),
	};
}
export type TestHub = Awaited<ReturnType<typeof startHub>>;
