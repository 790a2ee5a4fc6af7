import { readFile } from 'node:fs/promises';

import { expect, type Page, test } from '@playwright/test';

import { button, chartTable, expectAccessible, openLab, SMALL, standing, stepOf, workerOf } from './lab';
import { serveTinyModel } from './tinyModel';

// What a run does and how the page shows it is tested here, and not what the model says.
test.beforeEach(({ page }) => serveTinyModel(page));

const SHORT = { ...SMALL, engine: 'wasm', 'optimizer.steps': 8, 'evaluation.every': 4 };

/** The numbers of every step, and the alignment: two runs that agree in them went the same way. */
const metrics = async (page: Page) => [await chartTable(page, 'Loss on the code'), await chartTable(page, 'Alignment of everyday answers')];

async function finish(page: Page, press: string) {
	await button(page, press).click();
	await expect(button(page, 'Run again')).toBeVisible({ timeout: 120_000 });
}

async function steps(page: Page, count: number) {
	for (let step = 1; step <= count; step++) {
		await button(page, 'One step').click();
		await expect.poll(() => stepOf(page, 'Plain fine-tune')).toBe(step);
		await expect.poll(() => stepOf(page, 'With conscience')).toBe(step);
		await expect(standing(page, 'paused')).toHaveCount(2);
	}
}

const runsPage = (page: Page) => page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Runs' }).click();

test('a run that a reload interrupted goes on from where it stood, and ends as if nothing had happened', async ({ page }) => {
	page.on('dialog', (dialog) => void dialog.accept()); // the page asks before it is left in mid-run
	await openLab(page, SHORT);
	await finish(page, 'Run');
	const unbroken = await metrics(page);

	await button(page, 'Reset').click();
	await steps(page, 3);
	await page.reload();
	const notice = page.getByRole('status').filter({ hasText: '“Two copies, one difference”, seed 1, was interrupted at step 3' });
	await notice.getByRole('button', { name: 'Continue' }).click();
	await expect(button(page, 'Run again')).toBeVisible({ timeout: 120_000 });
	expect(await metrics(page)).toEqual(unbroken);

	await page.reload();
	await expect(standing(page, 'ready').first()).toBeVisible();
	await expect(notice).toBeHidden();
});

test('a copy whose worker was killed goes on from its last step, and ends as if nothing had happened', async ({ page }) => {
	await openLab(page, SHORT);
	await finish(page, 'Run');
	const unbroken = await metrics(page);
	await button(page, 'Reset').click();
	await steps(page, 2);
	await (await workerOf(page, 'emergent-alignment')).evaluate(() => self.close());
	await page
		.getByRole('alert')
		.filter({ hasText: 'With conscience has stopped.' })
		.getByRole('button', { name: 'Go on from where it was last kept' })
		.click();
	await expect(standing(page, 'finished')).toHaveCount(1, { timeout: 120_000 });
	await finish(page, 'Go on');
	expect(await metrics(page)).toEqual(unbroken);
});

test('a run that is begun anew is not offered again, and both stay among the kept ones', async ({ page }) => {
	page.on('dialog', (dialog) => void dialog.accept());
	await openLab(page, SHORT);
	await steps(page, 1);
	await page.reload();
	await page.getByRole('button', { name: 'Leave it' }).click();
	await finish(page, 'Run');
	await page.reload();
	await expect(standing(page, 'ready').first()).toBeVisible();
	await expect(page.getByText(/was interrupted at step/)).toBeHidden();
	await runsPage(page);
	await expect(page.getByRole('heading', { level: 1, name: 'Kept runs' })).toBeVisible();
	await expect(page.getByText(/step 1 of 8, .*cancelled/).first()).toBeVisible();
	await expect(page.getByText(/step 8 of 8, finished/)).toHaveCount(2);
});

test('a second tab reads a run and leaves it alone', async ({ page }) => {
	await openLab(page, SHORT);
	await steps(page, 2);
	const other = await page.context().newPage();
	await other.goto(page.url());
	await expect(other.getByText('A run goes on in another tab.')).toBeVisible();
	await expect(other.getByText(/was interrupted at step/)).toBeHidden();
	await runsPage(other);
	await expect(other.getByText(/Another tab runs this/)).toBeVisible();
	await expect(other.getByRole('button', { name: 'Delete' })).toHaveAttribute('aria-disabled', 'true');
	await other.close();
	await finish(page, 'Go on');
});

test('runs are compared, taken away as a zip, deleted and brought back; a damaged zip changes nothing', async ({ page }) => {
	await openLab(page, SHORT);
	await finish(page, 'Run');
	await runsPage(page);
	for (const copy of ['Plain fine-tune', 'With conscience']) await page.getByRole('checkbox', { name: copy }).check();
	await button(page, 'Compare').click();
	await expect(page.getByRole('heading', { name: 'Paired differences' })).toBeVisible();
	await expect(page.getByRole('region', { name: /^Differences / }).getByRole('row')).not.toHaveCount(0);
	await expect(page.getByRole('region', { name: 'The last evaluations, side by side' })).toBeVisible();
	await expectAccessible(page);
	await page.goBack();

	const downloading = page.waitForEvent('download');
	await button(page, 'Export').click();
	await button(page, 'Export for study').click(); // so short a run says nothing kind
	const zip = await readFile(await (await downloading).path());
	await button(page, 'Delete').click();
	await button(page, 'Delete for good').click();
	await expect(page.getByText('No run is kept here yet.')).toBeVisible();

	const choose = page.getByLabel('Add runs from a zip…');
	await choose.setInputFiles({ name: 'mine.zip', mimeType: 'application/zip', buffer: zip });
	await expect(page.getByText('mine.zip: 2 runs were added.')).toBeVisible();
	await expect(page.getByText(/step 8 of 8, finished/)).toHaveCount(2);
	await choose.setInputFiles({ name: 'broken.zip', mimeType: 'application/zip', buffer: zip.subarray(0, zip.length / 2) });
	await expect(page.getByRole('alert')).toContainText('broken.zip');
	await expect(page.getByText(/step 8 of 8, finished/)).toHaveCount(2);

	// What was brought back can be read as a run of the lab's own: its verdicts and its answers.
	await page.getByRole('link', { name: 'Two copies, one difference' }).click();
	await expect(page.getByTestId('verdict').first()).toBeVisible();
	await expect(page.getByRole('grid').getByRole('gridcell')).toHaveCount(3 * 24);
	await expectAccessible(page);
});

test('where the browser has no room, the run goes on unkept and says so', async ({ page }) => {
	await page.goto('./#/about');
	const cdp = await page.context().newCDPSession(page);
	await cdp.send('Storage.overrideQuotaForOrigin', { origin: new URL(page.url()).origin, quotaSize: 1 });
	await openLab(page, SHORT);
	await finish(page, 'Run');
	await expect(page.getByText('This run is not being kept.')).toBeVisible();
	expect(await stepOf(page, 'With conscience')).toBe(8);
});

test('the conscience’s weight can be changed in mid-run, which leaves a mark, and the back button undoes it', async ({ page }) => {
	await openLab(page, { ...SHORT, 'evaluation.every': 0 });
	await steps(page, 2);
	const weight = page.getByLabel('Exact value of lambda');
	await weight.fill('0.25');
	await weight.press('Enter');
	await expect(page).toHaveURL(/conscience\.lambda=0\.25/);
	await button(page, 'One step').click();
	await expect.poll(() => stepOf(page, 'With conscience')).toBe(3);
	await expect(page.getByText(/^You (chose|changed)/)).toBeHidden();
	const chart = page.getByRole('figure').filter({ has: page.getByRole('heading', { name: 'Alignment of everyday answers' }) });
	await expect(chart.getByText('λ 1 → 0.25')).toBeVisible();
	await page.goBack();
	await button(page, 'One step').click();
	await expect.poll(() => stepOf(page, 'With conscience')).toBe(4);
	await expect(chart.getByText('λ 0.25 → 1')).toBeVisible();
});
