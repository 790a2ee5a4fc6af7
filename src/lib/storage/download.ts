/**
 * Downloads by streaming: what comes is written at once, and what broke off goes on from there by range.
 * Knows no store: where the bytes go is the caller's, Begin.
 */
import { inMegabytes } from './errors';
import { DamagedFileError, DownloadError, MissingFileError } from './fileErrors';
import type { Writer } from './opfs';
import { refusalOf } from './refusals';

/** A file of a model folder: its full address, how large it is, and its SHA-256 in hex (null: the source does not say). */
export interface ModelFile {
	url: string;
	bytes: number | null;
	sha256: string | null;
	/** Of a file that git keeps itself: the hash of its blob, SHA-1 of `blob <bytes>\0` and the bytes, in hex. */
	gitSha1?: string | null;
}

/** Proves who asks, and to whom alone it is shown: no other origin gets it, not even by a redirect, where browsers take it off. */
export interface AccessToken {
	origin: string;
	value: string;
}

/** What lies there of a file: so many bytes from its start, of the version that the server named so (a strong ETag, or Last-Modified). */
export interface Begun {
	bytes: number;
	validator: string | null;
}

/** Opens the place of a download from byte `at` on; `total` is how large the server says that the file is. */
export type Begin = (at: number, validator: string | null, total: number | null) => Promise<Writer>;

export interface DownloadOptions {
	signal?: AbortSignal | undefined;
	/** Hears how much of the file is there; less than before when it must start over. */
	onBytes?: ((bytes: number) => void) | undefined;
	/** Hears for how many seconds the server wants to be left alone, and null once that is over. */
	onWait?: ((seconds: number | null) => void) | undefined;
	token?: AccessToken | null | undefined;
	/** Before each further try, in milliseconds: as many tries as there are pauses. */
	pauses?: readonly number[];
	/** So long may nothing come before a download counts as broken off, in milliseconds. */
	patience?: number;
}

const PAUSES = [1000, 4000];
const PATIENCE = 30_000;
/** So often, and so long at a time, a server is left alone that asks for it: in milliseconds. */
const MAX_WAITS = 5;
const MAX_WAIT = 600_000;

/**
 * Downloads what is missing of a file; when it fails, `begun` tells how far it has come.
 * @throws MissingFileError, DamagedFileError (the server's file has another size), DownloadError, what `begin` and its writer throw,
 * and the signal's reason
 */
export async function download(file: ModelFile, begun: Begun, begin: Begin, options: DownloadOptions = {}): Promise<void> {
	const { signal, pauses = PAUSES } = options;
	for (let tries = 0, waits = 0; ;) {
		if (begun.bytes > 0 && begun.bytes === file.bytes) return;
		try {
			return await attempt(file, begun, begin, options);
		} catch (error) {
			if (!(error instanceof DownloadError && error.passing)) throw error;
			if (waits++ < MAX_WAITS && (await waited(error, options))) continue;
			const pause = pauses[tries++];
			if (pause === undefined) throw error;
			await sleep(pause, signal);
		}
	}
}

/** Waits as the server asks; false when it doesn't, or for longer than somebody would. */
export async function waited({ waitMs }: DownloadError, { signal, onWait }: Pick<DownloadOptions, 'signal' | 'onWait'>): Promise<boolean> {
	if (waitMs === null || waitMs > MAX_WAIT) return false;
	onWait?.(Math.ceil(waitMs / 1000));
	try {
		await sleep(waitMs, signal);
	} finally {
		onWait?.(null);
	}
	return true;
}

async function attempt(file: ModelFile, begun: Begun, begin: Begin, { signal, onBytes, token, patience = PATIENCE }: DownloadOptions) {
	const line = { ...openLine(file.url, begun, signal, patience), access: accessTo(file.url, token) };
	try {
		const answer = await ask(file.url, begun, line);
		if (answer) await receive(file, answer, begun, begin, line, onBytes);
	} finally {
		line.end();
	}
}

/** The connection of one try. */
interface Line {
	signal: AbortSignal;
	/** The headers that prove who asks, where the address may see them. */
	access: Record<string, string>;
	/** What the network does next; should it fail, or do nothing for too long, rejects with a passing DownloadError. */
	next<T>(work: Promise<T>): Promise<T>;
	/** Hangs up. */
	end(): void;
}

function openLine(url: string, begun: Begun, signal: AbortSignal | undefined, patience: number): Omit<Line, 'access'> {
	signal?.throwIfAborted();
	const hangUp = new AbortController();
	return {
		signal: signal ? AbortSignal.any([signal, hangUp.signal]) : hangUp.signal,
		async next(work) {
			const timer = setTimeout(() => hangUp.abort(new Error(`nothing came for ${patience / 1000} s`)), patience);
			try {
				return await work;
			} catch (error) {
				signal?.throwIfAborted();
				throw brokenOff(url, begun.bytes, error);
			} finally {
				clearTimeout(timer);
			}
		},
		end: () => hangUp.abort(),
	};
}

function brokenOff(url: string, bytes: number, cause: unknown): DownloadError {
	const what = bytes === 0 ? 'no answer' : `the download broke off after ${inMegabytes(bytes)}`;
	const kept = bytes === 0 ? '' : ' What came is kept: load it again, and it goes on from there.';
	const text = `${url}: ${what} (${(cause as Error).message}). Is the server running and the machine online?${kept}`;
	return new DownloadError(text, true, { cause });
}

interface Answer {
	response: Response;
	/** Where in the file its body begins. */
	from: number;
}

/** Asks for what is missing, for the whole where that can't be had; null when nothing is. */
async function ask(url: string, begun: Begun, line: Line): Promise<Answer | null> {
	if (begun.bytes > 0) {
		const response = await request(url, line, rangeOf(url, begun));
		if (response.status === 206 && goesOn(response, begun)) return { response, from: begun.bytes };
		if (response.status === 200) return { response, from: 0 }; // a server without ranges, or another version
		if (response.status === 416 && totalOf(response) === begun.bytes) return null;
		if (![206, 412, 416].includes(response.status)) throw refusalOf(url, response);
		await response.body?.cancel().catch(() => {}); // it may have ended badly, which is nothing to us
	}
	const response = await request(url, line);
	if (response.status !== 200) throw refusalOf(url, response);
	return { response, from: 0 };
}

async function request(url: string, line: Line, headers: Record<string, string> = {}): Promise<Response> {
	const { signal, access } = line;
	const response = await line.next(fetch(url, { headers: { ...headers, ...access }, signal, cache: 'no-store' })); // it is kept here: once is enough
	// A server for one-page apps answers 200 with its page for whatever it does not have.
	const isPage = response.ok && (response.headers.get('content-type') ?? '').startsWith('text/html');
	if (isPage)
		throw new MissingFileError(
			`${url}: there is no such file (a web page came back). Check the model’s address, and that all its files are there.`,
		);
	if (response.status === 404) throw refusalOf(url, response);
	return response;
}

/** The headers that show the token to an address, if it may see it. */
export const accessTo = (url: string, token: AccessToken | null | undefined): Record<string, string> =>
	token && new URL(url).origin === token.origin ? { authorization: `Bearer ${token.value}` } : {};

/** If-Range keeps a server from going on with another version; another origin would have to allow that header, so there goesOn must do. */
function rangeOf(url: string, { bytes, validator }: Begun): Record<string, string> {
	const range = `bytes=${bytes}-`;
	const isForeign = 'location' in globalThis && new URL(url).origin !== location.origin;
	return validator === null || isForeign ? { range } : { range, 'if-range': validator };
}

/** The answer's body goes on where `begun` ends, in the same version, as far as its headers tell: other origins hide some of them. */
function goesOn({ headers }: Response, { bytes, validator }: Begun): boolean {
	const start = /^bytes (\d+)-/.exec(headers.get('content-range') ?? '')?.[1];
	if (start !== undefined && Number(start) !== bytes) return false;
	if (headers.has('content-encoding')) return false; // a range of the packed file, and here lies the unpacked
	const now = headers.get(validator?.startsWith('"') ? 'etag' : 'last-modified');
	return validator === null || now === null || now === validator;
}

/** The version of what the server answers with, as far as it says: a weak ETag does not promise the same bytes. */
export function validatorOf({ headers }: Response): string | null {
	const etag = headers.get('etag');
	return etag?.startsWith('"') ? etag : headers.get('last-modified');
}

/** How large the whole file is; null when the answer does not say, or says it of the packed one, which another origin may hide. */
function totalOf({ status, headers, type }: Response): number | null {
	const said =
		status === 200
			? headers.has('content-encoding') || type === 'cors'
				? null
				: headers.get('content-length')
			: /\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1];
	return said ? Number(said) : null;
}

async function receive(
	file: ModelFile,
	{ response, from }: Answer,
	begun: Begun,
	begin: Begin,
	line: Line,
	onBytes: DownloadOptions['onBytes'],
): Promise<void> {
	const total = totalOf(response);
	const expected = file.bytes ?? total;
	if (!response.body) throw refusalOf(file.url, response);
	if (total !== null && total !== expected)
		throw new DamagedFileError(
			`${file.url} has ${total} bytes on the server, expected ${expected}: it is another version. Reload the page; if that does not help, make the model’s folder anew.`,
		);
	const validator = from === 0 ? validatorOf(response) : begun.validator;
	const writer = await begin(from, validator, expected);
	begun.bytes = from;
	begun.validator = validator;
	try {
		onBytes?.(from);
		const reader = response.body.getReader();
		for (;;) {
			const { done, value } = await line.next(reader.read());
			if (done) break;
			writer.append(value);
			begun.bytes += value.length;
			onBytes?.(begun.bytes);
			if (expected !== null && begun.bytes > expected) return; // the caller finds that it is not the file, and need not see its end
		}
	} finally {
		writer.close();
	}
	if (expected !== null && begun.bytes < expected) throw brokenOff(file.url, begun.bytes, new Error(`${expected} bytes were expected`)); // some browsers take a cut line for an end
}

export async function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
	signal?.throwIfAborted();
	await new Promise<void>((resolve) => {
		const timer = setTimeout(resolve, ms);
		signal?.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
	});
	signal?.throwIfAborted();
}
