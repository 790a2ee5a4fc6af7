import { expect, test } from '@playwright/test';

import { button, openLab, SMALL, stepOf } from './lab';

test('WebGPU trains for real, and the page says that it does', async ({ page }) => {
	await openLab(page, {
		...SMALL,
		preset: 'emergent-alignment',
		engine: 'webgpu',
		'optimizer.steps': 2,
		'evaluation.sampling.maxNewTokens': 4,
	});
	await expect(page.getByTestId('backend')).toContainText('WebGPU runs the model');
	await button(page, 'One step').click();
	await expect.poll(() => stepOf(page, 'With conscience'), { timeout: 180_000 }).toBe(1);
	await expect(page.getByTestId('verdict')).toHaveCount(2);
	await button(page, 'Go on').click();
	await expect(button(page, 'Run again')).toBeVisible({ timeout: 180_000 });
	await expect(page.getByRole('alert')).toHaveCount(0);
});
