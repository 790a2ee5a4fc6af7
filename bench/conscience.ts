/**
 * `npm run bench -- conscience`: what the conscience costs a run, in seconds and tokens beyond its plain fine-tune, with each judge, on the
 * built lab in one Chromium. The judges take turns, so that a machine that slows down slows all of them. `--engine webgpu --steps 800` measures
 * runs of another engine or length; the report keeps what was measured of the others.
 */
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { type Browser, chromium } from 'playwright';
import { preview } from 'vite';

import { CHROMIUM_FLAGS, ensureChromium } from '../scripts/chromium.mjs';
import { type PartReport, processor, today, writeReport } from './report';
import { type ConscienceRuns, withRuns } from './table';

const { values } = parseArgs({
	options: {
		rounds: { type: 'string', default: '3' },
		steps: { type: 'string', default: '200' },
		engine: { type: 'string', default: 'wasm' },
		out: { type: 'string', default: 'bench/results/conscience.json' },
	},
});
const { engine } = values;
if (engine !== 'wasm' && engine !== 'webgpu') throw new RangeError(`--engine is ${engine}; expected wasm or webgpu.`);
const JUDGES = ['webllm', 'frozen-self'] as const;
/** A run on a GPU that the processor plays takes an hour. */
const PATIENCE_MS = 4 * 3_600_000;

/** Runs of one engine and length, as they are kept. */
type Measured = ConscienceRuns & Pick<PartReport, 'date' | 'processor' | 'adapter'>;

interface Cost {
	judge: (typeof JUDGES)[number];
	/** Of the plain fine-tune's, in percent. */
	tokens: number;
	seconds: number;
	calls: number;
}

/** Runs the copy with a conscience to its end, and reads what it cost where the page tells it. */
async function measure(browser: Browser, origin: string, judge: Cost['judge'], seed: number): Promise<Cost> {
	const page = await browser.newPage(); // a context of its own: nothing is kept from the run before
	const experiment = {
		preset: 'emergent-alignment',
		engine,
		seed,
		'conscience.judge': judge,
		'optimizer.steps': values.steps,
		'evaluation.every': 0,
		'evaluation.samplesWhileTraining': 1,
		'evaluation.samples': 1,
		'evaluation.codePrompts': 0,
	};
	await page.goto(`${origin}#/?${new URLSearchParams(Object.entries(experiment).map(([key, value]) => [key, String(value)]))}`);
	await page.getByRole('button', { name: 'Run', exact: true }).click();
	await page.getByRole('button', { name: 'Run again', exact: true }).waitFor({ timeout: PATIENCE_MS });
	const said = await page.getByText(/tokens, and \+[\d,.]+ % seconds, with \d+ calls/).innerText();
	const tile = await page.locator('.cost .value').innerText();
	await page.close();
	const [, seconds, calls] = /\+([\d,.]+) % seconds, with (\d+) calls/.exec(said)!;
	return { judge, tokens: Number(/[\d.]+/.exec(tile)![0]), seconds: Number(seconds!.replace(',', '')), calls: Number(calls) };
}

/** The GPU that the page gets, where WebLLM judges whatever the engine is; null without one. */
async function adapterOf(browser: Browser, origin: string): Promise<string | null> {
	const page = await browser.newPage();
	await page.goto(origin); // only a safe origin has a GPU
	const adapter = await page.evaluate(async () => {
		const found = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
		return found ? [found.info.vendor, found.info.architecture, found.info.device, found.info.description].filter(Boolean).join(' ') : null;
	});
	await page.close();
	return adapter;
}

const server = await preview({ preview: { port: 0 }, logLevel: 'warn' });
const browser = await chromium.launch({ executablePath: await ensureChromium(), args: CHROMIUM_FLAGS });
const costs: Cost[] = [];
let adapter: string | null;
try {
	adapter = await adapterOf(browser, server.resolvedUrls!.local[0]!);
	for (let round = 0; round < Number(values.rounds); round++) {
		for (const judge of JUDGES) {
			const cost = await measure(browser, server.resolvedUrls!.local[0]!, judge, round + 1);
			costs.push(cost);
			console.log(`seed ${round + 1}, ${judge}: +${cost.tokens} % tokens, +${cost.seconds} % seconds, ${cost.calls} calls`);
		}
	}
} finally {
	await browser.close();
	await server.close();
}
const rows = JUDGES.map((judge) => {
	const own = costs.filter((cost) => cost.judge === judge);
	const bySeed = (figure: 'tokens' | 'seconds' | 'calls') => own.map((cost) => cost[figure]).join(', ');
	return { judge, 'tokens beyond, %': bySeed('tokens'), 'seconds beyond, %': bySeed('seconds'), calls: bySeed('calls') };
});
console.table(rows);
const where = { date: today(), processor: processor(), adapter };
const former = existsSync(values.out) ? (JSON.parse(readFileSync(values.out, 'utf8')) as { runs: Measured[] }).runs : [];
writeReport(values.out, {
	what: 'What the conscience adds to plain fine-tuning of the organism, in percent of it, with its judge in WebLLM and in the trainer, by the engine that trains and the number of steps.',
	how: 'One run for each seed and judge, the judges in turn, each on a fresh page; the figures of seeds 1, 2, … in a row, as the page tells them.',
	...where,
	runs: withRuns(former, { engine, steps: Number(values.steps), ...where, rows }),
});
process.exit(); // the preview's server keeps connections open
