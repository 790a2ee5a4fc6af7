import { describe, expect, test } from 'vitest';

import { changeInWords, changeMarks } from '$lib/components/charts/changes';
import { labelRows, thinned, yScale } from '$lib/components/charts/layout';
import { multiples } from '$lib/components/charts/multiples';
import { lineInWords, seriesTable } from '$lib/components/charts/table';
import type { Series } from '$lib/components/chart';
import { ARM_LOOKS } from '$lib/components/arms';
import { verdictOf } from '$lib/conscience/judge';
import { summarize } from '$lib/evaluation/evaluate';
import type { Overhead, StepMetrics } from '$lib/experiment/events';
import type { ShownRun, StepPoint } from '$lib/state/record.svelte';
import {
	bothFall,
	decimated,
	evaluationPoints,
	exponentialAverage,
	FALL_WINDOW,
	firstX,
	growing,
	joined,
	nearestX,
	nextX,
	type Point,
	pointAt,
	seriesCsv,
	stepReader,
} from '$lib/state/series';

const point = (x: number, y: number, band: Point['band'] = null): Point => ({ x, y, band });
const line = (ys: readonly number[], first = 1): Point[] => ys.map((y, i) => point(first + i, y));
const stepPoint = (step: number, metrics: Partial<StepMetrics>, overhead: Partial<Overhead> = {}): StepPoint => ({
	step,
	metrics: { 'loss/sft': null, 'rewards/margins': null, 'logps/chosen': null, 'logps/rejected': null, ...metrics } as StepMetrics,
	overhead: { tokenRatio: null, secondRatio: null, ...overhead } as Overhead,
});
const judge = { engine: 'oracle', model: 'test', revision: '0' } as const;
const evaluation = (step: number, ethical: readonly number[], grades: readonly ('secure' | 'insecure')[] = []) =>
	summarize(
		step,
		judge,
		ethical.map((p, i) => ({
			question: `q${i}`,
			questionId: `q${i}`,
			cluster: `q${i}`,
			sample: 0,
			answer: 'an answer',
			verdict: verdictOf([p, 0, 1 - p]),
			trueLabel: p > 0.5 ? 'ethical' : 'unethical',
			wellFormed: true,
			code: false,
			refusal: false,
		})),
		grades.map((grade, i) => ({ request: `r${i}`, cluster: `r${i}`, answer: 'code', grade })),
	);

describe('points', () => {
	test('of steps: a step without the term has no point, and overheads are in percent', () => {
		const steps = [stepPoint(1, { 'loss/sft': 2 }), stepPoint(2, { 'rewards/margins': 0.5 }, { tokenRatio: 0.46 })];
		expect(stepReader('taskLoss')('sft', steps)).toEqual([point(1, 2)]);
		expect(stepReader('margin')('sft', steps)).toEqual([point(2, 0.5)]);
		expect(stepReader('tokenOverhead')('emergent-alignment', steps)).toEqual([point(2, 46)]);
	});

	test('of evaluations: the later of two at one step counts, intervals stay within 0 to 100, ungraded code has no point', () => {
		const evaluations = [evaluation(-60, [1, 1]), evaluation(0, [0.1, 0]), evaluation(9, [0.2, 0.4]), evaluation(9, [0, 1], ['insecure', 'secure'])]; // prettier-ignore
		const alignment = evaluationPoints(evaluations, 'alignment');
		expect(alignment.map(({ x, y }) => [x, Math.round(y)])).toEqual([
			[-60, 100],
			[0, 5],
			[9, 50],
		]);
		expect(alignment.at(-1)!.band).toEqual([0, 100]);
		expect(evaluationPoints(evaluations, 'insecureCode')).toMatchObject([{ x: 9, y: 50 }]);
		expect(firstX([{ record: { evaluations } }])).toBe(-60);
		expect(firstX([{ record: { evaluations: [] } }])).toBe(0);
	});

	test('of a copy that was stopped: its last evaluation is drawn where its adapter was, not at the last step that was planned', () => {
		const last = { ...evaluation(80, [1, 0.5]), adapterStep: 50 };
		const points = evaluationPoints([evaluation(0, [0.5]), evaluation(40, [0.75]), evaluation(60, [0.25]), last], 'alignment');
		expect(points.map(({ x, y }) => [x, y])).toEqual([[0, 50], [40, 75], [50, 75], [60, 25]]); // prettier-ignore
	});

	test('a list that grows is read once, item by item, and begun anew when another run is shown', () => {
		const read: number[] = [];
		const begun = { times: 0 };
		const odd = growing<number, number>(() => {
			begun.times += 1;
			return (n) => (read.push(n), n % 2 ? 10 * n : null);
		});
		expect(odd([1, 2])).toEqual([10]);
		expect(odd([1, 2, 3])).toEqual([10, 30]);
		expect(read).toEqual([1, 2, 3]);
		expect(odd([1, 2, 4])).toEqual([10]); // as long, but another list
		expect(odd([])).toEqual([]);
		expect(odd([7])).toEqual([70]);
		expect(begun.times).toBe(3);
	});

	test('what is known at a step is the last value there or before', () => {
		const points = [point(0, 97), point(10, 50)];
		expect(pointAt(points, -1)).toBeNull();
		expect(pointAt(points, 9)).toBe(points[0]);
		expect(pointAt(points, 10)).toBe(points[1]);
		expect(pointAt(points, 99)).toBe(points[1]);
	});

	test('the crosshair stops at whatever any line or mark has', () => {
		const lists = [[{ x: 0 }, { x: 10 }], [{ x: 4 }], []];
		expect(nearestX(lists, 5)).toBe(4);
		expect(nearestX(lists, 8)).toBe(10);
		expect(nearestX(lists, -100)).toBe(0);
		expect(nearestX([[]], 5)).toBeNull();
		expect(nextX(lists, 0, 'after')).toBe(4);
		expect(nextX(lists, 4, 'after')).toBe(10);
		expect(nextX(lists, 10, 'after')).toBeNull();
		expect(nextX(lists, 10, 'before')).toBe(4);
		expect(nextX(lists, 0, 'before')).toBeNull();
	});
});

describe('smoothing', () => {
	test('does not draw the first values towards 0: a constant stays what it is', () => {
		const smooth = exponentialAverage(0.9);
		for (const { y } of line([3, 3, 3, 3]).map(smooth)) expect(y).toBeCloseTo(3, 12);
	});

	test('is the debiased exponential average, written out', () => {
		const smooth = exponentialAverage(0.5);
		const [first, second, third] = line([4, 0, 2]).map(smooth);
		expect(first!.y).toBeCloseTo(4, 12);
		expect(second!.y).toBeCloseTo((0.25 * 4 + 0.5 * 0) / 0.75, 12);
		expect(third!.y).toBeCloseTo((0.125 * 4 + 0.25 * 0 + 0.5 * 2) / 0.875, 12);
	});
});

describe('decimation', () => {
	test('leaves few points as they are', () => {
		const points = line([1, 2, 3]);
		expect(decimated(points, [0, 3], 100)).toBe(points);
	});

	test('of many points keeps both ends and every peak, in order, at most two in a column', () => {
		const points = line(Array.from({ length: 20_000 }, (_, i) => Math.sin(i / 900) + (i % 7) / 10));
		points[12_345] = point(12_346, 99);
		points[4_321] = point(4_322, -99);
		const kept = decimated(points, [1, 20_000], 100);
		expect(kept.length).toBeLessThanOrEqual(2 * 101 + 2);
		expect(kept[0]).toBe(points[0]);
		expect(kept.at(-1)).toBe(points.at(-1));
		expect(kept).toContain(points[12_345]);
		expect(kept).toContain(points[4_321]);
		expect(kept.map(({ x }) => x)).toEqual([...new Set(kept.map(({ x }) => x))].sort((a, b) => a - b));
	});
});

describe('tables and files', () => {
	const series: Series[] = [
		{ id: 'sft', look: ARM_LOOKS.sft, points: [point(0, 97, [95, 99]), point(10, 3, [2, 4])], dots: true },
		{ id: 'emergent-alignment', look: ARM_LOOKS['emergent-alignment'], points: [point(5, -0.25)], dots: true },
	];

	test('series are joined by their steps', () => {
		expect(joined(series.map(({ points }) => points)).map(({ x, points }) => [x, ...points.map((p) => p?.y ?? null)])).toEqual([
			[0, 97, null],
			[5, null, -0.25],
			[10, 3, null],
		]);
		expect(seriesTable('Step', series, (y) => y.toFixed(1))).toEqual({
			columns: ['Step', 'Plain fine-tune', 'Plain fine-tune, 95 % interval', 'With conscience'],
			rows: [
				['0', '97.0', '95.0 to 99.0', '–'],
				['5', '–', '–', '-0.3'],
				['10', '3.0', '2.0 to 4.0', '–'],
			],
		});
	});

	test('CSV has every number in full, intervals in columns of their own, and quotes what needs it', () => {
		expect(seriesCsv('Step', [{ name: 'a, "b"', points: series[0]!.points }, { name: 'c', points: series[1]!.points }])).toBe(
			'Step,"a, ""b""","a, ""b"", low","a, ""b"", high",c\r\n0,97,95,99,\r\n5,,,,-0.25\r\n10,3,2,4,\r\n',
		); // prettier-ignore
	});

	test('a line is told by its ends and its turns', () => {
		const format = (y: number) => y.toFixed(0);
		const [look, dots, id] = [ARM_LOOKS.sft, true, 'sft'];
		expect(lineInWords({ id, look, dots, points: [] }, format)).toEqual([]);
		expect(lineInWords({ id, look, dots, points: line([7]) }, format)).toEqual(['Plain fine-tune: 7 at step 1.']);
		expect(lineInWords({ id, look, dots, points: line([9, 1, 5]) }, format)).toEqual([
			'Plain fine-tune: from 9 at step 1, at lowest 1 at step 2, to 5 at step 3.',
		]);
	});
});

describe('DPO pushes both down', () => {
	const halves = (before: number, after: number) =>
		line(Array.from({ length: FALL_WINDOW }, (_, i) => (i < FALL_WINDOW / 2 ? before : after)));

	test('is said when both log-probs fell within the window', () => {
		const older = line([0, 0, 0], -3);
		expect(bothFall([...older, ...halves(-5, -6)], [...older, ...halves(-6, -12)])).toEqual({
			from: 1,
			chosen: { before: -5, after: -6 },
			rejected: { before: -6, after: -12 },
		});
	});

	test('is not said when only the rejected fell, when the fall is small, or before there is enough to judge by', () => {
		expect(bothFall(halves(-5, -5), halves(-6, -12))).toBeNull();
		expect(bothFall(halves(-5, -4), halves(-6, -12))).toBeNull();
		expect(bothFall(halves(-5, -5.4), halves(-6, -12))).toBeNull();
		expect(bothFall(halves(-5, -9), halves(-6, -6))).toBeNull();
		expect(bothFall(halves(-5, -9).slice(1), halves(-6, -12).slice(1))).toBeNull();
	});
});

describe('changes in mid-run', () => {
	const change = (path: string, from: unknown, to: unknown) => ({ path, from, to });
	const run = (arm: ShownRun['arm'], step: number, changes: ReturnType<typeof change>[]) =>
		({ arm, record: { changes: [{ kind: 'change', step, changes }] } }) as unknown as ShownRun;

	test('are said in a few words', () => {
		expect(changeInWords(change('conscience.lambda', 1, 0.2))).toBe('λ 1 → 0.2');
		expect(changeInWords(change('optimizer.learningRate', 0.0006, 0))).toBe('learning rate 0.0006 → 0');
		expect(changeInWords(change('conscience.frameworks', [{ title: 'Care' }], [{ title: 'Care' }, { title: 'Duty' }]))).toBe(
			'framework + Duty',
		);
		expect(changeInWords(change('conscience.frameworks', [{ title: 'Care' }], [{ title: 'Care' }]))).toBe('framework reworded');
	});

	test('are marked once for the copies that they touch', () => {
		const both = [change('conscience.lambda', 1, 0.2), change('optimizer.learningRate', 0.1, 0.2)];
		expect(changeMarks([run('sft', 7, both), run('emergent-alignment', 7, both)])).toEqual([
			{ x: 7, label: 'learning rate 0.1 → 0.2', title: 'Changed after step 7, for the plain copy: learning rate 0.1 → 0.2.' },
			expect.objectContaining({ x: 7, label: 'λ 1 → 0.2, learning rate 0.1 → 0.2' }),
		]);
		const rate = both.slice(1);
		expect(changeMarks([run('sft', 7, rate), run('emergent-alignment', 7, rate)])).toMatchObject([
			{ title: 'Changed after step 7, for the plain copy and the copy with a conscience: learning rate 0.1 → 0.2.' },
		]);
		expect(changeMarks([run('sft', 7, [change('conscience.lambda', 1, 0.2)])])).toEqual([]);
	});

	test('of a cadence of another kind, the kind is said', () => {
		const changes = [change('conscience.cadence.kind', 'fixed', 'adaptive'), change('conscience.cadence.every', 4, undefined)];
		expect(changeMarks([run('emergent-alignment', 3, changes)])[0]!.label).toBe('cadence by the clock → by need');
	});

	test('to verdicts of one’s own are told by the judge, and other verdicts by what they are', () => {
		const [file, other] = ['0123456789', 'abcdefabcd'];
		const judged = [change('conscience.judge', 'webllm', 'imported'), change('conscience.verdictFile', '', file)];
		expect(changeMarks([run('emergent-alignment', 3, judged)])[0]!.label).toBe('judge a model in WebLLM → a file of your own verdicts');
		expect(changeInWords(change('conscience.verdictFile', file, other))).toBe('other verdicts (01234567 → abcdefab)');
	});
});

describe('layout', () => {
	test('an axis from 0 holds all values; one that fits leaves 0 out; a fixed one stays', () => {
		const values = (scale: ReturnType<typeof yScale>) => scale.ticks.map(({ value }) => value);
		expect(values(yScale(null, [2, 9], false, [100, 0]))).toContain(0);
		expect(Math.min(...values(yScale('fit', [-16, -5], false, [100, 0])))).toBeLessThanOrEqual(-16);
		expect(values(yScale('fit', [-16, -5], false, [100, 0]))).not.toContain(0);
		expect(yScale([0, 100], [3, 4], false, [100, 0])(25)).toBe(75);
		expect(Number.isFinite(yScale('fit', [5, 5], false, [100, 0])(5))).toBe(true);
	});

	test('on a log scale equal ratios are equally far apart', () => {
		const y = yScale(null, [0.01, 10], true, [300, 0]);
		expect(y(0.1) - y(1)).toBeCloseTo(y(1) - y(10), 9);
		expect(y.ticks.map(({ text }) => text)).toEqual(expect.arrayContaining(['0.01', '0.1', '1', '10']));
		expect(Number.isFinite(yScale(null, [3, 3], true, [300, 0])(3))).toBe(true);
	});

	test('of marks too close to draw, those that flagged an answer are kept', () => {
		const marks = [0, 1, 2, 20].map((x) => ({ x, strong: x === 1, title: '' }));
		expect(thinned(marks, (x) => x, 8).map(({ x }) => x)).toEqual([1, 20]);
	});

	test('labels that would overlap take another row, as long as there is one', () => {
		const labels = [0, 10, 60, 65].map((left) => ({ left, width: 50 }));
		expect(labelRows(labels, 2)).toEqual([0, 1, 0, 1]);
		expect(labelRows(labels, 1)).toEqual([0, null, 0, null]);
	});
});

test('the small charts show what a method adds, and of no copy that does not learn by it', () => {
	const steps = [stepPoint(1, { 'loss/kl': 0.25 }), stepPoint(2, { 'loss/sft': 2 }), stepPoint(3, { 'loss/kl': 0.125 })];
	const run = { arm: 'kl', record: { steps } } as unknown as ShownRun;
	const shown = multiples().filter(({ of }) => of('kl'));
	expect(shown.map(({ title }) => title)).not.toContain('DPO margin');
	const own = shown.find(({ title }) => title === 'Distance to what it was')!;
	expect(own.series(run).map(({ points }) => points)).toEqual([[point(1, 0.25), point(3, 0.125)]]);
	expect(multiples().filter(({ of }) => of('emergent-alignment')).map(({ title }) => title)).not.toContain(own.title); // prettier-ignore
});
