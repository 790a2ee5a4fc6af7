/** Hands bytes to the reader as a file to save. */
export function save(fileName: string, content: Uint8Array<ArrayBuffer> | Blob, type: string): void {
	const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
	const anchor = Object.assign(document.createElement('a'), { href: url, download: fileName });
	anchor.click();
	setTimeout(() => URL.revokeObjectURL(url), 60_000); // a browser may read the blob after the click has returned
}
