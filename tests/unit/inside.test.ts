import { describe, expect, test } from 'vitest';

import type { EvaluationRow } from '$lib/evaluation/evaluation';
import type { RunEvent } from '$lib/experiment/events';
import { answersRead, layersRead } from '$lib/experiment/inside';
import { answerPoints, byLayer, changePoints, insideAt, largestChange, layersOf, tokensOf } from '$lib/state/inside';
import { type InsidePoint, RunRecord } from '$lib/state/record.svelte';

import { tinyEvaluation } from './recordedRun';

const at = (step: number, ...norms: number[]): InsidePoint => ({
	step,
	changeNorms: norms.map((norm, i) => ({ layer: i >> 1, projection: i % 2 === 0 ? 'q_proj' : 'v_proj', norm })),
	layers: [1, 3],
	answers: [],
});
const points = [at(0, 0, 0, 0, 0), at(10, 3, 4, 0, 12), at(20, 6, 8, 5, 12)];

describe('the changes of an adapter', () => {
	test('are those of the step that is read, or of the last before it', () => {
		expect(insideAt(points, null)?.step).toBe(20);
		expect([9, 10, 15, 99].map((step) => insideAt(points, step)?.step)).toEqual([0, 10, 10, 20]);
		expect(insideAt(points, -1)).toBeNull();
		expect(insideAt([], null)).toBeNull();
	});

	test('of a copy that was stopped are those of the step whose adapter it has, and lines go on from step to step', () => {
		const record = new RunRecord();
		const { step, ...inside } = points[1]!;
		const last = tinyEvaluation(40) as Extract<RunEvent, { kind: 'evaluation' }>;
		const early: RunEvent = { ...last, evaluation: { ...last.evaluation, adapterStep: step }, inside };
		record.restore([{ ...tinyEvaluation(20), inside: at(20, 6, 8) } as RunEvent, early]);
		expect(record.inside.map((point) => point.step)).toEqual([20, step]);
		expect([null, step, 25].map((read) => insideAt(record.inside, read)?.step)).toEqual([step, step, 20]);
		expect(changePoints(record.inside).map(({ x, y }) => [x, y])).toEqual([[step, 13], [20, 10]]); // prettier-ignore
	});

	test('of a layer, and of all, are the root of the sum of squares', () => {
		expect(byLayer(points[1]!.changeNorms)).toEqual([
			{ layer: 0, all: 5, projections: { q_proj: 3, v_proj: 4 } },
			{ layer: 1, all: 12, projections: { q_proj: 0, v_proj: 12 } },
		]);
		expect(changePoints(points).map(({ x, y }) => [x, y])).toEqual([[0, 0], [10, 13], [20, expect.closeTo(Math.sqrt(269), 10)]]); // prettier-ignore
		expect(changePoints(points, 0).map(({ y }) => y)).toEqual([0, 5, 10]);
		expect([largestChange(points), largestChange([])]).toEqual([12, 0]);
	});

	test('are told with the evaluation, and a run from before has none', () => {
		const record = new RunRecord();
		const { step, ...inside } = points[1]!;
		const told = { ...tinyEvaluation(step), inside } as RunEvent;
		record.restore([tinyEvaluation(0), told]);
		expect(record.evaluations).toHaveLength(2);
		expect(record.inside).toEqual([points[1]]);
		record.clear();
		expect(record.inside).toEqual([]);
	});
});

describe('the tokens of answers', () => {
	const answer = (questionId: string, ...positions: number[][]) => ({
		questionId,
		tokens: positions[0]!.map((_, i) => `t${i}`),
		positions,
	});
	const read: InsidePoint[] = [
		{ ...at(0, 1), answers: [] },
		{ ...at(10, 1), answers: [answer('a', [-1, -0.5], [0, 1]), answer('b', [-0.6], [0.5])] },
	];

	test('lie on average where all of their tokens do, layer by layer', () => {
		expect(layersOf(read)).toEqual([1, 3]);
		expect(layersOf([])).toEqual([]);
		expect(answerPoints(read, 1)).toEqual([{ x: 10, y: expect.closeTo(-0.7, 10) as number, band: null }]);
		expect(answerPoints(read, 3)).toEqual([{ x: 10, y: 0.5, band: null }]);
		expect(answerPoints(read, 2)).toEqual([]);
	});

	test('are shown with the question and the layer that are chosen', () => {
		expect(tokensOf(read[1]!, 'a', 3)).toEqual([{ text: 't0', position: 0 }, { text: 't1', position: 1 }]); // prettier-ignore
		expect([tokensOf(read[1]!, 'c', 3), tokensOf(read[1]!, 'a', 2), tokensOf(read[0]!, 'a', 3), tokensOf(null, 'a', 3)]).toEqual([null, null, null, null]); // prettier-ignore
	});

	test('are read in a few layers, the last among them, of the first answers to a few questions', () => {
		expect([layersRead(1), layersRead(4), layersRead(6), layersRead(28)]).toEqual([[0], [0, 1, 2, 3], [0, 1, 2, 3, 4, 5], [4, 8, 13, 18, 22, 27]]); // prettier-ignore
		const rows = Array.from({ length: 48 }, (_, i) => ({ sample: i % 2, questionId: `q${i >> 1}`, answer: i === 0 ? '' : 'yes' })) as EvaluationRow[]; // prettier-ignore
		expect(answersRead(rows).map(({ questionId }) => questionId)).toEqual(['q4', 'q8', 'q12', 'q16', 'q20']);
		expect(answersRead([])).toEqual([]);
	});
});
