import { expect, test } from 'vitest';

import { type ConscienceRuns, markdown, type Reports, tableOf, withRuns } from '../../bench/table';

const about = { what: 'a figure', how: 'once', date: '2026-01-01', processor: 'a processor', adapter: null };
const own = { dispatches: 185, 'MB above base': 53 };
const modelRow = { 'estimate, bytes': 1, 'estimate / measured': 1, '16 rows, bytes': 1, s: 1 };
const product = { what: 'a product', shape: '1 × 1 × 1', 'f32, ms': 1, 'f16, ms': 1, 'f16 / f32, processor time': 1 };
const stock = { dispatches: 937, 'MB above base': 506 };
const measured: Reports = {
	steps: {
		...about,
		rows: [
			{ engine: 'wasm', '× PyTorch': 1.9, 'ms a step': 300 },
			{ engine: 'wasm-2', '× PyTorch': 1, 'ms a step': 200 },
		],
	},
	kernels: {
		...about,
		results: [
			{ what: 'training step', own, stock, 'stock / own': { ms: 7.6 } },
			{ what: 'vocabulary head', own, stock, 'stock / own': { ms: 1 } },
		],
	},
	speed: { ...about, rows: [{ backend: 'wasm', 'FLOP utilisation, %': 12.34 }] },
	writing: {
		...about,
		rows: [
			{ backend: 'wasm', prompts: 1, 'tokens/s': 250 },
			{ backend: 'wasm', prompts: 16, 'tokens/s': 2000.4 },
		],
		ratios: [{ backend: 'wasm', '16 / 1': 8 }],
		token: { dispatches: 44, 'ms made anew': 2, 'ms told again': 0.25 },
	},
	memory: {
		...about,
		rows: [
			{ backend: 'wasm', 'after 50': 1e6, 'after 500': 1e6 },
			{ backend: 'webgpu', 'after 50': 1e6, 'after 500': 2e6 },
		],
	},
	halves: {
		...about,
		rows: [
			{ ...product, 'f16 / f32, time': 1.5, 'f32, bytes': 4, 'f16, bytes': 2 },
			{ ...product, 'f16 / f32, time': 0.8, 'f32, bytes': 12, 'f16, bytes': 6 },
			{ ...product, 'f16 / f32, time': 0.9, 'f32, bytes': 4, 'f16, bytes': 2.2 },
		],
	},
	modelMemory: {
		...about,
		rows: [
			{ ...modelRow, model: 'SmolLM2-135M', precision: 'int8', 'measured, bytes': 1 },
			{ ...modelRow, model: 'SmolLM2-135M', precision: 'f32', 'measured, bytes': 2 ** 30 },
			{ ...modelRow, model: 'Qwen3-0.6B', precision: 'f32', 'measured, bytes': 7 * 2 ** 30 },
		],
	},
	shell: { ...about, 'gzip, kB': 61, 'main thread, s': 1.5 },
	conscience: {
		...about,
		runs: [{ engine: 'wasm', steps: 800, rows: [{ judge: 'webllm', 'tokens beyond, %': '10, 12', 'seconds beyond, %': '2, 3' }] }],
	},
};
const lineOf = (reports: Reports, what: string) => tableOf(reports).find((row) => row.what.startsWith(what))!;

test.each([
	['training step, 16 rows: wasm / PyTorch', '1.9×', '≤ 2×', true],
	['training step, 16 rows: wasm on one thread / on two', '1.5×', '≥ 1.25×', true],
	['training step, 2 rows', '7.6×', '≥ 10×', false],
	['dispatches of a training step', '185', '≤ 200', true],
	['head of 256 × 49,152, both ways: memory', '53 MB', '≤ 64 MB', true],
	['head of 256 × 49,152, both ways: stock', '1×', '> 1×', false], // as fast is not faster
	['writing, 16 prompts / 1: tokens a second, wasm', '8×', '≥ 8×', true],
	['writing, 16 prompts: tokens a second, wasm', '2000', '', null],
	['dispatches of a token while writing', '44', '', null],
	["processor's time for a GPU's token", '0.25 ms', '', null],
	['model FLOP utilisation of a training step, wasm', '12.3 %', '', null],
	['bytes after 500 steps of mixed lengths / after 50, wasm', '1×', '≤ 1×', true],
	['bytes after 500 steps of mixed lengths / after 50, webgpu', '2×', '≤ 1×', false],
	['frozen weights on WebGPU, in 16 bits', '0.51×', '≤ 0.5×', false],
	['their products on WebGPU', '0.9×', '', null],
	['seconds that the conscience adds, 800 steps, webllm', '2.5 %', '≤ 3 %', true],
	['tokens that the conscience adds, 800 steps, webllm', '11 %', '', null],
	['training step of SmolLM2-135M', '1 GiB', '≤ 2 GiB', true],
	['training step of Qwen3-0.6B', '7 GiB', '≤ 6 GiB', false],
	['shell', '61 kB', '≤ 60 kB', false],
	['main thread', '1.5 s', '≤ 2 s', true],
])('%s: %s against %s', (what, now, target, met) => {
	expect(lineOf(measured, what)).toMatchObject({ now, target, met });
});

test('what was not measured has its line, and no target counts as met or missed', () => {
	const rows = tableOf({});
	expect(rows).toHaveLength(tableOf(measured).length);
	expect(rows.every(({ now, met }) => now === null && met === null)).toBe(true);
	const noTorch: Reports = { steps: { ...about, rows: [{ engine: 'wasm', '× PyTorch': null, 'ms a step': 300 }] } };
	expect(lineOf(noTorch, 'training step, 16 rows: wasm')).toMatchObject({ now: null, met: null });
	expect(lineOf({}, 'seconds that the conscience adds, 200 steps, frozen-self')).toMatchObject({ start: '26 %', target: '≤ 8 %' });
});

test('what the conscience adds has its lines for each engine and length that was measured', () => {
	const of = (engine: 'wasm' | 'webgpu', steps: number, seconds: string): ConscienceRuns => ({
		engine,
		steps,
		rows: [{ judge: 'frozen-self', 'tokens beyond, %': '10', 'seconds beyond, %': seconds }],
	});
	const runs = [of('webgpu', 200, '7'), of('wasm', 800, '4, 5'), of('wasm', 200, '9'), of('wasm', 50, '60')].reduce<ConscienceRuns[]>(
		withRuns,
		[],
	);
	const again = withRuns(runs, of('wasm', 800, '2'));
	const lines = tableOf({ conscience: { ...about, runs: again } })
		.filter(({ what }) => /^seconds that the conscience adds.*frozen-self/.test(what))
		.map(({ what, start, now, target, met }) => [what.replace(/^.*adds, /, ''), start, now, target, met]);
	expect(lines).toEqual([
		['50 steps, frozen-self, wasm', '', '60 %', '', null],
		['200 steps, frozen-self, wasm', '26 %', '9 %', '≤ 8 %', false],
		['800 steps, frozen-self, wasm', '5 %', '2 %', '≤ 3 %', true],
		['200 steps, frozen-self, webgpu', '', '7 %', '≤ 8 %', true],
	]);
});

test('the table is Markdown with a line for each row', () => {
	const rows = [
		{ what: 'a step', start: '5×', now: '3×', target: '≤ 2×', met: false },
		{ what: 'the rest', start: '', now: null, target: '', met: null },
	];
	expect(markdown(rows).split('\n')).toEqual([
		'| what     | start | now          | target | met? |',
		'| -------- | ----- | ------------ | ------ | ---- |',
		'| a step   | 5×    | 3×           | ≤ 2×   | no   |',
		'| the rest | –     | not measured | –      | –    |',
	]);
});
