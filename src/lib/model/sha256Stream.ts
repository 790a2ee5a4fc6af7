import type { PartedFile } from './partedFile';

/** A SHA-256 of bytes that come one after the other. */
export interface Sha256 {
	update(bytes: Uint8Array): void;
	/** In hex; nothing may follow it. */
	digest(): string;
}

/** Begins a SHA-256 whose bytes are never there as a whole, which the browser's own needs: a gigabyte takes some four seconds. */
export async function startSha256(): Promise<Sha256> {
	const { createSHA256 } = await import('hash-wasm'); // 18 kB that only large files need
	const hash = await createSHA256();
	return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('hex') };
}

const CHUNK_BYTES = 8 * 2 ** 20;

/**
 * SHA-256 in hex of a Blob or another file that is read in parts, with room for one part in memory. `onBytes` hears how many bytes have been read.
 * @throws the signal's reason
 */
export async function sha256OfFile(
	file: PartedFile,
	{ signal, onBytes }: { signal?: AbortSignal; onBytes?: (bytes: number) => void } = {},
): Promise<string> {
	const hash = await startSha256();
	for (let begin = 0; begin < file.size; begin += CHUNK_BYTES) {
		const end = Math.min(begin + CHUNK_BYTES, file.size);
		const part = await file.slice(begin, end).arrayBuffer();
		signal?.throwIfAborted();
		hash.update(new Uint8Array(part));
		onBytes?.(end);
	}
	return hash.digest();
}
