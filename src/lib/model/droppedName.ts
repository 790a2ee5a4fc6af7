/** How an experiment names a model that a reader gave as a folder or a zip, and that lies in a browser alone: by the SHA-256 of its weights. */
const PREFIX = 'dropped:';

/** `sha256` is that of the checkpoint, as loadCheckpoint tells it. */
export const droppedName = (sha256: string): string => PREFIX + sha256;

/** What comes before the hash names such a model, whether it is a good one or not. */
export const isDropped = (checkpoint: string): boolean => checkpoint.startsWith(PREFIX);

/** The SHA-256 that such a name gives, also with the slash of a folder at its end; null when it is no such name. */
export const droppedHash = (checkpoint: string): string | null => /^dropped:([0-9a-f]{64})\/?$/.exec(checkpoint)?.[1] ?? null;
