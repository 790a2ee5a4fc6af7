/** What the lab takes of the browser's store, and what it may take. */
export interface StorageUse {
	/** Bytes. */
	usage: number;
	quota: number;
	/** The browser has promised not to clear it when the disk gets full. */
	persisted: boolean;
}

/** How full the store is; null where the browser does not tell. */
export async function storageUse(): Promise<StorageUse | null> {
	try {
		const { usage, quota } = await navigator.storage.estimate();
		if (usage === undefined || quota === undefined) return null;
		return { usage, quota, persisted: await navigator.storage.persisted() };
	} catch {
		return null; // outside a secure context there is nothing to ask
	}
}

/** Asks the browser to keep the runs until the reader deletes them; it may say no, or ask the reader. True if it will. */
export async function askToPersist(): Promise<boolean> {
	try {
		return await navigator.storage.persist();
	} catch {
		return false;
	}
}
