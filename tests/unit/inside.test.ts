import { describe, expect, test } from 'vitest';

import type { RunEvent } from '$lib/experiment/events';
import { byLayer, changePoints, insideAt, largestChange } from '$lib/state/inside';
import { type InsidePoint, RunRecord } from '$lib/state/record.svelte';

import { tinyEvaluation } from './recordedRun';

const at = (step: number, ...norms: number[]): InsidePoint => ({
	step,
	changeNorms: norms.map((norm, i) => ({ layer: i >> 1, projection: i % 2 === 0 ? 'q_proj' : 'v_proj', norm })),
});
const points = [at(0, 0, 0, 0, 0), at(10, 3, 4, 0, 12), at(20, 6, 8, 5, 12)];

describe('the changes of an adapter', () => {
	test('are those of the step that is read, or of the last before it', () => {
		expect(insideAt(points, null)?.step).toBe(20);
		expect([9, 10, 15, 99].map((step) => insideAt(points, step)?.step)).toEqual([0, 10, 10, 20]);
		expect(insideAt(points, -1)).toBeNull();
		expect(insideAt([], null)).toBeNull();
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
		const { changeNorms } = points[1]!;
		const told = { ...tinyEvaluation(10), inside: { changeNorms } } as RunEvent;
		record.restore([tinyEvaluation(0), told]);
		expect(record.evaluations).toHaveLength(2);
		expect(record.inside).toEqual([points[1]]);
		record.clear();
		expect(record.inside).toEqual([]);
	});
});
