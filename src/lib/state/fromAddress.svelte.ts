import { fetchFile } from '$lib/experiment/fetchedFile';

/** A file that is fetched from an address: how far it is, and why it did not come. */
export class FromAddress {
	/** Null while nothing is on its way. */
	progress = $state<{ loaded: number; total: number | null } | null>(null);
	fault = $state<string | null>(null);
	#controller: AbortController | null = null;

	/** Gives the file to `take` once it is there. */
	async fetch(address: string, origin: string, take: (file: File) => Promise<void>): Promise<void> {
		this.cancel();
		const controller = (this.#controller = new AbortController());
		const isNewest = () => this.#controller === controller;
		[this.fault, this.progress] = [null, { loaded: 0, total: null }];
		try {
			const onBytes = (loaded: number, total: number | null) => isNewest() && (this.progress = { loaded, total });
			await take(await fetchFile(address, { signal: controller.signal, origin, onBytes }));
		} catch (error) {
			if (isNewest()) this.fault = (error as Error).message;
		} finally {
			if (isNewest()) this.progress = null;
		}
	}

	cancel(): void {
		this.#controller?.abort();
		[this.#controller, this.progress] = [null, null];
	}
}
