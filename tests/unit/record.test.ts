import { expect, test } from 'vitest';

import { verdictOf } from '$lib/conscience/judge';
import type { EvaluationRow } from '$lib/evaluation/evaluation';
import { summarize } from '$lib/evaluation/evaluate';
import { presetById } from '$lib/experiment/presets';
import { summarizeRuns } from '$lib/experiment/record';

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
	expect(difference!.metrics.alignment!.clusters).toBe(2);
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
