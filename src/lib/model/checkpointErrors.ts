/** A file of the folder cannot be read, is not what the manifest or the index says, or is not JSON; the message names it. */
export class CheckpointError extends Error {
	override name = 'CheckpointError';
}

/** There is no such file. */
export class MissingFileError extends CheckpointError {
	override name = 'MissingFileError';
}

/** The file is not there, whoever was asked: the lab's readers, its store, or Node. */
export const isMissing = (error: unknown): boolean =>
	(error as Error).name === 'MissingFileError' || (error as NodeJS.ErrnoException).code === 'ENOENT';
