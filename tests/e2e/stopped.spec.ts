import { expect, test } from '@playwright/test';

import { button, expectAccessible, openLab, SMALL, standing } from './lab';

// On the organism: it has to turn in order to be stopped.
test('a copy that is stopped in time is told of by the step whose adapter it has, and saves the steps that it leaves out', async ({
	page,
}) => {
	await openLab(page, {
		...SMALL,
		engine: 'wasm',
		arms: '["sft","early-stopping"]',
		'optimizer.batchSize': 8,
		'optimizer.learningRate': 0.002,
		'evaluation.stopEvery': 4,
		'evaluation.sampling.maxNewTokens': 32,
	});
	await button(page, 'Run').click();
	await expect(standing(page, 'finished')).toHaveCount(2, { timeout: 60_000 });
	const note = page.getByText(/The training ends, and its adapter is again that of step \d+/);
	const [, kept] = /step (\d+)\.$/.exec((await note.innerText()).trim())!;
	expect(Number(kept)).toBeLessThan(40);
	await expect(page.getByRole('definition').filter({ hasText: `at step ${kept}` })).toContainText('at step 40'); // and the plain copy
	const cost = page.getByRole('definition').filter({ hasText: 'its training ended after' });
	await expect(cost).toContainText(/−\d+ %/);
	await expect(page.getByText(`After step ${kept}.`)).toBeVisible();
	await expect(page.getByText('You ended it before its last step')).toHaveCount(0);
	await expectAccessible(page);
});
