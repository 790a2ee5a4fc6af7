/** This page can't compute hashes. */
export class HashError extends Error {
	override name = 'HashError';
}

/**
 * SHA-256 in hex; of a text, that of its UTF-8. Whole buffers only, natively: a gigabyte takes about a second, and its room in memory twice.
 * @throws HashError
 */
export async function sha256(content: BufferSource | string): Promise<string> {
	if (!globalThis.crypto?.subtle)
		throw new HashError('Files can’t be checked here: a browser does so on https and on localhost only. Open the lab at one of these.');
	const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
	const digest = await crypto.subtle.digest('SHA-256', bytes);
	return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
