import { expect, type Locator, type Page, test } from '@playwright/test';

import { button, chartTable, expectAccessible, openLab, SMALL } from './lab';

/** Every answer is flagged, and a better one has room, so that there are lessons from the first step on. */
const RUN = {
	...SMALL,
	engine: 'wasm',
	'optimizer.steps': 8,
	'evaluation.every': 4,
	'conscience.threshold': 0,
	'conscience.dpoEvery': 1,
	'conscience.sampling.maxNewTokens': 32,
};

const norms = (page: Page, copy: string): Locator => page.getByRole('region', { name: `Change of each layer, ${copy}` });

/** The change of all projections of each layer, as the table says it. */
const sizes = async (page: Page, copy: string): Promise<number[]> =>
	(await norms(page, copy).locator('tbody tr td:nth-child(3)').allInnerTexts()).map(Number);

test('what training changes inside of the copies is shown as it happens, and with a kept run', async ({ page }) => {
	await openLab(page, RUN);
	await page.getByText('Look inside', { exact: true }).click();
	await expect(page.getByText('nothing looked up yet')).toHaveCount(2);
	await button(page, 'Run').click();
	await expect(button(page, 'Run again')).toBeVisible({ timeout: 120_000 });

	for (const copy of ['Plain fine-tune', 'With conscience']) {
		await expect(norms(page, copy)).toContainText('after step 8');
		const found = await sizes(page, copy);
		expect(found.length).toBeGreaterThan(1);
		expect(Math.min(...found)).toBeGreaterThan(0);
	}
	expect(await sizes(page, 'Plain fine-tune')).not.toEqual(await sizes(page, 'With conscience'));
	const moved = await chartTable(page, 'How far each copy has moved');
	expect(moved.map((row) => row['Step'])).toEqual(['0', '4', '8']);
	expect(moved[0]).toMatchObject({ 'Plain fine-tune': '0.00', 'With conscience': '0.00' });
	const pulls = await chartTable(page, 'Do the code and the conscience pull the same way?');
	expect(pulls.length).toBeGreaterThan(0);
	for (const row of pulls) expect(Math.abs(Number(row['With conscience']!.replace('−', '-')))).toBeLessThanOrEqual(1);
	expect((await chartTable(page, 'Chosen and rejected, against the base')).length).toBe(pulls.length);
	const lies = await chartTable(page, 'Where the answers lie');
	expect(lies.map((row) => row['Step'])).toEqual(['0', '4', '8']);
	expect(lies[0]!['Plain fine-tune']).toBe(lies[0]!['With conscience']); // both begin as the base
	await page.getByLabel('Layer', { exact: true }).selectOption('0');
	expect(await chartTable(page, 'Where the answers lie')).not.toEqual(lies);
	await expect(page.getByTestId('read-answer').first().locator('span')).not.toHaveCount(0);
	await expectAccessible(page, '.inside');

	// The table reads the step that the charts read.
	await page.getByRole('figure').filter({ hasText: 'How far each copy has moved' }).getByRole('slider').press('Home');
	await expect(norms(page, 'Plain fine-tune')).toContainText('after step 0');
	expect(Math.max(...(await sizes(page, 'Plain fine-tune')))).toBe(0);

	const shown = await sizes(page, 'With conscience');
	await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Runs' }).click();
	await page.getByRole('heading', { level: 2 }).getByRole('link').first().click();
	await page.getByText('Look inside', { exact: true }).click();
	await expect(norms(page, 'With conscience')).toContainText('after step 8');
	expect(await sizes(page, 'With conscience')).not.toEqual(shown);
});
