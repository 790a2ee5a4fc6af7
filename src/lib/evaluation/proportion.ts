import { clusteredMean, type Observation } from './statistics';

/** A share of what was counted, with its 95 % interval; both null where nothing was counted. */
export interface Proportion {
	count: number;
	of: number;
	/** So many independent answers would tell as much; `of` where each is alone in its cluster. */
	effective: number;
	share: number | null;
	ci: [low: number, high: number] | null;
}

/** The 97.5 % point of the normal distribution. */
export const Z = 1.959963984540054;

/**
 * A share with Wilson's score interval, (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n): unlike p ± z·se it has a width where nothing, or
 * everything, was counted (Wilson, JASA 22, 1927).
 */
export const proportion = (count: number, of: number): Proportion => wilson(count, of, of);

/** The same of observations that are 0 or 1, with n as `effectiveCount` leaves it: answers to one question resemble one another. */
export function clusteredProportion(observations: readonly Observation[]): Proportion {
	const count = observations.filter(({ value }) => value === 1).length;
	return wilson(count, observations.length, effectiveCount(observations));
}

/**
 * n = N / deff, never above N, with the design effect deff = SE² / (p(1 − p)/(N − 1)) of the clustered SE (Kish, Survey Sampling, 1965). Where
 * all observations are alike, or of one cluster, it is not known: then each cluster counts as one, as if what is in it stood and fell together.
 *
 * `rateInterval` has another n, p(1 − p)/SE² with a factor for the degrees of freedom, which is the one that the exact interval was tried with
 * (Korn & Graubard). Of independent observations that is N − 1; Wilson's interval and Lang and Reiczigel's, which take this one, are theirs
 * only where it is N.
 */
export function effectiveCount(observations: readonly Observation[]): number {
	const N = observations.length;
	const { mean, se, clusters } = clusteredMean(observations);
	if (se === null || mean === 0 || mean === 1) return clusters;
	return N / Math.max(1, (se ** 2 * (N - 1)) / (mean * (1 - mean)));
}

function wilson(count: number, of: number, n: number): Proportion {
	if (of === 0) return { count, of, effective: 0, share: null, ci: null };
	const share = count / of;
	const scale = 1 + Z ** 2 / n;
	const centre = (share + Z ** 2 / (2 * n)) / scale;
	const reach = (Z * Math.sqrt((share * (1 - share)) / n + Z ** 2 / (4 * n ** 2))) / scale;
	// Where nothing or everything was counted, one end is exactly the share, which rounding would miss.
	return { count, of, effective: n, share, ci: [count === 0 ? 0 : centre - reach, count === of ? 1 : centre + reach] };
}
