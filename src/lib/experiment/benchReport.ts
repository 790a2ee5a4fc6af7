import * as v from 'valibot';

import {
	type AttackRate,
	attackRates,
	type CautionRate,
	cautionRates,
	type JudgeRate,
	judgeRates,
	type Rate,
	type ReplyCost,
	replyCosts,
} from '$lib/evaluation/attackRates';

import type { BenchAbout, BenchRows } from './attackBench';
import { faultInWords } from './folderLines';

/** What a bench found, with the rates that follow from its rows. */
export interface BenchReport {
	about: BenchAbout;
	attacks: AttackRate[];
	caution: CautionRate[];
	judge: JudgeRate[];
	costs: ReplyCost[];
	/** Null where they lie in a file of their own. */
	rows: BenchRows | null;
}

export const reportOf = ({ about, rows }: { about: BenchAbout; rows: BenchRows }): BenchReport => ({
	about,
	attacks: attackRates(rows.prompts),
	caution: cautionRates(rows.prompts),
	judge: judgeRates(rows.answers),
	costs: replyCosts(rows.prompts, rows.latency),
	rows,
});

/** What `npm run attacks` writes: a report without its rows, and when it was made. */
export interface WrittenReport extends BenchReport {
	date: string;
	commit: string;
	rows: null;
}

const real = v.pipe(v.number(), v.finite());
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const texts = v.array(v.string());
const RateSchema = v.object({ events: count, of: count, share: real, ci: v.tuple([real, real]) }) satisfies v.GenericSchema<unknown, Rate>;
const EstimateSchema = v.object({
	mean: real,
	se: v.nullable(real),
	ci: v.nullable(v.tuple([real, real])),
	clusters: count,
	seeds: v.exactOptional(count),
});
const named = { speaker: v.string(), family: v.string() };
const rate = v.nullable(RateSchema);

const WrittenSchema = v.object({
	date: v.string(),
	commit: v.string(),
	about: v.object({
		version: v.literal(1),
		model: v.string(),
		revision: v.string(),
		judge: v.object({ engine: v.picklist(['frozen-self', 'webllm']), model: v.string(), revision: v.string() }),
		framework: v.object({
			...{ id: v.string(), title: v.string(), principles: v.string() },
			...{ verdictPrompt: v.string(), alternativePrompt: v.string() },
		}),
		...{ threshold: real, attempts: count, seed: count, samples: count, speakers: texts, trainedWith: v.array(count), leftOut: texts },
		sampling: v.object({ temperature: real, topP: real, maxNewTokens: count }),
		labelledBy: v.picklist(['world', 'judge']),
		gate: v.optional(v.nullable(v.string()), null),
	}),
	attacks: v.array(
		v.object({
			...{ ...named, without: RateSchema, with: RateSchema, prevented: EstimateSchema, withheld: RateSchema, incoherent: RateSchema },
			...{ gated: v.optional(rate, null), gateAsks: v.optional(rate, null) },
		}),
	),
	caution: v.array(
		v.object({
			...{ speaker: v.string(), falseAlarms: rate, cruelWithout: RateSchema, cruelWith: RateSchema },
			...{ draftsAnswer: rate, shownAnswer: rate, alternativesAnswer: rate },
		}),
	),
	judge: v.array(v.object({ family: v.string(), passed: RateSchema })),
	costs: v.array(
		v.object({
			...{
				speaker: v.string(),
				draftTokens: real,
				conscienceTokens: real,
				gatedTokens: v.optional(v.nullable(real), null),
				replies: count,
			},
			...{ draftMs: v.nullable(real), addedAcceptedMs: v.nullable(real), addedFlaggedMs: v.nullable(real) },
		}),
	),
	rows: v.null(),
}) satisfies v.GenericSchema<unknown, WrittenReport>; // what a report of before there was a gate lacks is null

/** The report that a file of `npm run attacks` holds. @throws RangeError that says what is wrong with it */
export function parseReport(value: unknown): WrittenReport {
	const result = v.safeParse(WrittenSchema, value);
	if (result.success) return result.output;
	throw new RangeError(`The file of the bench can't be read: ${faultInWords(result.issues[0])}. Write it anew with npm run attacks.`);
}
