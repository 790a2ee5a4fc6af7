/** Why the store did not do what it was asked: no store, no room, a newer lab's data, a run that is gone, or something else. */
export type StorageFault = 'unavailable' | 'full' | 'newer' | 'missing' | 'failed';

/** A run could not be kept or read. The message says why and what to do; a run that is going on goes on. */
export class StorageError extends Error {
	override name = 'StorageError';

	constructor(
		readonly fault: StorageFault,
		message: string,
		options?: ErrorOptions,
	) {
		super(message, options);
	}
}

/** Why something was not kept, said of what is tried again until it is. */
export const withRetry = (reason: string): string => `${reason} The lab tries again every few seconds.`;
