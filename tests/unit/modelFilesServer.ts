/** A server for the tests of kept files: it has one file a path, and serves each as badly as it is told to. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

import type { ModelFile } from '$lib/storage/modelFiles';

export interface Served {
	bytes: Uint8Array;
	type?: string;
	etag?: string | undefined;
	lastModified?: string;
	/** An answer without content, in place of the file; undefined serves it. */
	status?: (nth: number) => number | undefined;
	headers?: (nth: number) => Record<string, string>;
	/** An answer without content for some who ask, by their headers; undefined serves it. */
	refuse?: (headers: IncomingHttpHeaders) => { status: number; headers?: Record<string, string> } | undefined;
	/** Answers with the whole, whatever was asked for. */
	noRanges?: boolean;
	/** Answers with the rest even if it is not of the version that was asked for. */
	noIfRange?: boolean;
	gzip?: boolean;
	/** Says nothing of the length. */
	chunked?: boolean;
	/** After so many bytes of the nth answer (from 0) the line is cut. */
	cut?: (nth: number) => number | undefined;
	/** How long the line that is to be cut stays open, in milliseconds. */
	cutAfter?: number;
	/** After so many bytes of the nth answer nothing comes any more. */
	stall?: (nth: number) => number | undefined;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Bytes that look like weights: no two parts of them are alike. */
export const someBytes = (length: number, seed = 1): Uint8Array<ArrayBuffer> => {
	let state = seed;
	return Uint8Array.from({ length }, () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24);
};

/** Asked by a browser before it sends a token to another origin. */
const PREFLIGHT = { 'access-control-allow-origin': '*', 'access-control-allow-headers': 'authorization, range' };

export async function startServer() {
	const files = new Map<string, Served>();
	const asked: { method: string | undefined; path: string; headers: IncomingHttpHeaders }[] = [];
	const server = createServer((request, response) => {
		const path = request.url ?? '/';
		if (request.method === 'OPTIONS') return void response.writeHead(204, PREFLIGHT).end();
		const nth = asked.filter((earlier) => earlier.path === path).length;
		asked.push({ method: request.method, path, headers: request.headers });
		const served = files.get(path);
		if (served) answer(request, response, served, nth);
		else response.writeHead(404, { 'access-control-allow-origin': '*' }).end();
	});
	await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
	const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
	return {
		origin,
		files,
		asked,
		/** Serves the file under the path, and says what a folder's list would say of it. */
		serve(served: Served, path = '/shard.bin'): ModelFile & { bytes: number; sha256: string } {
			files.set(path, served);
			return { url: origin + path, bytes: served.bytes.length, sha256: sha256(served.bytes) };
		},
		async close() {
			server.closeAllConnections();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}
export type TestServer = Awaited<ReturnType<typeof startServer>>;

function answer(request: IncomingMessage, response: ServerResponse, served: Served, nth: number): void {
	const { bytes, etag, lastModified, type = 'application/octet-stream' } = served;
	response.setHeader('content-type', type);
	if (etag) response.setHeader('etag', etag);
	if (lastModified) response.setHeader('last-modified', lastModified);
	for (const [name, value] of Object.entries(served.headers?.(nth) ?? {})) response.setHeader(name, value);
	const refused = served.refuse?.(request.headers);
	if (refused) return void response.writeHead(refused.status, refused.headers).end();
	const status = served.status?.(nth);
	if (status !== undefined) return void response.writeHead(status).end();

	const from = rangeStart(request.headers, served);
	if (from !== null && from >= bytes.length) {
		return void response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
	}
	if (from !== null) response.writeHead(206, { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` });
	const rest = bytes.subarray(from ?? 0);
	const isPacked = served.gzip && from === null && /gzip/.test(request.headers['accept-encoding'] ?? '');
	const body = isPacked ? gzipSync(rest) : rest;
	if (isPacked) response.setHeader('content-encoding', 'gzip');
	if (!served.chunked && !response.headersSent) response.setHeader('content-length', body.length);

	const [cut, stall] = [served.cut?.(nth), served.stall?.(nth)];
	if (cut === undefined && stall === undefined) return void response.end(body);
	response.flushHeaders();
	// The pause lets what was sent be read before the line goes: a reader forgets what it has not read yet.
	response.write(body.subarray(0, cut ?? stall), () => cut !== undefined && setTimeout(() => response.destroy(), served.cutAfter ?? 30));
}

/** Where the answer begins; null for the whole. */
function rangeStart(
	{ range, 'if-range': ifRange }: IncomingHttpHeaders,
	{ noRanges, noIfRange, etag, lastModified }: Served,
): number | null {
	const start = /^bytes=(\d+)-$/.exec(range ?? '')?.[1];
	if (start === undefined || noRanges) return null;
	const isSame = ifRange === undefined || ifRange === etag || ifRange === lastModified;
	return isSame || noIfRange ? Number(start) : null;
}
