import { clusterBootstrap } from '$lib/evaluation/bootstrap';
import { ANSWER_METRICS, CODE_METRICS, type Evaluation, LETTER_METRICS, THRESHOLD_METRICS } from '$lib/evaluation/evaluation';
import { detectable, varianceComponents } from '$lib/evaluation/power';
import { PROBE_METRICS } from '$lib/evaluation/probes';
import { rateInterval, type RateInterval } from '$lib/evaluation/rates';
import { holm, pValue } from '$lib/evaluation/significance';
import {
	clusteredMean,
	differencesByKey,
	type Estimate,
	type Interval,
	type Observation,
	type PairedObservation,
} from '$lib/evaluation/statistics';

import { type Budget, meanBudget } from './budget';
import type { Overhead } from './events';
import type { ArmId, Experiment } from './schema';

/** One finished run, as far as the summary needs it. */
export interface FinishedRun {
	seed: number;
	evaluation: Evaluation;
	overhead: Overhead | null;
	/** Who it is; of the base, and of runs put together from elsewhere, that is not said. */
	arm?: ArmId;
}

/** A metric over all seeds of an arm. */
export interface SummaryEstimate extends Estimate {
	/** The mean of each seed, in the order of `seeds`. */
	bySeed: number[];
	/** The mean of those means, with seeds as the clusters: what another run of the same experiment would change. */
	acrossSeeds: Estimate;
	/** The 95 % percentile interval of the cluster bootstrap, beside the t interval. */
	bootstrap: Interval | null;
}

/** A metric of one arm; a rate has an interval, too, where every answer is alike. */
export interface ArmEstimate extends SummaryEstimate {
	rate: RateInterval | null;
}

/** A metric's difference between two arms. */
export interface DifferenceEstimate extends SummaryEstimate {
	/** Two-sided, by the t distribution of the interval; null where the standard error is 0 or not known. */
	p: number | null;
	/** The same, corrected by Holm for all pairs of arms that are compared by this metric. */
	holm: number | null;
	/** The smallest true difference that as many questions and seeds find with 80 % power, the spread being what it was here. */
	detectable: number | null;
}

export interface ArmSummary {
	seeds: number[];
	metrics: Record<string, ArmEstimate>;
	/** Mean over seeds of what the method cost; null for the base. */
	budget: Budget | null;
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
	metrics: Record<string, DifferenceEstimate>;
}

const NOTE =
	'Intervals are 95 % t intervals with standard errors clustered by question (by kind of coding task for code rates) and, where several seeds are pooled, ' +
	'by seed as well: two-way (Cameron, Gelbach & Miller), with one degree of freedom less than there are of the fewer. Of one seed they say nothing of others. ' +
	'Differences are paired by seed and question (code: by seed and request). bySeed holds the mean of each seed, acrossSeeds their mean with seeds as clusters. ' +
	'bootstrap is the percentile interval of 2000 draws of the questions, seeds as they are. rate is the exact interval of a share, which has a width where every answer is alike, too: ' +
	'with as many answers as the same errors leave (where all are alike, at worst one a question), and were all answers independent. p is two-sided by the same t; holm corrects it for all pairs of arms ' +
	'that the metric compares. detectable is the smallest true difference that as many questions and seeds would find with 80 % power.';

/** Sums up finished runs of one experiment, arm by arm, and every paired difference between arms. */
export function summarizeRuns(runs: ReadonlyMap<string, readonly FinishedRun[]>, { conscience }: Experiment): Summary {
	const arms: Summary['arms'] = {};
	for (const [name, finished] of runs) {
		const metrics = mapMetrics((metric) => {
			const observations = observe(finished, metric);
			if (observations.length === 0) return null;
			return { ...overSeeds(observations, seedMeans(observations, finished)), rate: isRate(metric) ? rateInterval(observations) : null };
		});
		arms[name] = { seeds: finished.map(({ seed }) => seed), metrics, budget: meanBudget(finished) };
	}
	const names = [...runs.keys()];
	const differences = correctForArms(
		names.flatMap((b, i) => names.slice(i + 1).map((a) => differenceOf(a, b, runs.get(a)!, runs.get(b)!))),
	);
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
		const paired = seeds
			.filter((seed) => ofSeed(left, seed).length > 0)
			.map((seed) => ({ seed, differences: differencesByKey(ofSeed(left, seed), ofSeed(right, seed)) }));
		const differences = paired.flatMap(({ differences }) => differences);
		const estimate = overSeeds(differences, paired.map(({ differences }) => clusteredMean(differences).mean)); // prettier-ignore
		const cells = paired.flatMap(({ seed, differences }) => differences.map(({ cluster, value }) => ({ question: cluster, seed, value })));
		const spread = varianceComponents(cells);
		return { ...estimate, p: pValue(estimate), holm: null, detectable: spread && detectable(spread, spread.questions, spread.seeds) };
	});
	return { a, b, seeds, metrics };
}

/** The differences with their p values corrected for all of them, metric by metric. */
export function correctForArms(differences: readonly Difference[]): Difference[] {
	const corrected = differences.map((difference) => ({ ...difference, metrics: { ...difference.metrics } }));
	for (const metric of METRICS) {
		const tested = corrected.filter(({ metrics }) => (metrics[metric]?.p ?? null) !== null);
		const raised = holm(tested.map(({ metrics }) => metrics[metric]!.p!));
		tested.forEach(({ metrics }, i) => (metrics[metric] = { ...metrics[metric]!, holm: raised[i]! }));
	}
	return corrected;
}

function overSeeds(observations: readonly Observation[], bySeed: number[]): SummaryEstimate {
	const acrossSeeds = clusteredMean(bySeed.map((value, i) => ({ cluster: String(i), value })));
	return { ...clusteredMean(observations), bySeed, acrossSeeds, bootstrap: clusterBootstrap(observations) };
}

/** What an evaluation's rows say of a metric, each value with its cluster and with what its partner in another arm is found by. */
interface Measured<Row extends { cluster: string }> {
	rows: (evaluation: Evaluation) => readonly Row[];
	value: (row: Row) => number | null;
	key: (row: Row) => string;
}

const measured = <Row extends { cluster: string }>(
	metrics: Record<string, (row: Row) => number | null>,
	rows: (evaluation: Evaluation) => readonly Row[],
	key: (row: Row) => string,
) => Object.entries(metrics).map(([name, value]) => [name, { rows, value, key } as unknown as Measured<{ cluster: string }>] as const);

const byQuestion = ({ questionId }: { questionId: string }) => questionId;
const byRequest = ({ request }: { request: string }) => request;
const { conditional, trigger, triggerCode, harmless, facts, heldOut } = PROBE_METRICS;

/** Every metric of an evaluation, by its name. */
const MEASURED = new Map([
	...measured(ANSWER_METRICS, ({ rows }) => rows, byQuestion),
	...measured(LETTER_METRICS, ({ rows }) => rows, byQuestion),
	...measured(THRESHOLD_METRICS, ({ rows }) => rows, byQuestion),
	...measured(CODE_METRICS, ({ codeRows }) => codeRows, byRequest),
	...measured(conditional, ({ probes }) => probes?.conditional?.rows ?? [], byQuestion),
	...measured(trigger, ({ probes }) => probes?.trigger?.rows ?? [], byQuestion),
	...measured(triggerCode, ({ probes }) => probes?.triggerCode?.rows ?? [], byRequest),
	...measured(harmless, ({ probes }) => probes?.harmless?.rows ?? [], byQuestion),
	...measured(facts, ({ probes }) => probes?.facts?.rows ?? [], byQuestion),
	...measured(heldOut, ({ probes }) => probes?.heldOut?.rows ?? [], byRequest),
]);
const METRICS = [...MEASURED.keys()];

/** All else is a share of answers, each of them yes or no. */
const isRate = (metric: string) => !/alignment|heldOut|letter/i.test(metric);

function mapMetrics<Found extends SummaryEstimate>(estimate: (metric: string) => Found | null): Record<string, Found> {
	const entries = METRICS.map((metric) => [metric, estimate(metric)] as const);
	return Object.fromEntries(entries.filter((entry): entry is [string, Found] => entry[1] !== null));
}

type SeededObservation = PairedObservation & { seed: number };

/** Every observation of a metric over several runs, keyed so that the same question of the same seed pairs up. */
function observe(runs: readonly FinishedRun[], metric: string): SeededObservation[] {
	const { rows, value, key } = MEASURED.get(metric)!;
	return runs.flatMap(({ seed, evaluation }) =>
		rows(evaluation).flatMap((row): SeededObservation[] => {
			const observed = value(row);
			return observed === null ? [] : [{ seed, cluster: row.cluster, key: `${seed}/${key(row)}`, value: observed }];
		}),
	);
}

function seedMeans(observations: readonly SeededObservation[], runs: readonly FinishedRun[]): number[] {
	return runs.map(({ seed }) => clusteredMean(observations.filter((entry) => entry.seed === seed)).mean);
}
