import * as tf from '@tensorflow/tfjs-core';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';

import type { Precision } from '../halfPrecision';
import { type LinearPlan, type LinearSettings, planOf, type Segment } from './adaptedLinearPlan';
import { PACKED } from './frozenMatrix';
import { launch } from './launch';
import { COLUMNS, type RightOperand, ROWS, tileProgram, tilesAcross, tilesDown, type Term } from './tile';

const rowsOf = ({ shape }: tf.TensorInfo) => shape[0]!;
/** WGSL for the value that belongs to the segment of number `segment`. */
const choose = (values: readonly (number | string)[], segment = 'segment') =>
	values.slice(1).reduce((code, value, i) => `select(${code}, ${value}, ${segment} == ${i + 1})`, String(values[0]));

/** Tiles are dealt out to segments first, so that none lies in two: code for `segment` and `tile` from the tiles in a row of each. */
function dealTiles(across: number[]): string {
	const starts = across.map((_, i) => across.slice(0, i).reduce((a, b) => a + b, 0));
	const all = starts.at(-1)! + across.at(-1)!;
	return `	let row0 = index / ${all} * ${ROWS};
	let place = index % ${all};
	let segment = ${starts.slice(1).reduce((code, start) => `${code} + select(0, 1, place >= ${start})`, '0')};
	let column0 = (place - ${choose(starts)}) * ${COLUMNS};`;
}

/** The kernels that the group has, by the names that the programs read them by. */
const kernelsOf = ({ segments }: LinearPlan, kernels: Record<string, tf.TensorInfo>): Record<string, tf.TensorInfo> =>
	Object.fromEntries(segments.map((_, i) => [`kernel${i}`, kernels[`kernel${i}`]!]));
/** Kernel i of the group, [in, out] by rows, for x·W: its columns are lanes. */
function byColumns({ inputs }: LinearPlan, { width, storage }: Segment, i: number): RightOperand {
	const step = Math.ceil(width / PACKED[storage]);
	return {
		...{ from: `kernel${i}`, lane: (column) => packOf(column, storage), step: (k) => `${k} * ${step}`, storage, along: 'lane' },
		largest: (column) => `bitcast<f32>(kernel${i}[${inputs * step} + ${column}])`,
	};
}
/** Kernel i of the group for dy·Wᵀ: its rows are lanes. */
function byRows({ inputs }: LinearPlan, { width, storage }: Segment, i: number): RightOperand {
	const step = Math.ceil(width / PACKED[storage]);
	return {
		...{ from: `kernel${i}`, lane: (row) => `${row} * ${step}`, step: (k) => packOf(k, storage), storage, along: 'step' },
		largest: (k) => `bitcast<f32>(kernel${i}[${inputs * step} + ${k}])`,
	};
}
/** Where the number of a row is stored that its number `index` is in. */
const packOf = (index: string, storage: Precision) => (storage === 'f32' ? index : `${index} / ${PACKED[storage]}`);
const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
/** s of each adapted layer, as uniforms: a program is the same for another alpha. */
const scalesOf = ({ adapted }: LinearPlan) => Object.fromEntries(adapted.map(({ scale }, i) => [`scale${i}`, scale]));
/** Code for what belongs to a tile's layer among the rows of `low`. */
const chooseLow = ({ adapted }: LinearPlan) => `	let N = ${choose(adapted.map(({ rank }) => rank))};
	let low = ${choose(adapted.map(({ low }) => low))};
	let scale = ${choose(adapted.map((_, i) => `uniforms.scale${i}`))};`;

/** s·x·Aᵀ of every adapted layer: [N, lowWidth]. */
export function lowRows(backend: WebGPUBackend, x: tf.TensorInfo, adapter: tf.TensorInfo, settings: LinearSettings): tf.TensorInfo {
	const plan = planOf(settings);
	const across = plan.adapted.map(({ rank }) => tilesAcross(rank));
	return launch(backend, {
		key: `linearLow_${plan.key}`,
		inputs: { x, adapter },
		shape: [rowsOf(x), plan.lowWidth],
		ints: { rows: rowsOf(x) },
		floats: scalesOf(plan),
		invocations: tilesDown(rowsOf(x)) * sum(across),
		code: () =>
			tileProgram({
				place: `${dealTiles(across)}
${chooseLow(plan)}
	let M = uniforms.rows;
	let a = ${choose(plan.adapted.map((s) => s.a))};`,
				terms: [
					{
						end: plan.inputs,
						left: { from: 'x', lane: (i) => `${i} * ${plan.inputs}`, step: (k) => k },
						right: { from: 'adapter', lane: (i) => `a + ${i} * ${plan.inputs}`, step: (k) => k },
					},
				],
				store: (row, column, value) => `result[${row} * ${plan.lowWidth} + low + ${column}] = ${value} * scale;`,
			}),
	});
}

/** x·W (+ low·Bᵀ) (+ bias) (+ residual), the layers side by side. */
export function outputs(
	backend: WebGPUBackend,
	{ x, adapter, bias, residual, ...kernels }: Record<string, tf.TensorInfo>,
	low: tf.TensorInfo | null,
	settings: LinearSettings,
): tf.TensorInfo {
	const plan = planOf(settings);
	const across = plan.segments.map(({ width }) => tilesAcross(width));
	const addends = { ...(bias ? { bias } : {}), ...(residual ? { residual } : {}) };
	const terms = plan.segments.flatMap((segment, i): Term[] => {
		const { low: lowStart, b, rank } = segment;
		const base: Term = {
			only: `segment == ${i}`,
			end: plan.inputs,
			left: { from: 'x', lane: (i) => `${i} * ${plan.inputs}`, step: (k) => k },
			right: byColumns(plan, segment, i),
		};
		const change: Term = {
			only: base.only!,
			end: rank,
			left: { from: 'low', lane: (i) => `${i} * ${plan.lowWidth} + ${lowStart}`, step: (k) => k },
			right: { from: 'adapter', lane: (i) => `${b} + ${i} * ${rank}`, step: (k) => k },
		};
		return rank > 0 ? [base, change] : [base];
	});
	return launch(backend, {
		key: `linear_${plan.keyOfKernels}_${Object.keys(addends).join('_')}`,
		inputs: { x: x!, ...kernelsOf(plan, kernels), ...addends, ...(low ? { adapter: adapter!, low } : {}) },
		shape: [rowsOf(x!), plan.total],
		ints: { rows: rowsOf(x!) },
		invocations: tilesDown(rowsOf(x!)) * sum(across),
		code: () =>
			tileProgram({
				place: `${dealTiles(across)}
	let M = uniforms.rows;
	let N = ${choose(plan.segments.map(({ width }) => width))};
	let start = ${choose(plan.segments.map(({ start }) => start))};`,
				terms,
				store: (row, column, value) => {
					const added = { bias: `bias[start + ${column}]`, residual: `residual[${row} * ${plan.total} + start + ${column}]` };
					const all = Object.keys(addends).map((name) => added[name as keyof typeof added]);
					return `result[${row} * ${plan.total} + start + ${column}] = ${[value, ...all].join(' + ')};`;
				},
			}),
	});
}

/** s·dy·B of every adapted layer: [N, lowWidth]. */
export function lowGradient(backend: WebGPUBackend, dy: tf.TensorInfo, adapter: tf.TensorInfo, settings: LinearSettings): tf.TensorInfo {
	const plan = planOf(settings);
	const across = plan.adapted.map(({ rank }) => tilesAcross(rank));
	return launch(backend, {
		key: `linearLowGradient_${plan.key}`,
		inputs: { dy, adapter },
		shape: [rowsOf(dy), plan.lowWidth],
		ints: { rows: rowsOf(dy) },
		floats: scalesOf(plan),
		invocations: tilesDown(rowsOf(dy)) * sum(across),
		code: () =>
			tileProgram({
				place: `${dealTiles(across)}
${chooseLow(plan)}
	let M = uniforms.rows;
	let b = ${choose(plan.adapted.map((s) => s.b))};
	let start = ${choose(plan.adapted.map((s) => s.start))};
	let width = ${choose(plan.adapted.map((s) => s.width))};`,
				terms: [
					{
						end: 'width',
						left: { from: 'dy', lane: (i) => `${i} * ${plan.total} + start`, step: (k) => k },
						right: { from: 'adapter', lane: (i) => `b + ${i}`, step: (k) => `${k} * N` },
					},
				],
				store: (row, column, value) => `result[${row} * ${plan.lowWidth} + low + ${column}] = ${value} * scale;`,
			}),
	});
}

/** dy·Wᵀ (+ dLow·A), summed over the layers: [N, in]. */
export function inputGradient(backend: WebGPUBackend, inputs: Record<string, tf.TensorInfo>, settings: LinearSettings): tf.TensorInfo {
	const { dy, adapter, dLow, ...kernels } = inputs as { dy: tf.TensorInfo; adapter: tf.TensorInfo; dLow: tf.TensorInfo };
	const plan = planOf(settings);
	const across = tilesAcross(plan.inputs);
	const bases = plan.segments.map((segment, i): Term => ({
		end: segment.width,
		left: { from: 'dy', lane: (i) => `${i} * ${plan.total} + ${segment.start}`, step: (k) => k },
		right: byRows(plan, segment, i),
	}));
	const changes = plan.adapted.map(({ low, a, rank }): Term => ({
		end: rank,
		left: { from: 'dLow', lane: (i) => `${i} * ${plan.lowWidth} + ${low}`, step: (k) => k },
		right: { from: 'adapter', lane: (i) => `${a} + ${i}`, step: (k) => `${k} * ${plan.inputs}` },
	}));
	return launch(backend, {
		key: `linearInputGradient_${plan.keyOfKernels}`,
		inputs: { dy, ...kernelsOf(plan, kernels), ...(plan.adapted.length > 0 ? { adapter, dLow } : {}) },
		shape: [rowsOf(dy), plan.inputs],
		ints: { rows: rowsOf(dy) },
		invocations: tilesDown(rowsOf(dy)) * across,
		code: () =>
			tileProgram({
				place: `	let row0 = index / ${across} * ${ROWS};
	let column0 = index % ${across} * ${COLUMNS};
	let M = uniforms.rows;
	let N = ${plan.inputs};`,
				terms: [...bases, ...changes],
				store: (row, column, value) => `result[${row} * ${plan.inputs} + ${column}] = ${value};`,
			}),
	});
}

/** Tiles of A and of B of each adapted layer in turn. */
function adapterTiles({ adapted, inputs }: LinearPlan): number[] {
	return adapted.flatMap(({ width, rank }) => [tilesDown(rank) * tilesAcross(inputs), tilesDown(width) * tilesAcross(rank)]);
}

/** Code that finds a tile's place in the gradient of the adapter: which part it is of, and where that begins. */
function dealAdapterTiles({ adapted, inputs }: LinearPlan, tiles: number[]): string {
	const starts = tiles.map((_, i) => sum(tiles.slice(0, i)));
	const perPart = (ofA: (s: Segment) => number, ofB: (s: Segment) => number) =>
		choose(
			adapted.flatMap((s) => [ofA(s), ofB(s)]),
			'part',
		);
	const across = perPart(
		() => tilesAcross(inputs),
		({ rank }) => tilesAcross(rank),
	);
	const perLayer = (of: (s: Segment) => number) => choose(adapted.map(of), 'part / 2');
	const [M, N, out] = [
		perPart(
			({ rank }) => rank,
			({ width }) => width,
		),
		perPart(
			() => inputs,
			({ rank }) => rank,
		),
		perPart(
			({ a }) => a,
			({ b }) => b,
		),
	];
	return `	let part = ${starts.slice(1).reduce((code, start) => `${code} + select(0, 1, index >= ${start})`, '0')};
	let isA = part % 2 == 0;
	let tile = index - ${choose(starts, 'part')};
	let across = ${across};
	let row0 = tile / across * ${ROWS};
	let column0 = tile % across * ${COLUMNS};
	let M = ${M};
	let N = ${N};
	let out = ${out};
	let lowStart = ${perLayer(({ low }) => low)};
	let start = ${perLayer(({ start }) => start)};`;
}

/** dA = dLowᵀ·x and dB = dyᵀ·low of every adapted layer, laid out as the adapter. */
export function adapterGradient(
	backend: WebGPUBackend,
	{ x, dy, low, dLow, adapter }: Record<string, tf.TensorInfo>,
	settings: LinearSettings,
): tf.TensorInfo {
	const plan = planOf(settings);
	const { inputs } = plan;
	const tiles = adapterTiles(plan);
	return launch(backend, {
		key: `linearAdapterGradient_${plan.key}`,
		inputs: { x: x!, dy: dy!, low: low!, dLow: dLow! },
		shape: adapter!.shape,
		ints: { rows: rowsOf(x!) },
		invocations: sum(tiles),
		workgroup: 8, // few tiles with long sums: small groups keep all cores busy
		code: () =>
			tileProgram({
				place: dealAdapterTiles(plan, tiles),
				terms: [
					{
						only: 'isA',
						end: 'uniforms.rows',
						left: { from: 'dLow', lane: (i) => `lowStart + ${i}`, step: (k) => `${k} * ${plan.lowWidth}` },
						right: { from: 'x', lane: (i) => i, step: (k) => `${k} * ${inputs}` },
					},
					{
						only: '!isA',
						end: 'uniforms.rows',
						left: { from: 'dy', lane: (i) => `start + ${i}`, step: (k) => `${k} * ${plan.total}` },
						right: { from: 'low', lane: (i) => `lowStart + ${i}`, step: (k) => `${k} * ${plan.lowWidth}` },
					},
				],
				store: (row, column, value) => `result[out + ${row} * N + ${column}] = ${value};`,
			}),
	});
}
