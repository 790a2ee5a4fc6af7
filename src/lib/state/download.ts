/** Hands bytes to the reader as a file to save. */
export function save(fileName: string, bytes: Uint8Array<ArrayBuffer>, type: string): void {
	const url = URL.createObjectURL(new Blob([bytes], { type }));
	const anchor = Object.assign(document.createElement('a'), { href: url, download: fileName });
	anchor.click();
	setTimeout(() => URL.revokeObjectURL(url), 60_000); // a browser may read the blob after the click has returned
}
