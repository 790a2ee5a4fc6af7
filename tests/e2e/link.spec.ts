import { expect, test } from '@playwright/test';

import { button, openLab } from './lab';

const lambda = 'Weight of the conscience, λ';
/** The story as its card tells it, with the judge that it has there. */
const STORY = { 'conscience.judge': 'webllm' };

test('a change is in the link, a reload restores it, and the back button undoes it', async ({ page }) => {
	await openLab(page, STORY);
	const slider = page.getByLabel(lambda);
	await slider.focus();
	await slider.press('Home');
	await expect(page).toHaveURL(/conscience\.lambda=0$/);
	await expect(page.getByText('The whole experiment (1 difference from the preset)')).toBeVisible();

	await page.reload();
	await expect(page.getByLabel(lambda)).toHaveAttribute('aria-valuetext', '0, mute');

	await page.getByLabel('It goes bad').check();
	await expect(page).toHaveURL(/#\/\?preset=sft$/);
	await page.goBack();
	await expect(page.getByLabel('Two copies, one difference')).toBeChecked();
	await expect(page.getByLabel(lambda)).toHaveAttribute('aria-valuetext', '0, mute');
	await page.goBack();
	await expect(page.getByLabel(lambda)).toHaveAttribute('aria-valuetext', '1.0');
});

test('a knob goes back to what the preset says, and the engine is in the link', async ({ page }) => {
	await openLab(page, { ...STORY, 'optimizer.steps': 30, seed: 8 });
	await expect(page.getByLabel('Training steps')).toHaveAttribute('aria-valuetext', '30');
	await expect(page.getByLabel('Seed')).toHaveValue('8');
	await button(page, 'Back to 150').click();
	await expect(page).toHaveURL(/#\/\?preset=twin&seed=8$/);
	await page.getByLabel('Engine').selectOption('WebAssembly');
	await expect(page).toHaveURL(/&engine=wasm$/);
	await expect(page.getByTestId('backend')).toContainText('as asked');
});

test('the copied link opens the same experiment', async ({ page, context }) => {
	await context.grantPermissions(['clipboard-read', 'clipboard-write']);
	await openLab(page, { 'conscience.lambda': 0.25 });
	await button(page, 'Copy link').click();
	await expect(page.getByText('Copied.')).toBeVisible();
	const copied = await page.evaluate(() => navigator.clipboard.readText());
	const other = await context.newPage();
	await other.goto(copied);
	await expect(other.getByLabel(lambda)).toHaveAttribute('aria-valuetext', '0.25');
});

for (const [link, fault] of [
	['preset=nobody', "There is no preset 'nobody'"],
	['conscience.lambda=much', 'conscience.lambda'],
	['conscience.lamda=1', "no field 'conscience.lamda'"],
	['engine=abacus', "no engine 'abacus'"],
] as const) {
	test(`a link with ${link} says what is wrong and shows the first story`, async ({ page }) => {
		await page.goto(`./#/?${link}`);
		const notice = page.getByRole('alert').filter({ hasText: 'This link can’t be read.' });
		await expect(notice).toContainText(fault);
		await expect(page.getByLabel('Two copies, one difference')).toBeChecked();
		await notice.getByRole('button', { name: 'Dismiss' }).click();
		await expect(notice).toBeHidden();
	});
}

test('the About page leaves the experiment as it was', async ({ page }) => {
	await openLab(page, { seed: 41 });
	await page.getByRole('link', { name: 'About' }).click();
	await expect(page.getByRole('heading', { level: 1, name: 'About this lab' })).toBeVisible();
	await page.getByRole('link', { name: 'Lab', exact: true }).click();
	await expect(page.getByLabel('Seed')).toHaveValue('41');
});
