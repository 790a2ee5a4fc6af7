/** True of the name of one of the lab's own models, which come with it: `organism`. */
export const isOwnCheckpoint = (checkpoint: string): boolean => /^[\w-]+$/.test(checkpoint);
