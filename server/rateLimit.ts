/** Buckets that are kept; of more, the full ones are forgotten, which changes nothing for whoever they belong to. */
const MOST = 10_000;

/**
 * How often somebody may ask: a bucket of `burst` calls for each name, which fills up again by `perSecond`.
 * Returns how many seconds to wait, 0 where the call may be made (and is counted).
 */
export function rateLimit({ burst, perSecond }: { burst: number; perSecond: number }, now: () => number = Date.now) {
	const buckets = new Map<string, { left: number; at: number }>();
	const leftOf = (name: string) => {
		const { left, at } = buckets.get(name) ?? { left: burst, at: now() };
		return Math.min(burst, left + ((now() - at) / 1000) * perSecond);
	};
	return {
		/** Seconds until a call may be made; counts nothing. */
		wait: (name: string): number => Math.max(0, (1 - leftOf(name)) / perSecond),
		/** Counts a call, or one that costs as much as several. */
		take(name: string, calls = 1): void {
			if (buckets.size >= MOST) for (const other of buckets.keys()) if (leftOf(other) >= burst) buckets.delete(other);
			buckets.set(name, { left: leftOf(name) - calls, at: now() });
		},
	};
}

export type RateLimit = ReturnType<typeof rateLimit>;
