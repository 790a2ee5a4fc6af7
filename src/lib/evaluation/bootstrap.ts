import { seededRandom } from '$lib/model/random';

import type { Interval, Observation } from './statistics';

/** Draws of the clusters: enough that the ends of an interval move by a few percent of its width from one seed to the next. */
const RESAMPLES = 2000;

/**
 * The 95 % percentile interval of a mean by the cluster bootstrap (Davison & Hinkley 1997, § 5.3): as many clusters as there are, drawn
 * with replacement, Σ_c Σ_i x_i / Σ_c n_c of each draw, and of all draws the quantiles 0.025 and 0.975. It assumes no shape of the
 * distribution, and with few clusters it is a little too narrow: the t interval stays beside it. Equal seeds give equal ends.
 * Null where there are fewer than two clusters.
 */
export function clusterBootstrap(observations: readonly Observation[], seed = 0, resamples = RESAMPLES): Interval | null {
	const clusters = new Map<string, { sum: number; count: number }>();
	for (const { cluster, value } of observations) {
		const { sum, count } = clusters.get(cluster) ?? { sum: 0, count: 0 };
		clusters.set(cluster, { sum: sum + value, count: count + 1 });
	}
	const all = [...clusters.values()];
	const C = all.length;
	if (C < 2) return null;
	const random = seededRandom(seed, 'bootstrap');
	const means = Float64Array.from({ length: resamples }, () => {
		let [sum, count] = [0, 0];
		for (let c = 0; c < C; c++) {
			const drawn = all[Math.floor(random() * C)]!;
			sum += drawn.sum;
			count += drawn.count;
		}
		return sum / count;
	}).sort();
	return [quantile(means, 0.025), quantile(means, 0.975)];
}

/** Of sorted values, with a straight line between neighbours (Hyndman & Fan's seventh, NumPy's default). */
function quantile(sorted: Float64Array, share: number): number {
	const at = (sorted.length - 1) * share;
	const below = Math.floor(at);
	const low = sorted[below]!;
	return low + (at - below) * ((sorted[below + 1] ?? low) - low);
}
