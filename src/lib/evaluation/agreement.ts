/** How far those who label answers agree, beyond what chance would give. */
import quantile from '@stdlib/stats-base-dists-t-quantile';

import { type Label, LABELS } from '$lib/conscience/judge';

import { clusteredMean, degreesOf, type Estimate } from './statistics';

/** One answer with what two say of it. Answers of one cluster (one question) resemble one another. */
export interface LabelPair {
	cluster: string;
	/** Of its run, where runs of several seeds are pooled. */
	seed?: number;
	first: Label;
	second: Label;
}

/**
 * Cohen's κ = (p_o − p_e) / (1 − p_e): agreement p_o against p_e, that of two who give each label as often as these and know nothing of the
 * answers. Its error is linear in what each answer adds,
 * φ_i = ((a_i − p_o)(1 − p_e) − (1 − p_o)(q(first_i) + p(second_i) − 2p_e)) / (1 − p_e)², with a_i = 1 where both agree and p, q the shares of
 * the labels of the first and the second; clustered as a mean is. With one answer a cluster this is Fleiss, Cohen and Everitt's (1969) with
 * N − 1 for N. Null where both give one label only, or there is no pair: there is nothing to agree on. `se` and `ci` are null where all
 * answers say the same (nobody disagrees, for one) or one cluster is all: they don't tell how sure that is.
 */
export function cohenKappa(pairs: readonly LabelPair[]): Estimate | null {
	const N = pairs.length;
	if (N === 0) return null;
	const shareOf = (side: 'first' | 'second', label: Label) => pairs.filter((pair) => pair[side] === label).length / N;
	const p = Object.fromEntries(LABELS.map((label) => [label, shareOf('first', label)])) as Record<Label, number>;
	const q = Object.fromEntries(LABELS.map((label) => [label, shareOf('second', label)])) as Record<Label, number>;
	const observed = pairs.filter(({ first, second }) => first === second).length / N;
	const chance = LABELS.reduce((sum, label) => sum + p[label] * q[label], 0);
	if (chance === 1) return null;
	const kappa = (observed - chance) / (1 - chance);
	const added = pairs.map(({ first, second, ...place }) => {
		const agreed = Number(first === second);
		const value = ((agreed - observed) * (1 - chance) - (1 - observed) * (q[first] + p[second] - 2 * chance)) / (1 - chance) ** 2;
		return { ...place, value };
	});
	return estimateOf(kappa, clusteredMean(added));
}

/** One answer with what some of the labellers said of it, each once; who said nothing is left out. */
export interface LabelledUnit {
	cluster: string;
	labels: readonly Label[];
}

/** Whether one label is simply another (nominal), or farther from it the more answers lie between (ordinal: ethical, neutral, unethical). */
export type Scale = 'nominal' | 'ordinal';

/** How often labels c and k stand beside each other on one answer, [L, L] by row: an answer with m labels counts 1 / (m − 1) a pair. */
type Coincidences = readonly number[];

const L = LABELS.length;

/**
 * Krippendorff's α = 1 − D_o / D_e for any number of labellers, of whom some may have said nothing: D_o is how far labels of one answer differ,
 * D_e how far labels differ that are drawn from all (Krippendorff, Content Analysis). The standard error is a jackknife over clusters,
 * SE² = (C − 1)/C · Σ_c (α_(c) − ᾱ)², with a t interval of C − 1 degrees of freedom. Null where no answer has two labels, or all labels are one.
 */
export function krippendorffAlpha(units: readonly LabelledUnit[], scale: Scale): Estimate | null {
	const byCluster = new Map<string, number[]>();
	for (const { cluster, labels } of units) {
		if (labels.length < 2) continue; // a label alone can't be compared
		const sum = byCluster.get(cluster) ?? new Array<number>(L * L).fill(0);
		coincidencesOf(labels).forEach((count, i) => (sum[i]! += count));
		byCluster.set(cluster, sum);
	}
	const clusters = [...byCluster.values()];
	const total = Array.from({ length: L * L }, (_, i) => clusters.reduce((sum, counts) => sum + counts[i]!, 0));
	const alpha = alphaOf(total, scale);
	if (alpha === null) return null;
	const C = clusters.length;
	const without = clusters.map((counts) => alphaOf(total.map((count, i) => count - counts[i]!), scale)); // prettier-ignore
	const known = without.filter((value) => value !== null);
	if (C < 2 || known.length < C) return estimateOf(alpha, { se: null, clusters: C });
	const mean = known.reduce((sum, value) => sum + value, 0) / C;
	const se = Math.sqrt(((C - 1) / C) * known.reduce((sum, value) => sum + (value - mean) ** 2, 0));
	return estimateOf(alpha, { se, clusters: C });
}

function coincidencesOf(labels: readonly Label[]): Coincidences {
	const counts = LABELS.map((label) => labels.filter((other) => other === label).length);
	return counts.flatMap((n, c) => counts.map((m, k) => (c === k ? n * (n - 1) : n * m) / (labels.length - 1)));
}

function alphaOf(coincidences: Coincidences, scale: Scale): number | null {
	const totals = LABELS.map((_, c) => LABELS.reduce((sum, __, k) => sum + coincidences[c * L + k]!, 0));
	const n = totals.reduce((sum, count) => sum + count, 0);
	let [observed, expected] = [0, 0];
	for (let c = 0; c < L; c++) {
		for (let k = 0; k < L; k++) {
			const distance = scale === 'nominal' ? Number(c !== k) : ordinalDistance(totals, c, k);
			observed += coincidences[c * L + k]! * distance;
			expected += (totals[c]! * totals[k]! * distance) / (n - 1);
		}
	}
	return n > 1 && expected > 1e-9 ? 1 - observed / expected : null;
}

/** δ² = (Σ_{g=c..k} n_g − (n_c + n_k)/2)²: two labels are as far apart as there are labels between their middles. */
function ordinalDistance(totals: readonly number[], c: number, k: number): number {
	const between = totals.slice(Math.min(c, k), Math.max(c, k) + 1).reduce((sum, count) => sum + count, 0);
	return (between - (totals[c]! + totals[k]!) / 2) ** 2;
}

/** A coefficient that is at most 1, with its t interval. An error of 0 means that all answers say the same, not that nothing is left to learn. */
function estimateOf(mean: number, spread: Omit<Estimate, 'mean' | 'ci'>): Estimate {
	const { se } = spread;
	if (se === null || se < 1e-12) return { ...spread, mean, se: null, ci: null }; // below that it is rounding
	const reach = quantile(0.975, degreesOf(spread)) * se;
	return { ...spread, mean, ci: [Math.max(-1, mean - reach), Math.min(1, mean + reach)] };
}
