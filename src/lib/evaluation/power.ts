import quantile from '@stdlib/stats-base-dists-t-quantile';

import { degreesOf } from './statistics';

/** What was measured of one question (or cluster of questions) in the run of one seed. */
export interface Cell {
	question: string;
	seed: number;
	value: number;
}

/** Where the spread of a measure comes from. */
export interface VarianceComponents {
	/** σ² between questions: only other questions lower what it does. */
	question: number;
	/** σ² between seeds: only other seeds do; null where one seed can't tell it. */
	seed: number | null;
	/** σ² of what a question of a seed has of its own, sampling of answers included; with one seed it is part of `question`. */
	residual: number;
	questions: number;
	seeds: number;
}

/**
 * Variance components of questions × seeds with one value each, by the mean squares of the two-way analysis of variance:
 * σ²_r = MS_r, σ²_q = (MS_q − MS_r)/S, σ²_s = (MS_s − MS_r)/Q, none below 0 (Searle, Casella & McCulloch 1992, § 4.7).
 * Several values of one question and seed are averaged first; questions that a seed lacks are left out. Null below two questions.
 */
export function varianceComponents(cells: readonly Cell[]): VarianceComponents | null {
	const seeds = [...new Set(cells.map(({ seed }) => seed))];
	const byQuestion = new Map<string, Map<number, number[]>>();
	for (const { question, seed, value } of cells) {
		const row = byQuestion.get(question) ?? new Map<number, number[]>();
		row.set(seed, [...(row.get(seed) ?? []), value]);
		byQuestion.set(question, row);
	}
	const table = [...byQuestion.values()].filter((row) => row.size === seeds.length).map((row) => seeds.map((seed) => mean(row.get(seed)!))); // [Q][S]
	const [Q, S] = [table.length, seeds.length];
	if (Q < 2) return null;
	const ofQuestions = table.map(mean);
	if (S < 2) return { question: variance(ofQuestions), seed: null, residual: 0, questions: Q, seeds: S };
	const ofSeeds = seeds.map((_, s) => mean(table.map((row) => row[s]!)));
	const grand = mean(ofQuestions);
	const residuals = table.flatMap((row, q) => row.map((value, s) => value - ofQuestions[q]! - ofSeeds[s]! + grand));
	const residual = residuals.reduce((sum, r) => sum + r ** 2, 0) / ((Q - 1) * (S - 1));
	return {
		question: Math.max(0, variance(ofQuestions) - residual / S),
		seed: Math.max(0, variance(ofSeeds) - residual / Q),
		...{ residual, questions: Q, seeds: S },
	};
}

/**
 * The smallest true difference that so many questions and seeds find with this power, by the two-sided test at 5 % of `clusteredMean`:
 * d = (t_{0.975,ν} + t_{power,ν})·SE, SE² = (σ²_q + σ²_r/S)/Q + σ²_s/S, ν = min(Q, S) − 1, or Q − 1 of one seed. What seeds add to the spread
 * counts only where more than one seed tells of it. Null where no spread was measured, or there are too few to test anything.
 */
export function detectable(components: VarianceComponents, questions: number, seeds: number, power = 0.8): number | null {
	const byQuestion = (components.question + components.residual / seeds) / questions;
	const bySeed = (components.seed ?? 0) / seeds;
	if (byQuestion + bySeed === 0 || questions < 2 || (bySeed > 0 && seeds < 2)) return null;
	const degrees = degreesOf(seeds > 1 ? { clusters: questions, seeds } : { clusters: questions });
	return (quantile(0.975, degrees) + quantile(power, degrees)) * Math.sqrt(byQuestion + bySeed);
}

/** More than anybody would ask: where these are too few, none are enough. */
const MOST = 1e6;

/** Questions that find a true difference of d, with so many seeds; null where seeds alone leave too much to chance. */
export const questionsNeeded = (d: number, components: VarianceComponents, seeds: number, power = 0.8): number | null =>
	fewest((questions) => detectable(components, questions, seeds, power), d);

/** Seeds that find a true difference of d, with so many questions; null where questions alone leave too much to chance. */
export const seedsNeeded = (d: number, components: VarianceComponents, questions: number, power = 0.8): number | null =>
	fewest((seeds) => detectable(components, questions, seeds, power), d);

/** The smallest whole number from which on `reach` is at most d: doubled until it is, then halved in between. */
function fewest(reach: (n: number) => number | null, d: number): number | null {
	const isEnough = (n: number) => (reach(n) ?? Infinity) <= Math.abs(d);
	let high = 1;
	while (!isEnough(high)) if ((high *= 2) > MOST) return null;
	let low = high / 2; // not enough, or 0.5
	while (high - low > 1) {
		const middle = Math.floor((low + high) / 2);
		if (isEnough(middle)) high = middle;
		else low = middle;
	}
	return high;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function variance(values: readonly number[]): number {
	const middle = mean(values);
	return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1);
}
