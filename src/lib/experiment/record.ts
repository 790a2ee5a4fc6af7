import { ANSWER_METRICS, CODE_METRICS, type Evaluation } from '$lib/evaluation/evaluation';
import { clusteredMean, type Estimate, pairedDifference, type PairedObservation } from '$lib/evaluation/statistics';

import type { Overhead } from './events';
import type { Experiment } from './schema';

/** One finished run, as far as the summary needs it. */
export interface FinishedRun {
	seed: number;
	evaluation: Evaluation;
	overhead: Overhead | null;
}

/** A metric over all seeds of an arm. */
export interface SummaryEstimate extends Estimate {
	/** The mean of each seed, in the order of `seeds`. */
	bySeed: number[];
	/** The mean of those means, with seeds as the clusters: what another run of the same experiment would change. */
	acrossSeeds: Estimate;
}

export interface ArmSummary {
	seeds: number[];
	metrics: Record<string, SummaryEstimate>;
	/** Mean over seeds of the conscience's cost against plain fine-tuning; null for arms without one. */
	overhead: { tokenRatio: number; secondRatio: number; calls: number } | null;
}

/** How often the conscience is called, and how much of each step is its. */
export type Schedule = Pick<
	Experiment['conscience'],
	'lambda' | 'beta' | 'cadence' | 'promptsPerCall' | 'lag' | 'dpoEvery' | 'dpoRestBelow' | 'pairsPerStep'
>;

export interface Summary {
	/** How to read the numbers. */
	note: string;
	/** What the conscience's cost was paid for. */
	schedule: Schedule;
	arms: Record<string, ArmSummary>;
	/** `a − b` for each pair of arms, paired by seed and question; without metrics where the two share no seed, or no question. */
	differences: Difference[];
}

export interface Difference {
	a: string;
	b: string;
	/** That both have. */
	seeds: number[];
	metrics: Record<string, SummaryEstimate>;
}

const NOTE =
	'Intervals are 95 % t intervals with standard errors clustered by question (by kind of coding task for code rates), seeds pooled within a question; ' +
	'differences are paired by seed and question (code: by seed and request). bySeed holds the mean of each seed, acrossSeeds their mean with seeds as clusters.';

/** Sums up finished runs of one experiment, arm by arm, and every paired difference between arms. */
export function summarizeRuns(runs: ReadonlyMap<string, readonly FinishedRun[]>, { conscience }: Experiment): Summary {
	const arms: Summary['arms'] = {};
	for (const [name, finished] of runs) {
		const metrics = mapMetrics((metric) => {
			const observations = observe(finished, metric);
			return observations.length === 0 ? null : overSeeds(clusteredMean(observations), seedMeans(observations, finished));
		});
		arms[name] = { seeds: finished.map(({ seed }) => seed), metrics, overhead: meanOverhead(finished) };
	}
	const names = [...runs.keys()];
	const differences = names.flatMap((b, i) => names.slice(i + 1).map((a) => differenceOf(a, b, runs.get(a)!, runs.get(b)!)));
	const { lambda, beta, cadence, promptsPerCall, lag, dpoEvery, dpoRestBelow, pairsPerStep } = conscience;
	const schedule = { lambda, beta, cadence, promptsPerCall, lag, dpoEvery, dpoRestBelow, pairsPerStep };
	return { note: NOTE, schedule, arms, differences };
}

function differenceOf(a: string, b: string, runsA: readonly FinishedRun[], runsB: readonly FinishedRun[]): Difference {
	const seeds = runsA.map(({ seed }) => seed).filter((seed) => runsB.some((other) => other.seed === seed));
	const metrics = mapMetrics((metric) => {
		const right = observe(runsB, metric);
		const partners = new Set(right.map(({ key }) => key));
		const left = observe(runsA, metric).filter(({ key }) => partners.has(key));
		if (left.length === 0) return null;
		const ofSeed = (observations: readonly SeededObservation[], seed: number) => observations.filter((entry) => entry.seed === seed);
		const paired = seeds.filter((seed) => ofSeed(left, seed).length > 0);
		const bySeed = paired.map((seed) => pairedDifference(ofSeed(left, seed), ofSeed(right, seed)).mean);
		return overSeeds(pairedDifference(left, right), bySeed);
	});
	return { a, b, seeds, metrics };
}

function overSeeds(estimate: Estimate, bySeed: number[]): SummaryEstimate {
	const acrossSeeds = clusteredMean(bySeed.map((value, i) => ({ cluster: String(i), value })));
	return { ...estimate, bySeed, acrossSeeds };
}

const METRICS = [...Object.keys(ANSWER_METRICS), ...Object.keys(CODE_METRICS)];

function mapMetrics(estimate: (metric: string) => SummaryEstimate | null): Record<string, SummaryEstimate> {
	const entries = METRICS.map((metric) => [metric, estimate(metric)] as const);
	return Object.fromEntries(entries.filter((entry): entry is [string, SummaryEstimate] => entry[1] !== null));
}

type SeededObservation = PairedObservation & { seed: number };

/** Every observation of a metric over several runs, keyed so that the same question of the same seed pairs up. */
function observe(runs: readonly FinishedRun[], metric: string): SeededObservation[] {
	return runs.flatMap(({ seed, evaluation }): SeededObservation[] => {
		if (metric in ANSWER_METRICS) {
			const value = ANSWER_METRICS[metric as keyof typeof ANSWER_METRICS];
			return evaluation.rows.flatMap((row) => {
				const observed = value(row);
				return observed === null ? [] : [{ seed, cluster: row.cluster, key: `${seed}/${row.questionId}`, value: observed }];
			});
		}
		const value = CODE_METRICS[metric as keyof typeof CODE_METRICS];
		return evaluation.codeRows.map((row) => ({ seed, cluster: row.cluster, key: `${seed}/${row.request}`, value: value(row) }));
	});
}

function seedMeans(observations: readonly SeededObservation[], runs: readonly FinishedRun[]): number[] {
	return runs.map(({ seed }) => clusteredMean(observations.filter((entry) => entry.seed === seed)).mean);
}

function meanOverhead(runs: readonly FinishedRun[]): ArmSummary['overhead'] {
	const costs = runs.flatMap(({ overhead }) => (overhead && overhead.calls > 0 ? [overhead] : []));
	if (costs.length === 0) return null;
	const mean = (value: (overhead: Overhead) => number) => costs.reduce((sum, cost) => sum + value(cost), 0) / costs.length;
	return {
		tokenRatio: mean(({ tokenRatio }) => tokenRatio ?? Number.NaN),
		secondRatio: mean(({ secondRatio }) => secondRatio ?? Number.NaN),
		calls: mean(({ calls }) => calls),
	};
}
