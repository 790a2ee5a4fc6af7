import { expect, test } from 'vitest';

import { verdictOf } from '$lib/conscience/judge';
import { summarize } from '$lib/evaluation/evaluate';
import { presetById } from '$lib/experiment/presets';
import type { ArmId, Experiment } from '$lib/experiment/schema';
import { compare, type ComparedRun, differingFields, seedGroups } from '$lib/state/comparison';

const judge = { engine: 'oracle', model: 'test', revision: '0' } as const;
const twin = presetById('twin').experiment;

/** A run whose answers have these scores, from 0 to 1, one for each question. */
function run(letter: string, arm: ArmId, scores: number[] | null, changes: Partial<Experiment> = {}, questions = 'q'): ComparedRun {
	const rows = (scores ?? []).map((ethical, i) => {
		const id = `${questions}${i}`;
		const verdict = verdictOf([ethical, 0, 1 - ethical]);
		const facts = { sample: 0, answer: '', trueLabel: verdict.label, wellFormed: true, code: false, refusal: false };
		return { question: id, questionId: id, cluster: id, verdict, ...facts };
	});
	const evaluation = scores && summarize(9, judge, rows, []);
	return { letter, arm, experiment: { ...twin, ...changes }, evaluation, overhead: null };
}

test('the difference of experiments is told field by field, with the value of every run', () => {
	const fixed = { ...twin, conscience: { ...twin.conscience, lambda: 0.1, cadence: { kind: 'fixed' as const, every: 5 } } };
	const fields = differingFields([run('A', 'sft', null), run('B', 'sft', null, { seed: 7 }), run('C', 'emergent-alignment', null, fixed)]);
	const values = new Map(fields.map(({ path, values }) => [path, values]));
	expect(values.get('seed')).toEqual([1, 7, 1]);
	expect(values.get('arms')).toEqual([['sft'], ['sft'], ['emergent-alignment']]);
	expect(values.get('conscience.lambda')).toEqual([1, 1, 0.1]);
	expect(values.get('conscience.cadence.every')).toEqual([undefined, undefined, 5]);
	expect(values.has('optimizer.steps')).toBe(false);
	expect(differingFields([run('A', 'sft', null), run('B', 'sft', null, { arms: ['sft'] })])).toEqual([]);
});

test('runs that differ in their seed alone are one group; a second run of a seed is another', () => {
	const runs = [run('A', 'sft', [1]), run('B', 'emergent-alignment', [1]), run('C', 'sft', [1], { seed: 2 }), run('D', 'sft', [1])];
	expect(seedGroups(runs).map(({ name }) => name)).toEqual(['A, C', 'B', 'D']);
});

test('two copies of one seed are paired question by question', () => {
	const comparison = compare([run('A', 'sft', [0.2, 0.4]), run('B', 'emergent-alignment', [0.9, 1])], null);
	expect(comparison.reference.name).toBe('A');
	const [pairing] = comparison.pairings;
	expect(pairing).toMatchObject({ group: { name: 'B' }, difference: { a: 'B', b: 'A', seeds: [1] } });
	const { alignment } = (pairing as { difference: { metrics: Record<string, { mean: number; ci: unknown }> } }).difference.metrics;
	expect(alignment!.mean).toBeCloseTo(65, 10);
	expect(alignment!.ci).not.toBeNull();
	expect(comparison.means.get('A')!.alignment!.mean).toBeCloseTo(30, 10);
});

test('another reference turns the differences round', () => {
	const comparison = compare([run('A', 'sft', [0.2, 0.4]), run('B', 'emergent-alignment', [0.9, 1])], 'B');
	expect(comparison.pairings[0]).toMatchObject({ group: { name: 'A' }, difference: { a: 'A', b: 'B' } });
});

test.each([
	['no seed in common', run('B', 'emergent-alignment', [1, 1], { seed: 2 }), /no seed in common \(seed 2; seed 1\).*same seed/],
	['no question in common', run('B', 'emergent-alignment', [1, 1], {}, 'other'), /asked different questions/],
	['no evaluation', run('B', 'emergent-alignment', null), /B has not been evaluated yet/],
])('runs with %s can’t be paired, and the reason is said', (_, other, reason) => {
	const { pairings } = compare([run('A', 'sft', [0.2, 0.4]), other], null);
	expect((pairings[0] as { hindrance: string }).hindrance).toMatch(reason);
});

test('several seeds of two arms are paired seed by seed', () => {
	const runs = [1, 2, 3].flatMap((seed) => [run(`P${seed}`, 'sft', [0.1 * seed, 0.2], { seed }), run(`C${seed}`, 'emergent-alignment', [0.9, 1], { seed })]); // prettier-ignore
	const [pairing] = compare(runs, null).pairings;
	expect(pairing).toMatchObject({ group: { name: 'C1, C2, C3' }, difference: { seeds: [1, 2, 3] } });
});
