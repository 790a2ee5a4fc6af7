import type { ReadFile } from '$lib/model/checkpoint';
import type { Precision } from '$lib/model/halfPrecision';

import { unlessAborted } from './unlessAborted';

interface Key {
	url: string;
	precision: Precision;
}

/**
 * The one checkpoint that a worker holds, until another is asked for. Whoever asks waits for those who asked before: of two that load at once
 * the slower would free the weights of the faster, which runs already. The old one is freed first, so that two are never in memory.
 */
export function heldCheckpoint<C>(load: (read: ReadFile, key: Key) => Promise<C>, free: (checkpoint: C) => void) {
	let held: { key: Key; checkpoint: C } | null = null;
	let before: Promise<unknown> = Promise.resolve();

	async function hold(key: Key, read: ReadFile): Promise<C> {
		if (held?.key.url === key.url && held.key.precision === key.precision) return held.checkpoint;
		if (held) free(held.checkpoint); // the run that used it ended before this one was prepared
		held = null;
		const checkpoint = await load(read, key);
		held = { key, checkpoint };
		return checkpoint;
	}

	/** @throws what loading throws; then none is held */
	return (key: Key, read: ReadFile): Promise<C> => {
		const mine = before.then(() => hold(key, read));
		before = mine.catch(() => {});
		return mine;
	};
}

/** Reads as `read` does, until the signal aborts: then nothing more is waited for, neither a file nor a part of one. @throws the signal's reason */
export const readUnless =
	(signal: AbortSignal, read: ReadFile): ReadFile =>
	async (name) => {
		signal.throwIfAborted();
		const file = await unlessAborted(read(name), signal);
		if (file instanceof Uint8Array) return file;
		return {
			size: file.size,
			...(file.sha256 !== undefined && { sha256: file.sha256 }),
			slice: (begin: number, end: number) => ({ arrayBuffer: () => unlessAborted(file.slice(begin, end).arrayBuffer(), signal) }),
		};
	};
