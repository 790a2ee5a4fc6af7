import { strToU8, zipSync } from 'fflate';

/** Files by name as a zip, which a reader opens without the lab. An adapter has well under a megabyte, so it is done at once. */
export function zipped(files: Record<string, string | Uint8Array>): Uint8Array<ArrayBuffer> {
	const bytes = Object.entries(files).map(([name, content]) => [name, typeof content === 'string' ? strToU8(content) : content]);
	return new Uint8Array(zipSync(Object.fromEntries(bytes) as Record<string, Uint8Array>));
}
