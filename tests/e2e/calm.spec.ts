import { expect, type Locator, type Page, test } from '@playwright/test';

import { answerTime, click, press, timeInteractions } from './interactions';
import { button, openLab, stepOf } from './lab';

const verdicts = (page: Page): Locator => page.getByRole('feed', { name: /^Verdicts/ });
const figure = (page: Page, title: string): Locator =>
	page.getByRole('figure').filter({ has: page.getByRole('heading', { name: title, exact: true }) });

test.use({ trace: 'off' }); // a trace pictures the page at every move, and that would be measured, too

/** What a reader does while the copies learn. Each begins with a click and leaves the page as it was. */
const READING: readonly ((page: Page) => Promise<void>)[] = [
	async function searchesTheAnswers(page) {
		const box = page.getByRole('searchbox', { name: 'Search the answers' });
		await click(box);
		await press(page, ...'work');
		await press(page, 'Backspace', 'Backspace', 'Backspace', 'Backspace');
	},
	async function filtersThem(page) {
		await click(page.getByRole('button', { name: /^Flagged [\d,]+$/ }));
		await click(page.getByRole('button', { name: /^All [\d,]+$/ }));
		await page.getByLabel('Verdict', { exact: true }).focus();
		await press(page, 'e', 'a'); // only the ethical ones, and any verdict again
	},
	async function readsACard(page) {
		const card = verdicts(page).getByRole('article').first();
		await click(card.getByText('What the judge was asked'));
		await click(card.getByText('What the judge was asked'));
		await click(card.getByRole('button', { name: 'I disagree' }));
		await click(card.getByRole('button', { name: 'Never mind' }));
		await click(card.getByRole('button', { name: 'Pin' }));
		await click(card.getByRole('button', { name: 'Pin' }));
		await card.focus();
		await press(page, 'ArrowDown', 'ArrowDown', 'ArrowUp', 'PageDown', 'End', 'Home');
	},
	async function readsTheChart(page) {
		const reader = page.getByRole('slider', { name: 'Step to read in “Loss on the code”' });
		await click(reader);
		await press(page, 'Home', 'ArrowRight', 'ArrowRight', 'PageUp', 'ArrowLeft', 'End', 'Escape');
		await reader.hover({ position: { x: 20, y: 20 } });
	},
	async function smooths(page) {
		await page.getByRole('slider', { name: 'Smoothing' }).focus();
		await press(page, 'ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowLeft', 'ArrowLeft', 'ArrowLeft');
	},
	async function scrubs(page) {
		await page.getByLabel('Evaluation in view').focus();
		await press(page, 'Home', 'ArrowRight', 'ArrowRight', 'ArrowLeft', 'End');
	},
	async function readsAQuestion(page) {
		await click(page.getByRole('grid').getByRole('gridcell').nth(3).getByRole('button'));
		await click(button(page, 'Next question'));
		await click(page.getByRole('region', { name: 'Answers' }));
		await press(page, 'ArrowDown', 'ArrowDown', 'PageDown');
		await press(page, 'Escape');
	},
	async function readsATable(page) {
		const toggle = figure(page, 'Loss on the code').getByRole('button', { name: 'Show as table' });
		await click(toggle);
		await click(toggle);
	},
	async function turnsAKnob(page) {
		await page.getByLabel('Weight of the conscience, λ').focus();
		await press(page, 'ArrowLeft', 'ArrowLeft', 'ArrowRight', 'ArrowRight');
	},
	async function looksAtTheKeys(page) {
		await click(page.getByRole('heading', { level: 1 }));
		await press(page, '?', 'Escape');
	},
];

// One copy, since two keep two cores busy all the time: on a machine with no third one, what is timed then is how the system shares them
// out (a p95 of 88 and 105 ms in two runs with nothing else at work), and not the page.
test('the page answers within a tenth of a second while a copy learns', async ({ page }) => {
	await timeInteractions(page);
	await openLab(page, { preset: 'emergent-alignment', engine: 'wasm', 'optimizer.steps': 1000 }); // of the preset’s size, and long enough
	await button(page, 'Run').click();
	await expect.poll(() => stepOf(page, 'With conscience'), { timeout: 120_000 }).toBeGreaterThan(10);
	const p95 = await answerTime(page, 100, 50, async () => {
		for (const read of READING) await read(page);
	});
	expect(p95).toBeLessThan(100);
});
