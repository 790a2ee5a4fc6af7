/** What it means when a server refuses a file, and what to do: a hub says it by a status and its own code (X-Error-Code), where a page may read that. */
import { AccessError, DownloadError, MissingFileError, type ModelFileError } from './fileErrors';

/** Whoever asks too often and isn't told for how long to wait waits so long, in milliseconds: other origins hide Retry-After unless they expose it. */
const WAIT_MS = 30_000;

export function refusalOf(url: string, response: Response): ModelFileError {
	const { status, statusText, headers } = response;
	const code = headers.get('x-error-code');
	const said = `status ${`${status} ${statusText}`.trim()}`;
	if (status === 401 || status === 403) return new AccessError(`${url}: ${accessRefused(code, status)} (${said}).`);
	if (status === 404 && code === 'RevisionNotFound')
		return new MissingFileError(`${url}: the repository has no such revision (${said}). Check the branch, the tag or the commit.`);
	if (status === 404)
		return new MissingFileError(`${url}: there is no such file (${said}). Check the model’s address, and that all its files are there.`);
	if (status === 429) {
		const waitMs = waitOf(headers) ?? WAIT_MS;
		const text = `${url}: the server was asked too often (${said}), and wants ${inWords(waitMs)} of rest. Try again then; what came is kept.`;
		return new DownloadError(text, true, { waitMs });
	}
	const passing = [408, 425].includes(status) || status >= 500;
	const text = `${url}: the server answered with ${said}. Try again later, or check that the file may be read.`;
	return new DownloadError(text, passing, { waitMs: status === 503 ? waitOf(headers) : null });
}

/** A hub answers 401 for what isn't there, too, so that nobody can tell a private repository from none. */
function accessRefused(code: string | null, status: number): string {
	if (code === 'GatedRepo')
		return 'its publisher wants to be asked first. Ask for access on the model’s page at the hub, make an access token that may read there, and give it on the page Models';
	if (code === 'RepoNotFound' || (code === null && status === 401))
		return 'the hub knows no such model, or it is private or gated, or the token is not right. Check the name; for a model that is not open, give an access token of your account on the page Models';
	return 'the server doesn’t let you read it. Ask for access at the hub, or check that the access token may read this model';
}

/** Milliseconds that a server asks to wait: Retry-After in seconds or as a date, or the hub's RateLimit: "api";r=0;t=55. */
export function waitOf(headers: Headers, now = Date.now()): number | null {
	const after = headers.get('retry-after');
	if (after !== null && /^\d{1,6}$/.test(after.trim())) return 1000 * Number(after);
	if (after !== null && !Number.isNaN(Date.parse(after))) return Math.max(0, Date.parse(after) - now);
	const seconds = /;\s*t=(\d{1,6})/.exec(headers.get('ratelimit') ?? '')?.[1];
	return seconds === undefined ? null : 1000 * Number(seconds);
}

function inWords(ms: number): string {
	const seconds = Math.ceil(ms / 1000);
	return seconds < 120 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`;
}
