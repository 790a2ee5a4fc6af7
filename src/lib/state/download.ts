import { strToU8, zipSync } from 'fflate';

/** Files by name as a zip, which a reader opens without the lab. An adapter has well under a megabyte, so it is done at once. */
export function zipped(files: Record<string, string | Uint8Array>): Uint8Array<ArrayBuffer> {
	const bytes = Object.entries(files).map(([name, content]) => [name, typeof content === 'string' ? strToU8(content) : content]);
	return new Uint8Array(zipSync(Object.fromEntries(bytes) as Record<string, Uint8Array>));
}

/** Hands bytes to the reader as a file to save. */
export function save(fileName: string, bytes: Uint8Array<ArrayBuffer>, type: string): void {
	const url = URL.createObjectURL(new Blob([bytes], { type }));
	const anchor = Object.assign(document.createElement('a'), { href: url, download: fileName });
	anchor.click();
	setTimeout(() => URL.revokeObjectURL(url), 60_000); // a browser may read the blob after the click has returned
}
