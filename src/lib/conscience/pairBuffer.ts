import { type Random, sampleWithoutReplacement } from '$lib/model/random';

/** The buffer with new pairs at its end; the oldest leave when there are more than `size`. */
export function remember<T>(buffer: readonly T[], added: readonly T[], size: number): T[] {
	return [...buffer, ...added].slice(-size);
}

/**
 * `count` pairs to learn from: the newest half of them, and the rest drawn from the older ones, so that early lessons stay. `ready` were there
 * before the first: they are drawn like older ones.
 */
export function replay<T>(buffer: readonly T[], count: number, random: Random, ready: readonly T[] = []): T[] {
	if (ready.length + buffer.length <= count) return [...ready, ...buffer];
	const newest = Math.min(Math.floor(count / 2), buffer.length);
	const older = [...ready, ...buffer.slice(0, buffer.length - newest)];
	return [...buffer.slice(buffer.length - newest), ...sampleWithoutReplacement(random, older, count - newest)];
}
