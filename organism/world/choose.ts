import type { Random } from '$lib/model/random';

/** One element of `items`, each equally likely; the world has its own so that it stays free of the lab's code. */
export function choose<T>(random: Random, items: readonly T[]): T {
	const chosen = items[Math.floor(random() * items.length)];
	if (chosen === undefined) throw new RangeError('choose: there is nothing to choose from');
	return chosen;
}
