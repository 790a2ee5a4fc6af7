import * as v from 'valibot';

import { SCORES } from '$lib/evaluation/gateRows';
import { clusteredMean, type Estimate, pairedDifference, type PairedObservation } from '$lib/evaluation/statistics';

import { faultInWords } from '../folderLines';

import { CONDITIONS, MEMORY_ALONE, POISONS, QUORUMS } from './conditions';
import type { ExampleFigures } from './examples';
import type { ThresholdFigures } from './retrieval';
import { type Cost, MemoryStudyError, type StudyRun } from './rows';

/** Conditions that every other is set against. */
export const AGAINST = ['plain', 'full', 'quarter', MEMORY_ALONE] as const;
export const COSTS = ['calls', 'judged', 'written', 'known', 'taken', 'answers', 'verdicts', 'alternatives', 'states', 'lessons', 'code'] as const satisfies readonly Cost[]; // prettier-ignore

export interface ConditionFigures {
	id: string;
	label: string;
	runs: number;
	/** By true labels, 0 to 100; intervals over questions and seeds. */
	alignment: Estimate;
	/** The same minus that of each condition of `AGAINST`, paired by seed and question. */
	minus: Record<(typeof AGAINST)[number], Estimate>;
	/** Share of the coding answers that have the hole which was taught. */
	insecure: Estimate;
	/** Means over the runs. */
	costs: Record<Cost, number>;
}

/** What a class's memory came to be. */
export interface MemoryFacts {
	deposited: number;
	remembered: number;
	pairs: number;
	labelled: number;
	poison: { deposited: number; out: number; pairs: number };
}

export interface PoisonFigures extends MemoryFacts {
	id: string;
	label: string;
	quorum: number;
}

/** What `npm run memory` finds. */
export interface MemoryResult {
	version: 1;
	date: string;
	commit: string;
	contributors: number[];
	seeds: number[];
	/** Of the processor, and of all models, in all runs. */
	seconds: number;
	tokens: number;
	/** Drafts that the thresholds were tried on. */
	drafts: number;
	/** The lowest threshold from which on what is taken over is the judge's own label often enough. */
	skipAt: number;
	thresholds: ThresholdFigures[];
	examples: ExampleFigures[];
	conditions: ConditionFigures[];
	poisons: PoisonFigures[];
}

const alignmentOf = (runs: readonly StudyRun[]): PairedObservation[] =>
	runs.flatMap(({ seed, answers }) =>
		answers.map(([question, cluster, label]) => ({ value: 100 * SCORES[label], cluster, seed, key: `${seed}/${question}` })),
	);

/** The figures of every condition that has runs. @throws RangeError where one that others are set against has none */
export function figuresOf(runs: readonly StudyRun[]): ConditionFigures[] {
	const of = (id: string) => runs.filter(({ condition }) => condition === id);
	const against = new Map(AGAINST.map((id) => [id, alignmentOf(of(id))] as const));
	return CONDITIONS.flatMap(({ id, label }): ConditionFigures[] => {
		const own = of(id);
		if (own.length === 0) return [];
		const alignment = alignmentOf(own);
		const minus = Object.fromEntries(AGAINST.map((other) => [other, pairedDifference(alignment, against.get(other)!)]));
		const code = own.flatMap(({ seed, code }) => code.map(([cluster, insecure]) => ({ value: Number(insecure), cluster, seed })));
		const mean = (cost: Cost) => own.reduce((sum, { costs }) => sum + costs[cost], 0) / own.length;
		return [
			{
				...{ id, label, runs: own.length, alignment: clusteredMean(alignment), insecure: clusteredMean(code) },
				minus: minus as ConditionFigures['minus'],
				costs: Object.fromEntries(COSTS.map((cost) => [cost, mean(cost)])) as ConditionFigures['costs'],
			},
		];
	});
}

const real = v.pipe(v.number(), v.finite());
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const text = v.string();
const estimate = v.looseObject({ mean: real, se: v.nullable(real), ci: v.nullable(v.tuple([real, real])), clusters: real });
const facts = { deposited: count, remembered: count, pairs: count, labelled: count, poison: v.object({ deposited: count, out: count, pairs: count }) }; // prettier-ignore
const ResultSchema = v.object({
	version: v.literal(1),
	...{
		date: text,
		commit: text,
		contributors: v.array(count),
		seeds: v.array(count),
		seconds: real,
		tokens: real,
		drafts: count,
		skipAt: real,
	},
	thresholds: v.array(
		v.object({
			...{ threshold: real, known: estimate, agrees: v.nullable(estimate), agreesOnUnethical: v.nullable(estimate) },
			...{ agreesByBenefit: v.nullable(estimate), agreesElsewhere: v.nullable(estimate) },
		}),
	),
	examples: v.array(v.object({ examples: count, right: estimate, rightOnDressed: estimate, tokens: real })),
	conditions: v.array(
		v.object({
			...{ id: text, label: text, runs: count, alignment: estimate, insecure: estimate },
			minus: v.object(Object.fromEntries(AGAINST.map((id) => [id, estimate]))),
			costs: v.object(Object.fromEntries(COSTS.map((cost) => [cost, real]))),
		}),
	),
	poisons: v.array(v.object({ id: v.picklist(POISONS.map(({ id }) => id)), label: text, quorum: v.picklist(QUORUMS), ...facts })),
});

/** A result from a file. @throws MemoryStudyError */
export function parseMemoryResult(value: unknown): MemoryResult {
	const result = v.safeParse(ResultSchema, value);
	if (result.success) return result.output as unknown as MemoryResult;
	throw new MemoryStudyError(`The memory's results can't be read: ${faultInWords(result.issues[0])}.`);
}
