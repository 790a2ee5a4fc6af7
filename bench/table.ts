/** The one table of the bench: what was aimed at, where it began, and where it stands. */
import { median } from '$lib/model/timing';

import type { PartReport } from './report';

/** The figures of each part that the table reads; a part that was not measured is not there. */
export interface Reports {
	steps?: PartReport & { rows: { engine: string; '× PyTorch': number | null; 'ms a step': number }[] };
	kernels?: PartReport & { results: { what: string; own: KernelFigures; stock: KernelFigures; 'stock / own': { ms: number } }[] };
	speed?: PartReport & { rows: { backend: string; 'FLOP utilisation, %': number | null }[] };
	writing?: PartReport & {
		rows: { backend: string; prompts: number; 'tokens/s': number }[];
		ratios: { backend: string; '16 / 1': number | null }[];
		token: { dispatches: number; 'ms made anew': number; 'ms told again': number } | null;
	};
	memory?: PartReport & { rows: { backend: string; 'after 50': number; 'after 500': number }[] };
	shell?: PartReport & { 'gzip, kB': number; 'main thread, s': number };
	halves?: PartReport & { rows: HalvesRow[] };
	conscience?: PartReport & { runs: ConscienceRuns[] };
	modelMemory?: PartReport & { rows: ModelMemoryRow[] };
}

/** Runs of one length on one engine, with each judge: figures of seeds 1, 2, … in a row. */
export interface ConscienceRuns {
	engine: 'wasm' | 'webgpu';
	steps: number;
	rows: { judge: string; 'tokens beyond, %': string; 'seconds beyond, %': string }[];
}

interface KernelFigures {
	dispatches: number;
	'MB above base': number;
}

/** One product with frozen weights in 32 and in 16 bits. */
export interface HalvesRow {
	what: string;
	shape: string;
	'f32, ms': number;
	'f16, ms': number;
	'f16 / f32, time': number;
	'f16 / f32, processor time': number;
	'f32, bytes': number;
	'f16, bytes': number;
}

/** What a training step of a real model takes of a GPU's memory, and what was foretold. */
export interface ModelMemoryRow {
	model: string;
	precision: string;
	'measured, bytes': number;
	'estimate, bytes': number;
	'estimate / measured': number;
	/** Foretold of a step of 16 rows of 128 tokens, made row by row with gradient checkpointing. */
	'16 rows, bytes': number;
	s: number;
}

/** One line of the table. */
export interface Row {
	what: string;
	/** Measured before the work on speed began; empty where nothing was. */
	start: string;
	/** Null where it was not measured. */
	now: string | null;
	target: string;
	/** Null where there is no target, or nothing was measured. */
	met: boolean | null;
}

type Limit = { most: number } | { least: number } | { more: number } | null;

/** A figure against its limit. */
function row(what: string, start: string, value: number | null | undefined, limit: Limit, say: (x: number) => string): Row {
	const target = !limit
		? ''
		: 'most' in limit
			? `≤ ${say(limit.most)}`
			: 'least' in limit
				? `≥ ${say(limit.least)}`
				: `> ${say(limit.more)}`;
	if (value === null || value === undefined || !Number.isFinite(value)) return { what, start, now: null, target, met: null };
	const met = !limit ? null : 'most' in limit ? value <= limit.most : 'least' in limit ? value >= limit.least : value > limit.more;
	return { what, start, now: say(value), target, met };
}

const times = (x: number) => `${Number(x.toPrecision(3))}×`;
const whole = (x: number) => `${Math.round(x)}`;
const percent = (x: number) => `${Number(x.toPrecision(3))} %`;
const unit = (name: string) => (x: number) => `${Number(x.toPrecision(3))} ${name}`;

/** The lines of every target, those of parts that were not measured too. */
export function tableOf({ steps, kernels, speed, writing, memory, shell, conscience, halves, modelMemory }: Reports): Row[] {
	const engine = (name: string) => steps?.rows.find((one) => one.engine === name);
	const kernel = (name: string) => kernels?.results.find(({ what }) => what === name);
	const [onOne, onTwo] = ['wasm', 'wasm-2'].map((name) => engine(name)?.['ms a step']);
	const backends = ['wasm', 'webgpu'];
	const [step, head] = [kernel('training step'), kernel('vocabulary head')];
	const [bytes, time] = halvesOf(halves);
	const speedOf = (backend: string) => speed?.rows.find((one) => one.backend === backend);
	return [
		row('training step, 16 rows: wasm / PyTorch on one thread, time', '5.5×', engine('wasm')?.['× PyTorch'], { most: 2 }, times),
		row('training step, 16 rows: wasm on one thread / on two, time', '1×', onOne && onTwo && onOne / onTwo, { least: 1.25 }, times),
		row('training step, 16 rows: WebGPU / PyTorch on one thread, time', '', engine('webgpu')?.['× PyTorch'], null, times),
		row('training step, 2 rows: stock tfjs / own kernels on WebGPU, time', '1×', step?.['stock / own'].ms, { least: 10 }, times),
		row('dispatches of a training step', '1562', step?.own.dispatches, { most: 200 }, whole),
		row('head of 256 × 49,152, both ways: memory above its start', '504 MB', head?.own['MB above base'], { most: 64 }, unit('MB')),
		row('head of 256 × 49,152, both ways: stock tfjs / own kernels, time', '1×', head?.['stock / own'].ms, { more: 1 }, times),
		...backends.flatMap((backend) => {
			const rate = (prompts: number) => writing?.rows.find((one) => one.backend === backend && one.prompts === prompts)?.['tokens/s'];
			const ratio = writing?.ratios.find((one) => one.backend === backend)?.['16 / 1'];
			return [
				row(`writing, 1 prompt: tokens a second, ${backend}`, '', rate(1), null, whole),
				row(`writing, 16 prompts: tokens a second, ${backend}`, '', rate(16), null, whole),
				row(`writing, 16 prompts / 1: tokens a second, ${backend}`, '', ratio, { least: 8 }, times),
			];
		}),
		row('dispatches of a token while writing', '', writing?.token?.dispatches, null, whole),
		row("processor's time for a GPU's token, told again", '', writing?.token?.['ms told again'], null, unit('ms')),
		...backends.map((backend) =>
			row(`model FLOP utilisation of a training step, ${backend}`, '', speedOf(backend)?.['FLOP utilisation, %'], null, percent),
		),
		...backends.map((backend) => {
			const found = memory?.rows.find((one) => one.backend === backend);
			const ratio = found && found['after 500'] / found['after 50'];
			return row(`bytes after 500 steps of mixed lengths / after 50, ${backend}`, 'grows', ratio, { most: 1 }, times);
		}),
		row('frozen weights on WebGPU, in 16 bits / in 32: bytes', '1×', bytes, { most: 0.5 }, times),
		row('their products on WebGPU, in 16 bits / in 32: time', '1×', time, null, times),
		...[
			['SmolLM2-135M', 2],
			['Qwen3-0.6B', 6],
		].map(([name, most]) => {
			const found = modelMemory?.rows.find(({ model, precision }) => model === name && precision === 'f32');
			const taken = found && found['measured, bytes'] / 2 ** 30;
			return row(`training step of ${name}, one row, float32: GPU memory`, '', taken, { most: most as number }, unit('GiB'));
		}),
		...costs(conscience),
		row('shell of the page, gzip', '', shell?.['gzip, kB'], { most: 60 }, unit('kB')),
		row('main thread until the lab can be used', '', shell?.['main thread, s'], { most: 2 }, unit('s')),
	];
}

/** Bytes of all weights together, and the middle product's time: 16 bits over 32. */
function halvesOf(halves: Reports['halves']): [bytes: number | null, time: number | null] {
	if (!halves) return [null, null];
	const total = (key: 'f16, bytes' | 'f32, bytes') => halves.rows.reduce((sum, row) => sum + row[key], 0);
	return [total('f16, bytes') / total('f32, bytes'), median(halves.rows.map((row) => row['f16 / f32, time']))];
}

/** What the conscience may add to a run's seconds, in percent, by its steps: the paper's figure. Where it began was measured on wasm. */
const SECONDS_BEYOND: Record<number, [start: number, most: number]> = { 200: [26, 8], 800: [5, 3] };

/** The lines of all runs that were measured, or of those that were aimed at where none were. */
function costs(conscience: Reports['conscience']): Row[] {
	const all = conscience?.runs.length ? conscience.runs : [{ engine: 'wasm', steps: 200, rows: [] } satisfies ConscienceRuns];
	const inOrder = all.toSorted((a, b) => a.engine.localeCompare(b.engine) || a.steps - b.steps);
	return inOrder.flatMap((runs) => ['webllm', 'frozen-self'].flatMap((judge) => costsWith(judge, runs)));
}

function costsWith(judge: string, { engine, steps, rows }: ConscienceRuns): Row[] {
	const [start, most] = SECONDS_BEYOND[steps] ?? [null, null];
	const found = rows.find((one) => one.judge === judge);
	const mean = (figures: string | undefined) => figures?.split(', ').reduce((sum, one, _, { length }) => sum + Number(one) / length, 0);
	const begun = start === null || engine !== 'wasm' ? '' : percent(start);
	const limit = most === null ? null : { most };
	const where = `${steps} steps, ${judge}, ${engine}`;
	return [
		row(`seconds that the conscience adds, ${where}`, begun, mean(found?.['seconds beyond, %']), limit, percent),
		row(`tokens that the conscience adds, ${where}`, '', mean(found?.['tokens beyond, %']), null, percent),
	];
}

/** What was measured takes the place of what was measured of the same length on the same engine before. */
export const withRuns = <R extends ConscienceRuns>(former: readonly R[], measured: R): R[] => [
	...former.filter(({ engine, steps }) => engine !== measured.engine || steps !== measured.steps),
	measured,
];

const inWords = (met: boolean | null) => (met === null ? '–' : met ? 'yes' : 'no');

/** The table in Markdown. */
export function markdown(rows: readonly Row[]): string {
	const cells = [
		['what', 'start', 'now', 'target', 'met?'],
		...rows.map(({ what, start, now, target, met }) => [what, start || '–', now ?? 'not measured', target || '–', inWords(met)]),
	];
	const widths = cells[0]!.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
	const lines = cells.map((line) => `| ${line.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`);
	const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
	return [lines[0], rule, ...lines.slice(1)].join('\n');
}
