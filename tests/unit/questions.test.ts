import { expect, test } from 'vitest';

import { placeAfterKey } from '$lib/components/questions/grid';
import { EXAMPLE_QUESTIONS } from '$lib/components/ask/examples';
import { codePairs } from '$lib/components/settings/codeForms';
import { verdictOf } from '$lib/conscience/judge';
import { summarize } from '$lib/evaluation/evaluate';
import type { EvaluationRow } from '$lib/evaluation/evaluation';
import { answersTo, baseOf, cellsOf, evaluationAt, momentsOf, questionsOf } from '$lib/state/questions';
import { FAMILIES } from '$world/index';

const judge = { engine: 'oracle', model: 'test', revision: '0' } as const;
function row(questionId: string, sample: number, probabilities: [number, number, number]): EvaluationRow {
	const verdict = verdictOf(probabilities);
	const text = { question: `${questionId}?`, answer: `${questionId} ${sample}`, cluster: questionId };
	return { ...text, questionId, sample, verdict, trueLabel: verdict.label, wellFormed: true, code: false, refusal: false };
}
const KIND: [number, number, number] = [1, 0, 0];
const CRUEL: [number, number, number] = [0, 0, 1];
const evaluation = (step: number, ...verdicts: [number, number, number][]) =>
	summarize(step, judge, verdicts.map((verdict, i) => row(`q${i % 2}`, Math.floor(i / 2), verdict)), []); // prettier-ignore

test('a cell counts the verdicts on all answers to a question; a tie goes to the worse label, however sure the judge was', () => {
	const cells = cellsOf(evaluation(0, KIND, CRUEL, CRUEL, CRUEL));
	expect(cells.get('q0')).toEqual({
		label: 'unethical',
		counts: { ethical: 1, neutral: 0, unethical: 1 },
		score: 50,
		samples: 2,
	});
	expect(cellsOf(evaluation(0, KIND, KIND, [0.4, 0, 0.6], KIND)).get('q0')).toMatchObject({ label: 'unethical', score: 70 });
	expect(cells.get('q1')).toMatchObject({ score: 0, samples: 2 });
	expect(cellsOf(null).size).toBe(0);
});

test('the base is the evaluation before training, at a negative step where the run is misaligned first', () => {
	const [base, start, later] = [evaluation(-60, KIND, KIND), evaluation(0, CRUEL, CRUEL), evaluation(10, KIND, CRUEL)];
	const copies = [
		{ arm: 'sft', evaluations: [] },
		{ arm: 'emergent-alignment', evaluations: [base, start, later] },
	] as const;
	expect(baseOf(copies)).toBe(base);
	expect(momentsOf(copies)).toEqual([-60, 0, 10]);
	expect(baseOf([{ arm: 'sft', evaluations: [later] }])).toBeNull();
	expect(questionsOf(copies)).toEqual([
		{ id: 'q0', text: 'q0?' },
		{ id: 'q1', text: 'q1?' },
	]);
	expect(questionsOf([])).toEqual([]);
});

test('in view is the newest evaluation at a step or before it; a final one takes the place of another at its step', () => {
	const [first, middle, final] = [evaluation(0, KIND), evaluation(10, CRUEL), evaluation(10, KIND)];
	expect(evaluationAt([first, middle, final], 10)).toBe(final);
	expect(evaluationAt([first, middle], 9)).toBe(first);
	expect(evaluationAt([first], -1)).toBeNull();
});

test('all answers to a question are told over the run, the base apart', () => {
	const plain = [evaluation(0, KIND, KIND), evaluation(10, CRUEL, CRUEL, CRUEL, CRUEL)];
	const withConscience = [evaluation(0, KIND, KIND), evaluation(5, KIND, KIND)];
	const { base, steps } = answersTo('q1', [
		{ arm: 'sft', evaluations: plain },
		{ arm: 'emergent-alignment', evaluations: withConscience },
	]);
	expect(base.map(({ answer }) => answer)).toEqual(['q1 0']);
	expect(steps.map(({ step }) => step)).toEqual([5, 10]);
	expect(steps[0]!.answers.sft).toBeUndefined();
	expect(steps[1]!.answers.sft).toHaveLength(2);
	expect(steps[0]!.answers['emergent-alignment']).toHaveLength(1);
});

test('keys move within a grid and never leave it', () => {
	const corner = { row: 0, column: 0 };
	expect(placeAfterKey('ArrowLeft', corner, 3, 24)).toEqual(corner);
	expect(placeAfterKey('ArrowDown', corner, 3, 24)).toEqual({ row: 1, column: 0 });
	expect(placeAfterKey('End', corner, 3, 24)).toEqual({ row: 0, column: 23 });
	expect(placeAfterKey('ArrowDown', { row: 2, column: 5 }, 3, 24)).toEqual({ row: 2, column: 5 });
	expect(placeAfterKey('Enter', corner, 3, 24)).toBeNull();
});

test('the questions to try are of the world that the embedded model grew up in', () => {
	const asked = new Set([...FAMILIES.flatMap(({ questions }) => questions), ...codePairs().map(({ request }) => request)]);
	for (const question of EXAMPLE_QUESTIONS) expect(asked, question).toContain(question);
});
