/** Files that lie at an address: fetched whole, and no larger than a page can hold. */

/** More text than this, and its rows, would not fit beside a model. */
export const MOST_BYTES = 100e6;

export interface Fetching {
	signal?: AbortSignal;
	/** Hears the bytes so far, and how many there are; null where the server does not say. */
	onBytes?: (loaded: number, total: number | null) => void;
	/** Addresses of this origin may be without https: the page's own. */
	origin?: string;
	mostBytes?: number;
}

/** @throws RangeError that says for a reader why the file can't be had, and what to do; AbortError where `signal` aborts */
export async function fetchFile(address: string, options: Fetching = {}): Promise<File> {
	const { signal, onBytes = () => {}, mostBytes = MOST_BYTES } = options;
	const url = addressOf(address, options.origin);
	const response = await fetch(url, { referrerPolicy: 'no-referrer', ...(signal && { signal }) }).catch((error: unknown) => {
		signal?.throwIfAborted();
		throw new RangeError(`${url.host} gave no answer that may be read here. Either it can’t be reached, or it does not permit other pages to read its files (CORS). Download the file in the browser, then drop it on this page.`, { cause: error }); // prettier-ignore
	});
	if (!response.ok) throw new RangeError(`${url.host} answered with status ${response.status}${response.status === 404 ? ': there is no such file' : ''}. Look at the address in a tab of its own.`); // prettier-ignore
	if ((response.headers.get('content-type') ?? '').startsWith('text/html'))
		throw new RangeError('At this address is a web page, not a file. Copy the address of the file itself: on hubs it is behind “raw” or “download”.'); // prettier-ignore
	const announced = Number.parseInt(response.headers.get('content-length') ?? '', 10);
	const total = Number.isNaN(announced) || response.headers.has('content-encoding') ? null : announced;
	const parts: Uint8Array<ArrayBuffer>[] = [];
	let loaded = 0;
	const check = (bytes: number) => {
		if (bytes <= mostBytes) return;
		throw new RangeError(`The file has more than ${Math.floor(mostBytes / 1e6)} MB. Download it, keep the rows that you need, and drop that here.`); // prettier-ignore
	};
	check(total ?? 0);
	const reader = (response.body ?? new Blob([]).stream()).getReader();
	try {
		for (;;) {
			const { done, value } = await reader.read();
			if (done) break;
			check((loaded += value.length));
			parts.push(value);
			onBytes(loaded, total);
		}
	} catch (error) {
		await reader.cancel().catch(() => {}); // what is not wanted any more need not come
		signal?.throwIfAborted();
		if (error instanceof RangeError) throw error;
		throw new RangeError(`The download broke off after ${loaded} bytes. Try again.`, { cause: error });
	}
	return new File(parts, nameOf(response.url || url.href));
}

function addressOf(address: string, origin?: string): URL {
	let url: URL;
	try {
		url = new URL(address.trim(), origin);
	} catch {
		throw new RangeError(`“${address.slice(0, 80)}” is no address. It begins with https://.`);
	}
	if (url.protocol === 'https:' || (origin !== undefined && url.origin === origin)) return url;
	throw new RangeError(`An address has to begin with https://, so that nobody on the way can change what is learnt; this one begins with ${url.protocol}`); // prettier-ignore
}

/** The last part of its path. */
function nameOf(href: string): string {
	const last = new URL(href).pathname.split('/').filter(Boolean).at(-1) ?? 'rows';
	try {
		return decodeURIComponent(last);
	} catch {
		return last;
	}
}
