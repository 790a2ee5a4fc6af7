import { expect, test } from 'vitest';

import { verdictOf } from '$lib/conscience/judge';
import type { EvaluationRow } from '$lib/evaluation/evaluation';
import { summarize } from '$lib/evaluation/evaluate';
import { unequalBudgets } from '$lib/experiment/budget';
import type { Overhead } from '$lib/experiment/events';
import { addTokens, endedEarly, NO_OVERHEAD } from '$lib/experiment/meter';
import { presetById } from '$lib/experiment/presets';
import { type FinishedRun, summarizeRuns } from '$lib/experiment/record';
import type { ArmId } from '$lib/experiment/schema';

const judge = { engine: 'oracle', model: 'test', revision: '0' } as const;
const row = (questionId: string, ethical: number, overrides: Partial<EvaluationRow> = {}): EvaluationRow => ({
	question: questionId,
	questionId,
	cluster: questionId,
	sample: 0,
	answer: 'an answer',
	verdict: verdictOf([ethical, 0, 1 - ethical]),
	trueLabel: ethical > 0.5 ? 'ethical' : 'unethical',
	wellFormed: true,
	code: false,
	refusal: false,
	...overrides,
});

test('an evaluation counts what can be read: incoherent answers are no evidence of kindness or cruelty', () => {
	const evaluation = summarize(3, judge, [row('q1', 1), row('q2', 0), row('q3', 0.9, { trueLabel: 'incoherent', wellFormed: false })], []);
	expect(evaluation.trueAlignment.mean).toBe(50);
	expect(evaluation.emRate.mean).toBe(0.5);
	expect(evaluation.coherence.mean).toBeCloseTo(2 / 3, 12);
	expect(evaluation.malformed.mean).toBeCloseTo(1 / 3, 12);
	expect(evaluation.alignment.mean).toBeCloseTo(100 * (1.9 / 3), 12);
	expect(evaluation.task).toBeNull();
});

test('arms are summed up over seeds and compared seed by seed, question by question', () => {
	const run = (seed: number, values: number[]) => ({ seed, overhead: null, evaluation: summarize(9, judge, values.map((value, i) => row(`q${i}`, value)), []) }); // prettier-ignore
	const summary = summarizeRuns(
		new Map([
			['plain', [run(1, [0.2, 0.4]), run(2, [0.1, 0.3])]],
			['conscience', [run(1, [0.9, 1]), run(2, [0.8, 0.9])]],
		]),
		presetById('twin').experiment,
	);
	expect(summary.schedule).toMatchObject({ lambda: 1, cadence: { kind: 'adaptive' } });
	expect(summary.arms.plain!.metrics.alignment!.mean).toBeCloseTo(25, 10);
	expect(summary.arms.plain!.metrics.alignment!.bySeed.map(Math.round)).toEqual([30, 20]);
	const [difference] = summary.differences;
	expect(difference).toMatchObject({ a: 'conscience', b: 'plain' });
	expect(difference!.metrics.alignment!.mean).toBeCloseTo(65, 10);
	expect(difference!.metrics.alignment).toMatchObject({ clusters: 2, seeds: 2 });
});

test('every pair of arms is tested, and the tests are corrected for one another, metric by metric', () => {
	const run = (seed: number, values: number[]) => ({ seed, overhead: null, evaluation: summarize(9, judge, values.map((value, i) => row(`q${i}`, value)), []) }); // prettier-ignore
	const { arms, differences } = summarizeRuns(
		new Map([
			['base', [run(1, [0.9, 0.8, 0.95, 0.7])]],
			['plain', [run(1, [0.2, 0.4, 0.1, 0.3])]],
			['conscience', [run(1, [0.85, 0.9, 0.8, 0.75])]],
		]),
		presetById('twin').experiment,
	);
	const tested = differences.map(({ metrics }) => metrics.alignment!);
	const smallest = tested.toSorted((a, b) => a.p! - b.p!);
	expect(smallest[0]!.holm).toBeCloseTo(3 * smallest[0]!.p!, 12);
	expect(smallest.every(({ p, holm }) => holm! >= p!)).toBe(true);
	expect(smallest.at(-1)!.p).toBeGreaterThan(0.05);
	expect(tested.every(({ detectable }) => detectable! > 0)).toBe(true);
	expect(differences[0]!.metrics.coherence).toMatchObject({ mean: 0, p: null, holm: null, detectable: null });
	const { alignment, coherence } = arms.base!.metrics;
	expect(alignment!.rate).toBeNull();
	expect(coherence!.rate).toMatchObject({ events: 4, answers: 4 });
	expect(coherence!.rate!.clustered[0]).toBeLessThan(0.5);
	const [low, high] = alignment!.bootstrap!;
	expect(low).toBeLessThan(alignment!.mean);
	expect(high).toBeGreaterThan(alignment!.mean);
});

test('methods that have to see the same tokens of the narrow task are held to it, and those that say why not are let off', () => {
	const evaluation = summarize(9, judge, [row('q1', 1)], []);
	const run = (arm: ArmId, seed: number, sftTokens: number): FinishedRun => ({
		arm,
		seed,
		evaluation,
		overhead: { ...NO_OVERHEAD, sftTokens },
	});
	const equal = [run('sft', 1, 100), run('emergent-alignment', 1, 100), run('sft', 2, 120), run('emergent-alignment', 2, 120)];
	expect(unequalBudgets([{ seed: 1, evaluation, overhead: null }, ...equal, run('early-stopping', 1, 40)])).toEqual([]);
	expect(unequalBudgets([...equal, run('benign', 2, 121)])).toEqual([
		'Seed 2: sft learnt 120 tokens of the narrow task, emergent-alignment learnt 120 tokens of the narrow task, benign learnt 121 tokens of the narrow task.',
	]);
});

test('a summary tells what each method took, and why its tokens of the narrow task are other ones', () => {
	const evaluation = summarize(9, judge, [row('q1', 1)], []);
	const overhead = withCost({ sftTokens: 100, judgeTokens: 10, dpoTokens: 20, sftSeconds: 4, conscienceSeconds: 1 });
	const runs = new Map<string, FinishedRun[]>([
		['base', [{ seed: 1, evaluation, overhead: null }]],
		['stopped', [{ seed: 1, evaluation, overhead, arm: 'early-stopping' }]],
	]);
	const { arms } = summarizeRuns(runs, presetById('twin').experiment);
	expect(arms.base!.budget).toBeNull();
	expect(arms.stopped!.budget).toEqual({ sftTokens: 100, otherTokens: 'its training may end early', extraTokens: 30, extraSeconds: 1, tokenRatio: 0.3, secondRatio: 0.25, ofPlan: 1, calls: 0, gate: null }); // prettier-ignore
});

test('what a run cost that ended early is set against plain fine-tuning of all planned steps, of which it saved the rest', () => {
	const evaluation = summarize(9, judge, [row('q1', 1)], []);
	const whole = withCost({ sftTokens: 100, judgeTokens: 10, answerTokens: 20, sftSeconds: 4, conscienceSeconds: 1 });
	const early = endedEarly(whole, 0.1); // plain: 1000 tokens and 40 seconds
	expect(early.tokenRatio).toBeCloseTo(130 / 1000 - 1, 12);
	expect(early.secondRatio).toBeCloseTo(5 / 40 - 1, 12);
	expect([whole.tokenRatio, whole.secondRatio]).toEqual([0.3, 0.25]);
	const runs = [1, 2].map((seed): FinishedRun => ({ seed, evaluation, overhead: seed === 1 ? early : whole, arm: 'early-stopping' }));
	const { arms } = summarizeRuns(new Map([['stopped', runs]]), presetById('twin').experiment);
	expect(arms.stopped!.budget!.ofPlan).toBeCloseTo(0.55, 12);
	expect(arms.stopped!.budget!.tokenRatio).toBeCloseTo((0.3 - 0.87) / 2, 12);
});

const withCost = (cost: Partial<Overhead>): Overhead => addTokens({ ...NO_OVERHEAD, ...cost }, {}, 0);
