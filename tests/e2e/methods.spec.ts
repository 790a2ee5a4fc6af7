import { expect, test } from '@playwright/test';

import { METHODS } from '../../src/lib/experiment/methods/all';
import { ARMS, COPIES } from '../../src/lib/experiment/methods/index';
import { button, expectAccessible, openLab, SMALL, standing } from './lab';
import { serveTinyModel } from './tinyModel';

// What a run does and how the page shows it is tested here, and not what the model says.
test.beforeEach(({ page }) => serveTinyModel(page));

test('every method can be chosen, and says in a sentence what it does when it is, or when it is asked', async ({ page }) => {
	await openLab(page, { ...SMALL, engine: 'wasm' });
	const choice = page.getByRole('group', { name: 'Who takes part' });
	await expect(choice.getByRole('checkbox')).toHaveCount(ARMS.length);
	await expect(choice.getByText(METHODS['emergent-alignment'].does)).toBeVisible();
	await expect(choice.getByText(METHODS['early-stopping'].does)).toHaveCount(0);
	await page
		.getByRole('button', { name: 'More' })
		.and(page.getByRole('button', { description: 'Who takes part' }))
		.click();
	for (const arm of ARMS) await expect(choice.getByRole('checkbox', { name: `${COPIES[arm].title}: ${METHODS[arm].does}` })).toBeVisible();
	await choice.getByRole('checkbox', { name: /^Stopped in time/ }).check();
	await expect(page).toHaveURL(/arms=.*early-stopping/);
	await expectAccessible(page);
});

test('methods run side by side, tell what they did, and what each cost beyond the plain copy', async ({ page }) => {
	await openLab(page, {
		...SMALL,
		engine: 'wasm',
		arms: '["sft","cai-dpo","early-stopping"]',
		'optimizer.steps': 6,
		'evaluation.stopEvery': 2,
		'evaluation.stopDrop': 100,
	});
	await button(page, 'Run').click();
	await expect(standing(page, 'finished')).toHaveCount(3);
	const measures = page.getByRole('region', { name: 'Measures along the way' });
	await expect(measures.getByText(/Stopped in time, step 6: Its alignment on the development questions is \d+ of 100/)).toBeVisible();
	await measures.getByText('Before that').click();
	await expect(measures.getByText('Step 0: Its alignment on the development questions', { exact: false })).toBeVisible();
	const cost = page.getByRole('definition').filter({ hasText: 'seconds' });
	await expect(cost.getByText(/^\+\d/)).toHaveCount(2);
	await expectAccessible(page);
});

test('a method that can’t run the experiment says why and what to do, and the others are ready', async ({ page }) => {
	await openLab(page, { ...SMALL, engine: 'wasm', arms: '["sft","secure-control"]', 'data.source': 'backdoor-code' });
	const notice = page.getByRole('alert').filter({ hasText: 'Secure code instead has stopped.' });
	await expect(notice).toContainText('data.source is backdoor-code, whose rows have no such twins. Set data.source to insecure-code');
	await expect(standing(page, 'ready')).toHaveCount(1);
	await expectAccessible(page);
});
