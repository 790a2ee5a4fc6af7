/**
 * `npm run bench -- conscience`: what the conscience costs a run, in seconds and tokens beyond its plain fine-tune, with each judge, on the
 * built lab in one Chromium. The copy learns on wasm; the judges take turns, so that a machine that slows down slows all of them.
 */
import { parseArgs } from 'node:util';

import { type Browser, chromium } from 'playwright';
import { preview } from 'vite';

import { CHROMIUM_FLAGS, ensureChromium } from '../scripts/chromium.mjs';
import { processor, today, writeReport } from './report';

const { values } = parseArgs({
	options: {
		rounds: { type: 'string', default: '3' },
		steps: { type: 'string', default: '200' },
		out: { type: 'string', default: 'bench/results/conscience.json' },
	},
});
const JUDGES = ['webllm', 'frozen-self'] as const;

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
		engine: 'wasm',
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
	await page.getByRole('button', { name: 'Run again', exact: true }).waitFor({ timeout: 1_800_000 });
	const said = await page.getByText(/tokens, and \+[\d,.]+ % seconds, with \d+ calls/).innerText();
	const tile = await page.locator('.cost .value').innerText();
	await page.close();
	const [, seconds, calls] = /\+([\d,.]+) % seconds, with (\d+) calls/.exec(said)!;
	return { judge, tokens: Number(/[\d.]+/.exec(tile)![0]), seconds: Number(seconds!.replace(',', '')), calls: Number(calls) };
}

const server = await preview({ preview: { port: 0 }, logLevel: 'warn' });
const browser = await chromium.launch({ executablePath: await ensureChromium(), args: CHROMIUM_FLAGS });
const costs: Cost[] = [];
try {
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
const report = {
	what: `What the conscience adds to ${values.steps} steps of plain fine-tuning of the organism on wasm, in percent of it, with its judge in WebLLM and in the trainer.`,
	how: 'One run for each seed and judge, the judges in turn, each on a fresh page; the figures of seeds 1, 2, … in a row, as the page tells them.',
	...{ date: today(), processor: processor(), adapter: 'SwiftShader, on the same cores' },
	steps: Number(values.steps),
	rows,
};
writeReport(values.out, report);
process.exit(); // the preview's server keeps connections open
