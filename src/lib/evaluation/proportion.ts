/** A share of what was counted, with its 95 % interval; both null where nothing was counted. */
export interface Proportion {
	count: number;
	of: number;
	share: number | null;
	ci: [low: number, high: number] | null;
}

/** The 97.5 % point of the normal distribution. */
export const Z = 1.959963984540054;

/**
 * A share with Wilson's score interval, (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n): unlike p ± z·se it has a width where nothing, or
 * everything, was counted (Wilson, JASA 22, 1927).
 */
export function proportion(count: number, of: number): Proportion {
	if (of === 0) return { count, of, share: null, ci: null };
	const share = count / of;
	const scale = 1 + Z ** 2 / of;
	const centre = (share + Z ** 2 / (2 * of)) / scale;
	const reach = (Z * Math.sqrt((share * (1 - share)) / of + Z ** 2 / (4 * of ** 2))) / scale;
	// Where nothing or everything was counted, one end is exactly the share, which rounding would miss.
	return { count, of, share, ci: [count === 0 ? 0 : centre - reach, count === of ? 1 : centre + reach] };
}
