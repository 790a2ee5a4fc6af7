import AxeBuilder from '@axe-core/playwright';
import { expect, type Page, test } from '@playwright/test';

import { button, openLab, SMALL, standing } from './lab';

async function expectAccessible(page: Page) {
	const { violations } = await new AxeBuilder({ page }).analyze();
	expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)).toEqual([]);
}

for (const colorScheme of ['light', 'dark'] as const) {
	for (const width of [1280, 400]) {
		test(`nobody is shut out at the start, in mid-run and on the About page (${colorScheme}, ${width} px)`, async ({ page }) => {
			await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
			await page.setViewportSize({ width, height: 860 });
			await openLab(page, { ...SMALL, engine: 'wasm', 'conscience.lambda': 0.5 });
			await expectAccessible(page);
			expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);

			await button(page, 'One step').click();
			await expect(standing(page, 'paused')).toHaveCount(2);
			await page.getByText(/^What is being run/).click();
			await page.getByRole('button', { name: 'Show as table' }).first().click();
			await page
				.getByLabel('Open a file…')
				.setInputFiles({ name: 'experiment.json', mimeType: 'application/json', buffer: Buffer.from('{}') });
			await expect(page.getByRole('alert')).toBeVisible();
			await expectAccessible(page);
			expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);

			await page.getByRole('link', { name: 'About' }).click();
			await expect(page.getByRole('heading', { level: 1, name: 'About this lab' })).toBeVisible();
			await expectAccessible(page);
		});
	}
}
