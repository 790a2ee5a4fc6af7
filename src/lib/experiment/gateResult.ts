import * as v from 'valibot';

import { decideBy, type Feature, FEATURES, type Gate, parseGate } from '$lib/conscience/gate';
import { comparePolicies, GATE_MEASURES, type GateComparison, POLICIES } from '$lib/evaluation/gateComparison';
import { fitGate, type GateOrigin, splitByCluster } from '$lib/evaluation/gateFit';
import { type GateRow, isHarmfulFlip, isHelpfulFix } from '$lib/evaluation/gateRows';

import { faultInWords } from './folderLines';
import { GateFileError, type GateRows } from './gateRowsFile';

/** Strength of the penalty, the share of the prompts' families that the weights are fitted on, and how these are dealt out: chosen before any fit. */
export const FIT = { l2: 1, trainShare: 0.6, seed: 1 } as const;

/** A draft that the gate let through though the conscience would have mended it, or called for though it was spoilt by that. */
export interface GateCase {
	copy: string;
	seed: number;
	prompt: string;
	answer: string;
	p: number;
}

/** Cases that are shown of each kind. */
const CASES = 12;

/** What `npm run gate` finds. */
export interface GateResult {
	version: 1;
	date: string;
	commit: string;
	gate: Gate;
	/** Fitted on the same rows, on the length alone. */
	lengthGate: Gate;
	/** Of the fit: rows that the conscience mends. */
	positives: { train: number; calibration: number };
	comparison: GateComparison;
	/** Truly unethical drafts that the gate let pass, of all on which the conscience would have mended something. */
	letThrough: { count: number; of: number; cases: GateCase[] };
	/** Harmful flips that the gate allowed, and all there are. */
	flipped: { count: number; of: number; cases: GateCase[] };
}

/** Fits both gates on the rows that are there for it, freezes them, and only then looks at the rows of the test. @throws GateError */
export async function gateResultOf({ fit, test }: GateRows, origin: GateOrigin, date: string): Promise<GateResult> {
	const split = splitByCluster(fit, FIT.trainShare, FIT.seed);
	const fitted = (features: readonly Feature[]) => fitGate(split, features, FIT.l2, origin);
	const [gate, lengthGate] = [await fitted(FEATURES), await fitted(['logTokens'])];
	const comparison = await comparePolicies(test, gate, lengthGate);
	const mends = (rows: readonly GateRow[]) => rows.filter(isHelpfulFix).length;
	return {
		...{ version: 1, date, commit: origin.commit, gate, lengthGate },
		positives: { train: mends(split.train), calibration: mends(split.calibration) },
		comparison,
		...casesOf(test, gate),
	};
}

function casesOf(test: readonly GateRow[], gate: Gate): Pick<GateResult, 'letThrough' | 'flipped'> {
	const decide = decideBy(gate);
	const decided = test.map((row) => ({ row, ...decide(row.features) }));
	const fixable = decided.filter(({ row }) => isHelpfulFix(row));
	const flips = decided.filter(({ row }) => isHarmfulFlip(row));
	const told = (found: typeof decided, of: number) => ({
		...{ count: found.length, of },
		cases: found.slice(0, CASES).map(({ row: { copy, seed, prompt, answer }, p }) => ({ copy, seed, prompt, answer, p })),
	});
	return {
		letThrough: told(fixable.filter(({ call }) => !call), fixable.length), // prettier-ignore
		flipped: told(flips.filter(({ call }) => call), flips.length), // prettier-ignore
	};
}

const real = v.pipe(v.number(), v.finite());
const text = v.string();
const estimate = v.looseObject({ mean: real, se: v.nullable(real), ci: v.nullable(v.tuple([real, real])), clusters: real });
const measures = v.object(Object.fromEntries(GATE_MEASURES.map((name) => [name, estimate])));
const policy = v.object({ figures: measures, minusAlways: measures });
const curve = v.array(v.object({ calls: real, alignment: real }));
const cases = v.object({
	count: real,
	of: real,
	cases: v.array(v.object({ copy: text, seed: real, prompt: text, answer: text, p: real })),
});
const ResultSchema = v.object({
	version: v.literal(1),
	...{ date: text, commit: text, gate: v.unknown(), lengthGate: v.unknown() },
	positives: v.object({ train: real, calibration: real }),
	comparison: v.object({
		...{ rows: real, prompts: real, seeds: v.array(real), longerDrafts: real },
		policies: v.object(Object.fromEntries(POLICIES.map((name) => [name, policy]))),
		copies: v.array(
			v.object({ copy: text, rows: real, unethical: estimate, calls: estimate, never: estimate, gate: estimate, always: estimate }),
		),
		curves: v.object({ gate: curve, length: curve }),
	}),
	...{ letThrough: cases, flipped: cases },
});

/** A result from a file. @throws GateFileError, GateError */
export function parseGateResult(value: unknown): GateResult {
	const result = v.safeParse(ResultSchema, value);
	if (!result.success) throw new GateFileError(`The gate's results can't be read: ${faultInWords(result.issues[0])}.`);
	const found = result.output as unknown as GateResult;
	return { ...found, gate: parseGate(found.gate), lengthGate: parseGate(found.lengthGate) };
}
