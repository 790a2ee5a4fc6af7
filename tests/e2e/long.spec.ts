import { type CDPSession, expect, type Page, test } from '@playwright/test';

import { answerTime, click, press, timeInteractions } from './interactions';
import { button, openLab, stepOf, workerOf } from './lab';
import { serveTinyModel } from './tinyModel';

const SAY_LITTLE = {
	id: 'short',
	title: 'Short',
	principles: 'Be kind',
	verdictPrompt: '{question} {answer}',
	alternativePrompt: '{question}',
};
/** Steps as small as they can be, each with a call: what is long about this run is what it tells. */
const LONG = {
	preset: 'emergent-alignment',
	engine: 'wasm',
	'optimizer.steps': 20_000, // more than come
	'optimizer.batchSize': 1,
	'lora.rank': 1,
	'conscience.frameworks': JSON.stringify([SAY_LITTLE]),
	'conscience.cadence': JSON.stringify({ kind: 'fixed', every: 1 }),
	'conscience.lag': 0,
	'conscience.promptsPerCall': 5,
	'conscience.dpoEvery': 1000,
	'conscience.sampling.maxNewTokens': 4,
	'evaluation.every': 0,
	'evaluation.samplesWhileTraining': 1,
	'evaluation.sampling.maxNewTokens': 4,
};

/** Two rows of a word each, to learn from. */
const SHORT_ROWS = ['Yes.', 'No.']
	.map((content) =>
		JSON.stringify({
			messages: [
				{ role: 'user', content: 'Well?' },
				{ role: 'assistant', content },
			],
		}),
	) // prettier-ignore
	.join('\n');

declare global {
	interface Window {
		/** Bytes that the workers have told the page, as JSON. */
		told: number;
	}
	/** What tfjs keeps for the whole worker. */
	var _tfengine: { memory(): { numTensors: number; numBytes: number }; backendInstance: { wasm: { HEAPU8: Uint8Array } } };
}

/** Counts what workers tell the page from the next page on. */
async function countTold(page: Page): Promise<void> {
	await page.addInitScript(() => {
		window.told = 0;
		window.Worker = class extends Worker {
			constructor(url: string | URL, options?: WorkerOptions) {
				super(url, options);
				this.addEventListener('message', ({ data }) => (window.told += JSON.stringify(data).length));
			}
		};
	});
}

/** What page and worker hold while the run rests, in bytes and in numbers of things. */
async function held(page: Page, cdp: CDPSession) {
	await cdp.send('HeapProfiler.collectGarbage');
	const { usedSize } = await cdp.send('Runtime.getHeapUsage');
	const { nodes, jsEventListeners } = await cdp.send('Memory.getDOMCounters');
	const worker = await workerOf(page, 'emergent-alignment');
	return {
		step: await stepOf(page, 'With conscience'),
		told: await page.evaluate(() => window.told),
		heap: usedSize,
		nodes,
		jsEventListeners,
		worker: await worker.evaluate(() => {
			const { numTensors, numBytes } = _tfengine.memory();
			return { numTensors, numBytes, wasmBytes: _tfengine.backendInstance.wasm.HEAPU8.byteLength };
		}),
	};
}
type Held = Awaited<ReturnType<typeof held>>;

/** Lets the run go on to a step, and rest there. */
async function runTo(page: Page, step: number) {
	await button(page, 'Run').or(button(page, 'Go on')).click();
	await expect.poll(() => stepOf(page, 'With conscience'), { timeout: 240_000, intervals: [500] }).toBeGreaterThanOrEqual(step);
	await button(page, 'Pause').click();
	await expect(button(page, 'Go on')).toBeVisible();
}

test.use({ trace: 'off' }); // a trace pictures the page at every move, and that would be measured, too

test('two thousand steps with ten thousand verdicts take the room of what they told, and no more', async ({ page }) => {
	test.setTimeout(600_000); // about two minutes on two free cores
	await serveTinyModel(page); // a step of the organism takes four times as long, and is told in as many words
	await timeInteractions(page);
	await countTold(page);
	await openLab(page, LONG);
	await page
		.getByLabel('Open a file…')
		.setInputFiles({ name: 'short.jsonl', mimeType: 'application/jsonl', buffer: Buffer.from(SHORT_ROWS) });
	const cdp = await page.context().newCDPSession(page);
	const rests = [];
	for (const step of [200, 1000, 2000]) {
		await runTo(page, step);
		rests.push(await held(page, cdp));
	}
	const told = rests.map((rest) => JSON.stringify(rest)).join('\n');
	console.log(told);
	test.info().annotations.push({ type: 'held', description: told });
	const [early, , late] = rests as [Held, Held, Held];

	// Of the page only the marks of the calls grow in number, one to every few pixels of the axis.
	expect(late.nodes - early.nodes).toBeLessThan(100);
	// A card has its listeners, and as many cards are drawn as fit: one more or less by what they say, and not one for each that came.
	expect(Math.abs(late.jsEventListeners - early.jsEventListeners)).toBeLessThan(5);
	// What is told is kept, as objects that take about the room of their JSON (0.95 of it, measured): a field's name is stored once for all
	// cards, but a number takes twelve bytes, and is held again as the point of a chart. Half as much again leaves the collector its slack.
	expect(late.heap - early.heap).toBeLessThan(1.5 * (late.told - early.told));
	expect(late.worker).toEqual(early.worker);

	await button(page, 'Go on').click();
	await expect(page.getByRole('button', { name: /^All 1\d,\d{3}$/ })).toBeVisible();
	const p95 = await answerTime(page, 100, 40, async () => {
		for (let time = 0; time < 2; time++) await goThroughCards(page);
	});
	expect(p95).toBeLessThan(100);
	await button(page, 'End here').click();
});

async function goThroughCards(page: Page) {
	await click(page.getByRole('button', { name: /^Flagged [\d,]+$/ }));
	await click(page.getByRole('button', { name: /^All [\d,]+$/ }));
	await click(page.getByRole('searchbox', { name: 'Search the answers' }));
	await press(page, ...'friend');
	await press(page, ...Array<string>(6).fill('Backspace'));
	await page.getByLabel('Verdict', { exact: true }).focus();
	await press(page, 'n', 'a'); // only the neutral ones, and any verdict again
	await page.getByRole('feed').getByRole('article').first().focus();
	await press(page, 'End', 'PageUp', 'ArrowUp', 'Home', 'PageDown', 'Home');
	await page.getByRole('feed').hover();
	for (let turn = 0; turn < 5; turn++) await page.mouse.wheel(0, 5000);
	await click(page.getByRole('feed').getByRole('article').nth(2).getByRole('button', { name: 'Pin' }));
	await click(page.getByRole('button', { name: /^Pinned 1$/ }));
	await click(page.getByRole('feed').getByRole('button', { name: 'Pin' }));
	await click(page.getByRole('button', { name: /^All [\d,]+$/ }));
}
