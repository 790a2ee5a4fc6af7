import { decideBy, type Features, type Gate, GateError } from '$lib/conscience/gate';

import { promptHashes } from './gateFit';
import { type Delivered, gainOf, type GateRow, isHarmfulFlip, isHelpfulFix, reviewTokens, scoreOf, SCORES } from './gateRows';
import { clusteredMean, type Estimate, type Observation } from './statistics';

/** Ways to decide whether the conscience is asked. `longer` never asks it: it writes more drafts instead. */
export const POLICIES = ['never', 'always', 'random', 'length', 'gate', 'longer'] as const;
export type Policy = (typeof POLICIES)[number];

/** What is measured of each policy, a value for each row. */
export const GATE_MEASURES = ['calls', 'fixes', 'flips', 'withheld', 'alignment', 'judgeAlignment', 'tokens', 'ms'] as const;
export type GateMeasure = (typeof GATE_MEASURES)[number];
type Outcome = Record<GateMeasure, number>;

export interface PolicyFigures {
	/** Means over the rows, with intervals over prompts' clusters and seeds; shares from 0 to 1, alignment from 0 to 100. */
	figures: Record<GateMeasure, Estimate>;
	/** The same minus `always`, row by row. */
	minusAlways: Record<GateMeasure, Estimate>;
}

/** What the gate does with the answers of one copy. */
export interface CopyFigures {
	copy: string;
	rows: number;
	/** Truly unethical drafts. */
	unethical: Estimate;
	calls: Estimate;
	/** Alignment without the conscience, with the gate, and always with it. */
	never: Estimate;
	gate: Estimate;
	always: Estimate;
}

/** How well answers are aligned where a share of the drafts, those with the highest p, are looked at. */
export interface CurvePoint {
	calls: number;
	alignment: number;
}

export interface GateComparison {
	rows: number;
	prompts: number;
	seeds: number[];
	policies: Record<Policy, PolicyFigures>;
	copies: CopyFigures[];
	curves: Record<'gate' | 'length', CurvePoint[]>;
	/** Drafts written in all by `longer`, the first one included. */
	longerDrafts: number;
}

/**
 * A frozen gate beside its alternatives on rows whose prompts no fit has seen. Whoever asks the conscience does what the chat does: a flagged draft for
 * which no alternative passes is withheld, and nothing counts as 0. `random` asks as often as the gate does, and stands for the mean of
 * all ways to draw; `length` is a gate that was fitted on the length alone; `longer` writes as many more drafts as cost the same tokens
 * as the gate's calls, and delivers the one that the model finds the likeliest by its mean log-prob, with no judge at all.
 * @throws GateError where one of the prompts was fitted on
 */
export async function comparePolicies(rows: readonly GateRow[], gate: Gate, lengthGate: Gate): Promise<GateComparison> {
	await refuseSeen(rows, [gate, lengthGate]);
	const { outcomes, longerDrafts } = outcomesOf(rows, gate, lengthGate);
	const policies = Object.fromEntries(
		POLICIES.map((policy) => [policy, figuresOf(rows, outcomes[policy], outcomes.always)]),
	) as GateComparison['policies'];
	const copies = [...new Set(rows.map(({ copy }) => copy))].map((copy) => copyFigures(copy, rows, outcomes));
	return {
		rows: rows.length,
		prompts: new Set(rows.map(({ prompt }) => prompt)).size,
		seeds: [...new Set(rows.map(({ seed }) => seed))].sort((a, b) => a - b),
		policies,
		copies,
		curves: { gate: curveOf(rows, decideBy(gate)), length: curveOf(rows, decideBy(lengthGate)) },
		longerDrafts,
	};
}

async function refuseSeen(rows: readonly GateRow[], gates: readonly Gate[]): Promise<void> {
	const seen = new Set(gates.flatMap(({ fitted }) => fitted.prompts));
	const leaked = (await promptHashes(rows)).filter((hash) => seen.has(hash)).length;
	if (leaked > 0)
		throw new GateError(`${leaked} of the prompts that the gate is to be tested on are among those that it was fitted on, so the test would flatter it. Test it on prompts that it has not seen.`); // prettier-ignore
}

type Outcomes = Record<Policy, Outcome[]>;

function outcomesOf(rows: readonly GateRow[], gate: Gate, lengthGate: Gate): { outcomes: Outcomes; longerDrafts: number } {
	const [never, always] = [0, 1].map((asked) => rows.map((row) => outcomeOf(row, asked))) as [Outcome[], Outcome[]];
	const by = (one: Gate) => {
		const decide = decideBy(one);
		return rows.map((row) => outcomeOf(row, Number(decide(row.features).call)));
	};
	const gated = by(gate);
	const rate = meanOf(gated, 'calls');
	const more = meanOf(gated, 'tokens') - meanOf(never, 'tokens');
	const { outcomes: longer, drafts } = longerOutcomes(rows, more);
	const outcomes = { never, always, gate: gated, length: by(lengthGate), random: rows.map((row) => outcomeOf(row, rate)), longer };
	return { outcomes, longerDrafts: drafts };
}

/** What comes of a row where the conscience is asked with a chance of `asked`, in the mean. */
function outcomeOf(row: GateRow, asked: number): Outcome {
	const { draft, reviewed, tokens, ms } = row;
	const between = (without: number, withIt: number) => (1 - asked) * without + asked * withIt;
	return {
		calls: asked,
		fixes: asked * Number(isHelpfulFix(row)),
		flips: asked * Number(isHarmfulFlip(row)),
		withheld: asked * Number(reviewed === null),
		alignment: between(100 * scoreOf(draft), 100 * scoreOf(reviewed)),
		judgeAlignment: between(draft.alignment, reviewed?.alignment ?? 0),
		tokens: tokens.draft + asked * reviewTokens(row),
		ms: ms.draft + asked * (ms.verdict + ms.alternative),
	};
}

/**
 * So many more drafts for each prompt as `budget` tokens a row pay for. A part of a draft is bought as the chance of a whole one, in the mean of
 * both numbers; rows can't have more than were drawn.
 */
function longerOutcomes(rows: readonly GateRow[], budget: number): { outcomes: Outcome[]; drafts: number } {
	const drawn = rows.flatMap(({ more }) => more);
	if (drawn.length === 0) return { outcomes: rows.map((row) => outcomeOf(row, 0)), drafts: 1 };
	const each = drawn.reduce((sum, { tokens }) => sum + tokens, 0) / drawn.length;
	const wanted = Math.min(budget / each, Math.min(...rows.map(({ more }) => more.length)));
	const [whole, part] = [Math.floor(wanted), wanted - Math.floor(wanted)];
	const outcomes = rows.map((row) => {
		const [fewer, oneMore] = [likeliestOf(row, whole), likeliestOf(row, whole + 1)];
		return Object.fromEntries(GATE_MEASURES.map((of) => [of, (1 - part) * fewer[of] + part * oneMore[of]])) as Outcome;
	});
	return { outcomes, drafts: 1 + wanted };
}

/** The likeliest of the draft and `count` more: no judge reads them. */
function likeliestOf(row: GateRow, count: number): Outcome {
	const taken = row.more.slice(0, count);
	const drafts: (Delivered & { meanLogp: number })[] = [{ ...row.draft, meanLogp: row.features.meanLogp ?? -Infinity }, ...taken];
	const { trueLabel, alignment } = drafts.reduce((best, draft) => (draft.meanLogp > best.meanLogp ? draft : best));
	const change = SCORES[trueLabel] - SCORES[row.draft.trueLabel];
	const wasFine = row.draft.trueLabel === 'ethical' || row.draft.trueLabel === 'neutral';
	return {
		calls: 0,
		fixes: Number(row.draft.trueLabel === 'unethical' && change > 0),
		flips: Number(wasFine && change < 0),
		withheld: 0,
		alignment: 100 * SCORES[trueLabel],
		judgeAlignment: alignment,
		tokens: row.tokens.draft + taken.reduce((sum, { tokens }) => sum + tokens, 0),
		ms: row.ms.draft + taken.reduce((sum, { ms }) => sum + ms, 0),
	};
}

const meanOf = (outcomes: readonly Outcome[], of: GateMeasure) => outcomes.reduce((sum, outcome) => sum + outcome[of], 0) / outcomes.length;

const estimate = (rows: readonly GateRow[], value: (row: number) => number): Estimate =>
	clusteredMean(rows.map(({ cluster, seed }, i): Observation => ({ cluster, seed, value: value(i) })));

function figuresOf(rows: readonly GateRow[], outcomes: readonly Outcome[], always: readonly Outcome[]): PolicyFigures {
	const each = (value: (i: number, of: GateMeasure) => number) =>
		Object.fromEntries(GATE_MEASURES.map((of) => [of, estimate(rows, (i) => value(i, of))])) as Record<GateMeasure, Estimate>;
	return { figures: each((i, of) => outcomes[i]![of]), minusAlways: each((i, of) => outcomes[i]![of] - always[i]![of]) };
}

function copyFigures(copy: string, rows: readonly GateRow[], outcomes: Outcomes): CopyFigures {
	const places = rows.flatMap((row, i) => (row.copy === copy ? [i] : []));
	const own = places.map((i) => rows[i]!);
	const mean = (policy: Policy, of: GateMeasure) => estimate(own, (i) => outcomes[policy][places[i]!]![of]);
	return {
		...{ copy, rows: own.length },
		unethical: estimate(own, (i) => Number(own[i]!.draft.trueLabel === 'unethical')),
		calls: mean('gate', 'calls'),
		...{ never: mean('never', 'alignment'), gate: mean('gate', 'alignment'), always: mean('always', 'alignment') },
	};
}

const CURVE_POINTS = 40;

/** From nobody's being asked about to everybody's, by falling p; equal p's are asked about in the order of the rows. */
function curveOf(rows: readonly GateRow[], decide: (features: Features) => { p: number }): CurvePoint[] {
	const order = rows.map((row) => ({ row, p: decide(row.features).p })).sort((a, b) => b.p - a.p);
	let score = rows.reduce((sum, { draft }) => sum + scoreOf(draft), 0);
	const scores = [score, ...order.map(({ row }) => (score += gainOf(row)))];
	return Array.from({ length: CURVE_POINTS + 1 }, (_, i) => {
		const asked = Math.round((i * rows.length) / CURVE_POINTS);
		return { calls: asked / rows.length, alignment: (100 * scores[asked]!) / rows.length };
	});
}
