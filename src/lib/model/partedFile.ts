/** A file that is read part by part, as a Blob can be: what is too large to be in memory as a whole. */
export interface PartedFile {
	/** In bytes. */
	readonly size: number;
	/** The bytes from `begin` up to `end`, which have to lie within the file. */
	slice(begin: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
	/** Its SHA-256 in hex, where whoever opened it has just computed it from these very bytes. */
	readonly sha256?: string;
}

/** Bytes that are in memory already, or a file as it is. */
export function inParts(file: Uint8Array | PartedFile): PartedFile {
	if (!(file instanceof Uint8Array)) return file;
	// copied, as a Blob's would be: a typed array wants an aligned start, and a Node Buffer's own slice is a view
	const copy = (begin: number, end: number) => Promise.resolve(Uint8Array.from(file.subarray(begin, end)).buffer);
	return { size: file.length, slice: (begin, end) => ({ arrayBuffer: () => copy(begin, end) }) };
}

/** All of a file that is small enough for that. */
export async function wholeFile(file: Uint8Array | PartedFile): Promise<Uint8Array<ArrayBuffer>> {
	if (file instanceof Uint8Array) return file as Uint8Array<ArrayBuffer>;
	return new Uint8Array(await file.slice(0, file.size).arrayBuffer());
}
