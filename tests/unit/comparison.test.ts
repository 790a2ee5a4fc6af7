import { expect, test } from 'vitest';

import { verdictOf } from '$lib/conscience/judge';
import { summarize } from '$lib/evaluation/evaluate';
import type { MidRunChange } from '$lib/experiment/events';
import { presetById } from '$lib/experiment/presets';
import type { ArmId, Experiment } from '$lib/experiment/schema';
import { compare, type ComparedRun, differingFields, type Pairing, seedGroups } from '$lib/state/comparison';
import type { RowsIdentity } from '$lib/state/opened';

const judge = { engine: 'oracle', model: 'test', revision: '0' } as const;
const twin = presetById('twin').experiment;

/** A run whose answers after step 9 have these scores, from 0 to 1, one for each question. */
function run(letter: string, arm: ArmId, scores: number[] | null, changes: Partial<Experiment> = {}, questions = 'q'): ComparedRun {
	const evaluations = scores ? [evaluation(9, scores, questions)] : [];
	return { letter, arm, experiment: { ...twin, ...changes }, changes: [], rows: null, evaluations, overhead: null };
}

function evaluation(step: number, scores: readonly number[], questions = 'q') {
	const rows = scores.map((ethical, i) => {
		const id = `${questions}${i}`;
		const verdict = verdictOf([ethical, 0, 1 - ethical]);
		const facts = { sample: 0, answer: '', trueLabel: verdict.label, wellFormed: true, code: false, refusal: false };
		return { question: id, questionId: id, cluster: id, verdict, ...facts };
	});
	return summarize(step, judge, rows, []);
}

const lambda = (step: number, to: number): MidRunChange => ({ step, changes: [{ path: 'conscience.lambda', from: 1, to }] });
const rowsOf = (digest: string): RowsIdentity => ({ fileName: 'mine.jsonl', count: 3, digest });
const own = { data: { ...twin.data, source: 'rows' as const } };
const hindranceOf = (pairing: Pairing | undefined) => (pairing as { hindrance: string }).hindrance;

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
	expect(hindranceOf(pairings[0])).toMatch(reason);
});

test('several seeds of two arms are paired seed by seed', () => {
	const runs = [1, 2, 3].flatMap((seed) => [run(`P${seed}`, 'sft', [0.1 * seed, 0.2], { seed }), run(`C${seed}`, 'emergent-alignment', [0.9, 1], { seed })]); // prettier-ignore
	const [pairing] = compare(runs, null).pairings;
	expect(pairing).toMatchObject({ group: { name: 'C1, C2, C3' }, difference: { seeds: [1, 2, 3] } });
});

test('runs that were changed in mid-run in other ways, or at other steps, are not of one group', () => {
	const conscience = (letter: string, seed: number, changes: MidRunChange[]) => ({
		...run(letter, 'emergent-alignment', [1], { seed }),
		changes,
	});
	const runs = [
		conscience('A', 1, []),
		conscience('B', 2, [lambda(5, 0.2)]),
		conscience('C', 3, [lambda(5, 0.2)]),
		conscience('D', 4, [lambda(5, 0.4)]),
		conscience('E', 5, [lambda(6, 0.2)]),
		conscience('F', 6, []),
	];
	expect(seedGroups(runs).map(({ name }) => name)).toEqual(['A, F', 'B, C', 'D', 'E']);
	const changes = differingFields(runs.slice(0, 3)).find(({ path }) => path === 'changes');
	expect(changes!.values).toEqual([[], [lambda(5, 0.2)], [lambda(5, 0.2)]]);
});

test('a change of the conscience is none for a copy without one', () => {
	const changed = { ...run('A', 'sft', [1]), changes: [lambda(5, 0.2)] };
	const runs = [changed, run('B', 'sft', [1], { seed: 2 })];
	expect(seedGroups(runs).map(({ name }) => name)).toEqual(['A, B']);
	expect(differingFields(runs).map(({ path }) => path)).toEqual(['seed']);
	const rate = { step: 5, changes: [{ path: 'optimizer.learningRate', from: 0.1, to: 0.2 }] };
	expect(seedGroups([{ ...changed, changes: [rate] }, runs[1]!])).toHaveLength(2);
});

test('runs of other own rows are not of one group; where the rows are not known, they may be any', () => {
	const learnt = (letter: string, seed: number, rows: RowsIdentity | null) => ({ ...run(letter, 'sft', [1], { ...own, seed }), rows });
	const same = { ...rowsOf('aa'), fileName: 'copy of mine.jsonl' };
	const runs = [
		learnt('A', 1, rowsOf('aa')),
		learnt('B', 2, rowsOf('bb')),
		learnt('C', 3, same),
		learnt('D', 4, null),
		learnt('E', 5, null),
	];
	expect(seedGroups(runs).map(({ name }) => name)).toEqual(['A, C', 'B', 'D', 'E']);
	expect(differingFields(runs.slice(0, 2)).find(({ path }) => path === 'rows')!.values).toEqual([rowsOf('aa'), rowsOf('bb')]);
	expect(differingFields([runs[0]!, runs[2]!]).map(({ path }) => path)).toEqual(['seed']);
	expect(differingFields(runs.slice(3)).find(({ path }) => path === 'rows')!.values).toEqual([null, null]); // nobody knows whether they are the same
	expect(differingFields([runs[0]!, run('F', 'sft', [1])]).find(({ path }) => path === 'rows')!.values).toEqual([rowsOf('aa'), undefined]);
});

/** Evaluated after these steps, better with every step. */
const upTo = (letter: string, arm: ArmId, steps: readonly number[], changes: Partial<Experiment> = {}): ComparedRun => ({
	...run(letter, arm, null, changes),
	evaluations: steps.map((step) => evaluation(step, [0.1 + step / 1000, 0.2 + step / 1000])),
});

test('a run that was broken off is compared where the other was then, and what went further is named', () => {
	const [finished, broken] = [upTo('A', 'sft', [0, 20, 40, 120]), upTo('B', 'emergent-alignment', [0, 20])];
	const [pairing] = compare([finished, broken], null).pairings;
	expect(pairing).toMatchObject({ step: 20, beyond: [{ letter: 'A' }] });
	const { difference } = pairing as { difference: { metrics: Record<string, { mean: number }> } };
	expect(difference.metrics.alignment!.mean).toBeCloseTo(0, 10); // and not 20 − 120 steps, which would be −10

	const [whole] = compare([finished, upTo('B', 'emergent-alignment', [0, 20, 40, 120])], null).pairings;
	expect(whole).toMatchObject({ step: 120, beyond: [] });
});

test('a run whose seed has no partner does not hold the others back', () => {
	const runs = [upTo('A', 'sft', [0, 120]), upTo('B', 'sft', [0], { seed: 2 }), upTo('C', 'emergent-alignment', [0, 120])];
	expect(compare(runs, null).pairings).toMatchObject([{ group: { name: 'C' }, step: 120, beyond: [] }]);
});

test('of two evaluations of one step the final one counts', () => {
	const twice = { ...run('B', 'emergent-alignment', null), evaluations: [evaluation(9, [0, 0]), evaluation(9, [1, 1])] };
	const [pairing] = compare([run('A', 'sft', [0.5, 0.5]), twice], null).pairings;
	expect((pairing as { difference: { metrics: Record<string, { mean: number }> } }).difference.metrics.alignment!.mean).toBeCloseTo(50, 10);
});

test('runs that have only their beginning in common are not compared at it', () => {
	const [pairing] = compare([upTo('A', 'sft', [0, 50]), upTo('B', 'emergent-alignment', [0, 20])], null).pairings;
	expect(hindranceOf(pairing)).toMatch(/different steps \(B after step 20, A after step 50\).*Let the shorter one go on/);
	const [unbegun] = compare([upTo('A', 'sft', [0]), upTo('B', 'emergent-alignment', [0])], null).pairings;
	expect(unbegun).toMatchObject({ step: 0 });
});
