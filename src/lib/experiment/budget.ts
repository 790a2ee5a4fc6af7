import type { GateSavings, Overhead } from './events';
import { extraTokens, savedSeconds } from './meter';
import { METHODS } from './methods/all';
import type { FinishedRun } from './record';

/** What a method took, and what of it is beyond the plain fine-tune. */
export interface Budget {
	/** Tokens of the narrow task. */
	sftTokens: number;
	/** Why these are not the plain copy's; null where they have to be. */
	otherTokens: string | null;
	/** Beyond them: tokens and seconds, and as shares of those of the narrow task. */
	extraTokens: number;
	extraSeconds: number;
	tokenRatio: number;
	secondRatio: number;
	/** The share of the planned steps that was done. Where a run ended early, it is below 1, and its ratios are against all of them: see `Overhead`. */
	ofPlan: number;
	/** Calls of the conscience. */
	calls: number;
	/** What a gate did, as means over the runs that had one; null where none had. */
	gate: { judged: number; passed: number; savedTokens: number; savedSeconds: number } | null;
}

/** What the runs of one method took, as a mean over them; null where none says. */
export function meanBudget(runs: readonly FinishedRun[]): Budget | null {
	const costs = runs.flatMap(({ overhead }) => overhead ?? []);
	if (costs.length === 0) return null;
	const mean = (value: (overhead: Overhead) => number) => costs.reduce((sum, cost) => sum + value(cost), 0) / costs.length;
	const arm = runs[0]?.arm;
	return {
		sftTokens: mean(({ sftTokens }) => sftTokens),
		otherTokens: (arm && METHODS[arm].otherTokens) ?? null,
		extraTokens: mean(extraTokens),
		extraSeconds: mean(({ conscienceSeconds }) => conscienceSeconds),
		tokenRatio: mean(({ tokenRatio }) => tokenRatio ?? Number.NaN),
		secondRatio: mean(({ secondRatio }) => secondRatio ?? Number.NaN),
		ofPlan: mean(({ ofPlan = 1 }) => ofPlan),
		calls: mean(({ calls }) => calls),
		gate: meanSavings(costs.flatMap(({ gate }) => gate ?? [])),
	};
}

function meanSavings(savings: readonly GateSavings[]): Budget['gate'] {
	if (savings.length === 0) return null;
	const mean = (value: (one: GateSavings) => number) => savings.reduce((sum, one) => sum + value(one), 0) / savings.length;
	return {
		...{ judged: mean(({ judged }) => judged), passed: mean(({ passed }) => passed) },
		...{ savedTokens: mean(({ savedTokens }) => savedTokens), savedSeconds: mean((one) => savedSeconds(one) ?? 0) },
	};
}

/** What is compared of a run: the tokens of the narrow task, where it says them. */
type RunBudget = Pick<FinishedRun, 'seed' | 'arm'> & { overhead: Pick<Overhead, 'sftTokens'> | null };

/**
 * Where methods that have to see the same tokens of the narrow task did not, seed by seed, in words: then the comparison is none of
 * methods. Empty where all budgets are equal.
 */
export function unequalBudgets(runs: Iterable<RunBudget>): string[] {
	const bound = [...runs].filter(({ arm, overhead }) => arm && overhead && METHODS[arm].otherTokens === undefined);
	return [...new Set(bound.map(({ seed }) => seed))].flatMap((seed) => {
		const ofSeed = bound.filter((run) => run.seed === seed);
		if (new Set(ofSeed.map(({ overhead }) => overhead!.sftTokens)).size < 2) return [];
		return `Seed ${seed}: ${ofSeed.map(({ arm, overhead }) => `${arm} learnt ${overhead!.sftTokens} tokens of the narrow task`).join(', ')}.`;
	});
}
