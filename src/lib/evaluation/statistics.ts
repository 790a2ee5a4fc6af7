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
	/** Seeds that it rests on as well, where more than one is pooled. */
	seeds?: number;
}

/** One observation and the cluster (question, kind of coding task) that it belongs to. */
export interface Observation {
	cluster: string;
	value: number;
	/** Of its run, where runs of several seeds are pooled. */
	seed?: number;
}

/**
 * Mean of all observations with the clustered standard error
 * SE² = C/(C−1) · Σ_c (Σ_{i∈c} (x_i − x̄))² / N², and a t interval with C − 1 degrees of freedom.
 *
 * Answers to one question resemble one another, so questions, not answers, are what was sampled (Miller, arXiv 2411.00640). What a seed does,
 * it does to all questions at once: where several are pooled, the error is the two-way one of Cameron, Gelbach & Miller (Journal of Business
 * & Economic Statistics 29, 2011), SE² = V_clusters + V_seeds − V_both, each as above with its own C, `both` the answers of one cluster and
 * seed; never less than the larger of the first two, and with min(C_clusters, C_seeds) − 1 degrees of freedom.
 */
export function clusteredMean(observations: readonly Observation[]): Estimate {
	const N = observations.length;
	if (N === 0) return { mean: Number.NaN, se: null, ci: null, clusters: 0 };
	const mean = observations.reduce((sum, { value }) => sum + value, 0) / N;
	const byCluster = varianceOver(observations, mean, ({ cluster }) => cluster);
	const bySeed = varianceOver(observations, mean, ({ seed }) => seed);
	const clusters = byCluster.groups;
	const restsOn: Pick<Estimate, 'clusters' | 'seeds'> = bySeed.groups > 1 ? { clusters, seeds: bySeed.groups } : { clusters };
	if (clusters < 2) return { mean, se: null, ci: null, ...restsOn };
	const se = Math.sqrt(restsOn.seeds ? twoWay(observations, mean, byCluster.variance, bySeed.variance) : byCluster.variance);
	const reach = quantile(0.975, degreesOf(restsOn)) * se;
	return { mean, se, ci: [mean - reach, mean + reach], ...restsOn };
}

/** Degrees of freedom of an estimate's t: one less than there are clusters, or seeds where these are fewer. */
export const degreesOf = ({ clusters, seeds = Infinity }: Pick<Estimate, 'clusters' | 'seeds'>): number => Math.min(clusters, seeds) - 1;

/** V_clusters + V_seeds − V_both, and never less than either alone. */
function twoWay(observations: readonly Observation[], mean: number, ofClusters: number, ofSeeds: number): number {
	const { variance: ofBoth } = varianceOver(observations, mean, ({ cluster, seed }) => `${String(seed)}/${cluster}`);
	return Math.max(ofClusters + ofSeeds - ofBoth, ofClusters, ofSeeds);
}

/** C/(C−1) · Σ_c (Σ_{i∈c} (x_i − x̄))² / N² over C groups; of one group it is not a number. */
function varianceOver(observations: readonly Observation[], mean: number, groupOf: (observation: Observation) => unknown) {
	const residuals = new Map<unknown, number>();
	for (const observation of observations) {
		const group = groupOf(observation);
		residuals.set(group, (residuals.get(group) ?? 0) + observation.value - mean);
	}
	const groups = residuals.size;
	const squares = [...residuals.values()].reduce((sum, residual) => sum + residual ** 2, 0);
	return { groups, variance: ((groups / (groups - 1)) * squares) / observations.length ** 2 };
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
	return [...meansByKey(a)].flatMap(([key, left]) => {
		const partner = right.get(key);
		return partner ? [{ ...left, value: left.value - partner.value }] : [];
	});
}

function meansByKey(observations: readonly PairedObservation[]): Map<string, PairedObservation> {
	const sums = new Map<string, { first: PairedObservation; sum: number; count: number }>();
	for (const observation of observations) {
		const entry = sums.get(observation.key) ?? { first: observation, sum: 0, count: 0 };
		entry.sum += observation.value;
		entry.count += 1;
		sums.set(observation.key, entry);
	}
	return new Map([...sums].map(([key, { first, sum, count }]) => [key, { ...first, value: sum / count }]));
}
