import { expect, type Page, test } from '@playwright/test';

import { button, expectAccessible, openLab, SMALL, standing } from './lab';
import { serveTinyModel } from './tinyModel';

/** The themes and widths in which every state of a page is looked at. */
const LOOKS = (['light', 'dark'] as const).flatMap((colorScheme) => [1280, 400].map((width) => ({ colorScheme, width })));

/** Each theme once, and each width. */
const CROSSWISE = LOOKS.filter(({ colorScheme, width }) => (colorScheme === 'light') === (width === 400));

/** Nothing of the page is shut off in these themes and widths, nor wider than the screen. */
async function expectAccessibleIn(looks: typeof LOOKS, page: Page) {
	for (const { colorScheme, width } of looks) {
		await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
		await page.setViewportSize({ width, height: 860 });
		await expectAccessible(page);
		expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
	}
}

test('nobody is shut out at the start and in mid-run', async ({ page }) => {
	await serveTinyModel(page);
	await openLab(page, { ...SMALL, engine: 'wasm', 'conscience.lambda': 0.5 });
	await expectAccessibleIn(LOOKS, page);

	await button(page, 'One step').click();
	await expect(standing(page, 'paused')).toHaveCount(2);
	await page.getByText(/^The whole experiment/).click();
	await page.getByRole('button', { name: 'Show as table' }).first().click();
	await page.getByLabel('Open a file…').setInputFiles({ name: 'experiment.json', mimeType: 'application/json', buffer: Buffer.from('{}') });
	await expect(page.getByRole('alert')).toBeVisible();
	await expectAccessibleIn(CROSSWISE, page);
});

test('nobody is shut out of the pages Judges and About', async ({ page }) => {
	await page.goto('./#/judges');
	await expect(page.getByRole('heading', { level: 1, name: 'The judges' })).toBeVisible();
	await expectAccessibleIn(LOOKS, page);

	await page.getByRole('link', { name: 'About' }).click();
	await expect(page.getByRole('heading', { level: 1, name: 'About this lab' })).toBeVisible();
	await expectAccessibleIn(LOOKS, page);
});

/** The page in a theme that the system has chosen, or the reader on a system that has chosen the other. */
async function openIn(page: Page, theme: 'light' | 'dark', by: string) {
	const other = theme === 'light' ? 'dark' : 'light';
	await page.emulateMedia({ colorScheme: by === 'the system' ? theme : other, reducedMotion: 'reduce' });
	await page.goto('./#/runs');
	if (by !== 'the system') await page.getByLabel('Theme').selectOption(theme);
}

for (const [theme, by] of [
	['light', 'the page’s switch'],
	['dark', 'the system'],
] as const) {
	test(`nobody is shut out of the runs and their comparison (${theme} by ${by})`, async ({ page }) => {
		await openIn(page, theme, by);
		await page.getByLabel('Add runs from a zip…').setInputFiles('static/recorded/twin.zip');
		await expect(page.getByText('twin.zip: 2 runs were added.')).toBeVisible();
		await expectAccessible(page);
		await button(page, 'Delete').click();
		await expectAccessible(page, 'dialog');
		await page.keyboard.press('Escape');
		await page.getByRole('link', { name: 'Two copies, one difference' }).click();
		await expect(page.getByTestId('verdict').first()).toBeVisible();
		await expectAccessible(page);
		await page.getByRole('link', { name: 'Compare the copies' }).click();
		await expect(page.getByRole('heading', { name: 'Paired differences' })).toBeVisible();
		await expectAccessible(page);
	});

	test(`nobody is shut out of the dialogs, the tour and the projector’s view (${theme} by ${by})`, async ({ page }) => {
		await openIn(page, theme, by);
		await openLab(page, { preset: 'twin', engine: 'wasm' }); // with the end of the recorded run, and all that it told
		await button(page, 'Look at the data').click();
		await expect(page.getByRole('dialog').getByText('Learnt:').first()).toBeVisible();
		await expectAccessible(page, 'dialog');
		await page.keyboard.press('Escape');
		await page.getByText('Frameworks (3)').click();
		await page
			.getByRole('button', { name: /^Read and edit/ })
			.first()
			.click();
		await expectAccessible(page, 'dialog');
		await page.keyboard.press('Escape');
		await page.getByRole('gridcell').nth(30).getByRole('button').click();
		await expectAccessible(page, 'dialog');
		await page.keyboard.press('Escape');
		await page.keyboard.press('?');
		await expectAccessible(page, 'dialog');
		await page.keyboard.press('Escape');
		await button(page, 'Tour').click();
		await expectAccessible(page);
		await page.keyboard.press('Escape');
		await page.keyboard.press('p');
		await expect(page.locator('html')).toHaveAttribute('data-projector');
		await expectAccessible(page);
	});
}
