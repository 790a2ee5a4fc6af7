/** A file of a model could not be had. The message names it and says what to do; what came of it before is kept. */
export class ModelFileError extends Error {
	override name = 'ModelFileError';
}

/** There is no such file. */
export class MissingFileError extends ModelFileError {
	override name = 'MissingFileError';
}

/** What came is not what was expected, by its size or its SHA-256. It is not kept. */
export class DamagedFileError extends ModelFileError {
	override name = 'DamagedFileError';
}

/** The browser has no room for it. */
export class StorageFullError extends ModelFileError {
	override name = 'StorageFullError';
}

/** Who asks may not read it: it is gated or private, or the access token is not right. */
export class AccessError extends ModelFileError {
	override name = 'AccessError';
}

/** The server gave no answer, refused, or broke off. */
export class DownloadError extends ModelFileError {
	override name = 'DownloadError';
	/** So long does the server want to be left alone before, in milliseconds; null when it doesn't say. */
	readonly waitMs: number | null;

	constructor(
		message: string,
		/** Another try, a little later, may come off. */
		readonly passing: boolean,
		{ waitMs = null, ...options }: ErrorOptions & { waitMs?: number | null } = {},
	) {
		super(message, options);
		this.waitMs = waitMs;
	}
}
