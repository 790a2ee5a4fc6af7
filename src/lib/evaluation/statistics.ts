import quantile from '@stdlib/stats-base-dists-t-quantile';

/** Both ends of an interval. */
export type Interval = [low: number, high: number];

/** A mean with its standard error and 95 % interval. `se` and `ci` are null where one cluster alone leaves them unknown. */
export interface Estimate {
	mean: number;
	se: number | null;
	ci: Interval | null;
	/** Clusters that the standard error rests on. */
	clusters: number;
}

/** One observation and the cluster (question, seed) that it belongs to. */
export interface Observation {
	cluster: string;
	value: number;
}

/**
 * Mean of all observations with the clustered standard error
 * SE² = C/(C−1) · Σ_c (Σ_{i∈c} (x_i − x̄))² / N², and a t interval with C − 1 degrees of freedom.
 *
 * Answers to one question resemble one another, so questions, not answers, are what was sampled (Miller, arXiv 2411.00640).
 */
export function clusteredMean(observations: readonly Observation[]): Estimate {
	const N = observations.length;
	if (N === 0) return { mean: Number.NaN, se: null, ci: null, clusters: 0 };
	const mean = observations.reduce((sum, { value }) => sum + value, 0) / N;
	const residuals = new Map<string, number>();
	for (const { cluster, value } of observations) residuals.set(cluster, (residuals.get(cluster) ?? 0) + value - mean);
	const C = residuals.size;
	if (C < 2) return { mean, se: null, ci: null, clusters: C };
	const squares = [...residuals.values()].reduce((sum, residual) => sum + residual ** 2, 0);
	const se = Math.sqrt((C / (C - 1)) * squares) / N;
	const reach = quantile(0.975, C - 1) * se;
	return { mean, se, ci: [mean - reach, mean + reach], clusters: C };
}

/** An observation that has a partner in another arm: same seed, same question. */
export interface PairedObservation extends Observation {
	/** What the partner shares, e.g. seed and question. */
	key: string;
}

/**
 * Mean of a − b over keys that both hold, each key's observations averaged first, clustered as in `clusteredMean`.
 * @throws RangeError when the two share no key
 */
export function pairedDifference(a: readonly PairedObservation[], b: readonly PairedObservation[]): Estimate {
	const differences = differencesByKey(a, b);
	if (differences.length === 0) throw new RangeError('pairedDifference: the two arms share no seed and question');
	return clusteredMean(differences);
}

/** a − b of every key that both hold, each key's observations averaged first. */
export function differencesByKey(a: readonly PairedObservation[], b: readonly PairedObservation[]): PairedObservation[] {
	const right = meansByKey(b);
	return [...meansByKey(a)].flatMap(([key, { cluster, value }]) => {
		const partner = right.get(key);
		return partner ? [{ key, cluster, value: value - partner.value }] : [];
	});
}

function meansByKey(observations: readonly PairedObservation[]): Map<string, Observation> {
	const sums = new Map<string, { cluster: string; sum: number; count: number }>();
	for (const { key, cluster, value } of observations) {
		const entry = sums.get(key) ?? { cluster, sum: 0, count: 0 };
		entry.sum += value;
		entry.count += 1;
		sums.set(key, entry);
	}
	return new Map([...sums].map(([key, { cluster, sum, count }]) => [key, { cluster, value: sum / count }]));
}
