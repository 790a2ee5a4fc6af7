/**
 * Lists of which only the end changes from one time to the next, as with all that a run tells. What they begin with was worked on before:
 * it is compared and not worked on again, so that ten thousand entries cost a press of a key no more than the newest few.
 */

/** With how many equal entries both lists begin. */
export function sameBeginning<T>(before: readonly T[], now: readonly T[]): number {
	const most = Math.min(before.length, now.length);
	let same = 0;
	while (same < most && before[same] === now[same]) same++;
	return same;
}

/** Makes a list of what `make` makes of each entry, but for null. The same list comes back where the entries have made no difference to it. */
export function following<T, P>(make: (item: T) => P | null): (items: readonly T[]) => readonly P[] {
	let before: readonly T[] = [];
	let made: readonly P[] = [];
	/** From which entry each was made. */
	let sources: readonly number[] = [];
	return (items) => {
		const same = sameBeginning(before, items);
		before = items;
		let kept = made.length;
		while (kept > 0 && sources[kept - 1]! >= same) kept--;
		const newest: P[] = [];
		const newestSources: number[] = [];
		for (let i = same; i < items.length; i++) {
			const result = make(items[i]!);
			if (result === null) continue;
			newest.push(result);
			newestSources.push(i);
		}
		const isSame = newest.length === made.length - kept && newest.every((one, i) => one === made[kept + i]);
		if (!isSame) made = [...made.slice(0, kept), ...newest];
		sources = [...sources.slice(0, kept), ...newestSources];
		return made;
	};
}

/** Sums up what `countIn` counts in each entry of a list. */
export function tally<T, K extends string>(
	countIn: (items: readonly T[]) => Record<K, number>,
): (items: readonly T[]) => Record<K, number> {
	let before: readonly T[] = [];
	let sums = countIn(before);
	return (items) => {
		const same = sameBeginning(before, items);
		const gone = countIn(before.slice(same));
		const come = countIn(items.slice(same));
		before = items;
		sums = Object.fromEntries((Object.keys(sums) as K[]).map((key) => [key, sums[key] - gone[key] + come[key]])) as Record<K, number>;
		return sums;
	};
}
