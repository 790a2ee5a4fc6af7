import { expect, type Page, test } from '@playwright/test';

import { button, expectAccessible } from './lab';

const bench = (page: Page) => page.getByRole('group', { name: 'Answers to label' });
const kept = (page: Page) => page.getByRole('list', { name: 'Labels in this browser' }).getByRole('listitem');

async function openJudges(page: Page): Promise<void> {
	await page.goto('./#/judges');
	await expect(page.getByRole('heading', { level: 2, name: 'Judges on trial' })).toBeVisible();
}

test('answers are labelled blind by keyboard, and the labels outlive a reload', async ({ page }) => {
	await openJudges(page);
	await page.getByLabel('Your pseudonym').fill('ida');
	await page.keyboard.press('Enter');
	await expect(bench(page)).toBeFocused();
	await expect(bench(page)).toContainText('0 of 100 labelled by ida');
	const answer = bench(page).locator('.speech').first();
	const first = await answer.innerText();
	for (const key of ['1', '2', '3', 'e', 'u']) await page.keyboard.press(key);
	await expect(bench(page)).toContainText('5 of 100 labelled');
	await expect(bench(page)).toContainText(/\d+ a minute, about .+ left/);
	await page.keyboard.press('ArrowLeft');
	await expect(bench(page).getByRole('button', { name: 'unethical' })).toHaveAttribute('aria-pressed', 'true');
	await expectAccessible(page);
	await expect(kept(page)).toContainText(['ida: 5 answers labelled']);

	await page.reload();
	await expect(kept(page)).toContainText(['ida: 5 answers labelled']);
	await button(page, 'Begin to label').click();
	await expect(bench(page)).toContainText('5 of 100 labelled by ida');
	await expect(page.getByText('You gave no pseudonym: what you say is kept as that of “ida”.')).toBeVisible();
	await expect(answer).not.toHaveText(first);
	const download = page.waitForEvent('download');
	await button(page, 'Labels of ida as CSV').click();
	expect((await download).suggestedFilename()).toBe('labels-ida.csv');
	await button(page, 'Delete the labels of ida').click();
	await button(page, 'Delete 5 labels for good').click();
	await expect(kept(page)).toHaveCount(0);
});

test('of a table with a bad line the line is named, and the others can be used', async ({ page }) => {
	await openJudges(page);
	await page.getByText('Or bring labels that people gave elsewhere').click();
	const table =
		'question,answer,label,labeller\nq1,a1,ethical,ida\nq1,a1,ethical,bo\nq2,a2,wicked,ida\nq3,a3,unethical,ida\nq3,a3,neutral,bo\n';
	await page.getByLabel('Open labels…').setInputFiles({ name: 'mine.csv', mimeType: 'text/csv', buffer: Buffer.from(table) });
	const faults = page.getByRole('alert').filter({ hasText: 'mine.csv' });
	await expect(faults).toContainText('line 4: label: expected ethical, neutral, unethical, received "wicked"');
	await faults.getByRole('button', { name: 'Leave them out and use 4 labels' }).click();
	await page.getByLabel('Tried by').selectOption('mine.csv');
	await expect(page.getByText('1 answer has a label; on 1 more as many labellers say one thing as another')).toBeVisible();
	await expect(page.getByText(/2 labellers; their Krippendorff’s α is/)).toBeVisible();
	await page
		.getByLabel('Open labels…')
		.setInputFiles({ name: 'virtue.csv', mimeType: 'text/csv', buffer: Buffer.from('label,scenario\n1,x') });
	await expect(page.getByRole('alert').filter({ hasText: 'another part of ETHICS' })).toBeVisible();
});

test('the frozen copy is tried by the world’s true labels beside the oracle, with intervals, a chart and a word on its family', async ({
	page,
}) => {
	await page.goto('./#/?conscience.judge="frozen-self"&engine=wasm');
	await expect(page.getByTestId('backend')).toContainText('runs the model');
	await page.getByRole('link', { name: 'Judges' }).click();
	await button(page, 'Put them on trial').click();
	const table = page.getByRole('region', { name: 'The judges side by side' });
	const row = (name: string) => table.getByRole('row').filter({ has: page.getByRole('rowheader', { name }) });
	await expect(row('The world’s own grammar')).toContainText('1.00 (no interval)', { timeout: 120_000 });
	await expect(row('A frozen copy in the trainer')).toContainText(/\d+ % \(\d+ to \d+ %\), of \d+/);
	await expect(page.getByRole('note')).toContainText('Judge and policy are of one family.');
	await expect(page.getByText(/Of a hundred unethical answers it finds about \d+ \(\d+ to \d+\)/).first()).toBeVisible();
	const chart = page.getByRole('figure').filter({ hasText: 'How far a frozen copy in the trainer can be taken at its word' });
	await expect(chart.getByRole('img')).toBeVisible();
	await chart.getByRole('button', { name: 'Show as table' }).click();
	await expect(chart.getByRole('columnheader', { name: 'P(unethical), %' })).toBeVisible();
	await expect(page.getByRole('heading', { name: 'Tried by true labels of answers that the world wrote: 60 answers' })).toBeVisible();
	await page.getByLabel('as having said nothing').check();
	await expect(page.getByText('it or the label abstained').first()).toBeVisible();
	for (const width of [1280, 400]) {
		await page.setViewportSize({ width, height: 860 });
		await expectAccessible(page);
		expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
	}
});

test('a judge is tried by the answers of a kept run, whose rate is then corrected for its errors', async ({ page }) => {
	await page.goto('./#/runs');
	await page.getByLabel('Add runs from a zip…').setInputFiles('static/recorded/twin.zip');
	await expect(page.getByText(/2 runs|were added/).first()).toBeVisible();
	await page.goto('./#/?conscience.judge="frozen-self"&engine=wasm');
	await expect(page.getByTestId('backend')).toContainText('runs the model');
	await page.getByRole('link', { name: 'Judges' }).click();
	const tried = page.getByLabel('Tried by');
	const plain = await tried.getByRole('option', { name: /true labels of a run: .*plain/ }).innerText();
	await tried.selectOption(plain);
	await expect(page.getByText(/^[1-9]\d+ answers have a label/)).toBeVisible();
	await button(page, 'Put them on trial').click();
	await expect(page.getByRole('heading', { name: `Tried by ${plain}` })).toBeVisible();
	await expect(page.getByText('The trial below was held by other labels')).toBeHidden();
	await tried.selectOption('true labels of answers that the world wrote');
	await expect(page.getByText(`The trial below was held by other labels: ${plain}.`)).toBeVisible();
	await tried.selectOption(plain);
	const corrected = page.getByRole('region', { name: 'What is left of a run’s score' });
	await corrected.getByLabel('Run').selectOption(plain.replace('true labels of a run: ', ''));
	await expect(corrected).toContainText(/calls\s+[\d.]+ %\s+of \d+\s+answers[^]* that\s+makes\s+[\d.]+ % \([\d.]+ to [\d.]+ %\)/);
	await expect(corrected).toContainText(/the world knows the truth[^]* it\s+is\s+[\d.]+ %\s+of the \d+/);
	await page.setViewportSize({ width: 400, height: 860 });
	await expectAccessible(page);
	expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(400);
	const selects = await page.locator('select').evaluateAll((all) => all.map((select) => select.getBoundingClientRect().right));
	expect(Math.max(...selects)).toBeLessThanOrEqual(400); // the names of runs are long
});
