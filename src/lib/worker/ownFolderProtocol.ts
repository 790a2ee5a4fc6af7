import type { Found, Given } from '$lib/storage/dropped/found';

/** What the page may ask of the worker that takes a model of the reader's own. Each rejects with AbortError when it is cancelled. */
export interface OwnFolderRequests {
	/** Reads all of it once, and checks it; nothing is kept. Rejects with DroppedModelError. */
	look: { params: { given: Given }; result: Found };
	/** Keeps what was looked into last. Rejects with DamagedFileError, StorageFullError and other ModelFileErrors; then nothing of it stays. */
	keep: { params: null; result: Found };
	/** Ends `look` or `keep`; settles when nothing of it is left. */
	cancel: { params: null; result: void };
}

/** `alive` names the worker's lifeline. */
export type OwnFolderEvent = { kind: 'alive'; lock: string } | { kind: 'bytes'; done: number; total: number };
