import { StorageError } from './storageError';

/** What the browser's store threw, as the lab's own error. Browsers differ in the name under which they say that they are full. */
export async function toStorageError(error: unknown): Promise<StorageError> {
	if (error instanceof StorageError) return error;
	const { name, message } = error instanceof Error || error instanceof DOMException ? error : { name: '', message: String(error) };
	if (name === 'QuotaExceededError' || name === 'NS_ERROR_DOM_QUOTA_REACHED') return storeIsFull(error);
	if (name === 'VersionError') {
		return new StorageError(
			'newer',
			'The runs in this browser were kept by a newer version of the lab, which this one can’t read. Nothing was changed. Reload the page to get the newer version, or open it where the runs were made.',
			{ cause: error },
		);
	}
	if (name === 'SecurityError' || name === 'InvalidStateError' || name === 'ReferenceError') return noStore(message, error);
	return new StorageError('failed', `The browser’s store failed: ${message || name}. Reload the page to try again.`, { cause: error });
}

export const noStore = (why: string, cause?: unknown) =>
	new StorageError(
		'unavailable',
		`This browser keeps no data for the page (${why || 'no reason given'}): a private window or a setting may forbid it. The lab works all the same, but runs are gone when the page is closed. Export what you want to keep.`,
		{ cause },
	);

async function storeIsFull(cause: unknown): Promise<StorageError> {
	const { usage, quota } = (await globalThis.navigator?.storage?.estimate?.().catch(() => null)) ?? {};
	const numbers = usage === undefined || quota === undefined ? '' : ` The lab uses ${inMegabytes(usage)} of ${inMegabytes(quota)}.`;
	return new StorageError(
		'full',
		`There is no room to keep this in the browser.${numbers} Delete runs on the Runs page, or free space on the disk; what was kept before is unharmed.`,
		{ cause },
	);
}

export const inMegabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

/** The run was there, and is no more. */
export const gone = (id: string) =>
	new StorageError('missing', `The run '${id}' is not in this browser any more; it may have been deleted in another tab.`);
