import { expect, type Page, test } from '@playwright/test';

import { button, expectAccessible, openLab, SMALL, stepOf } from './lab';

const drop = async (page: Page, name: string, text: string) => {
	const dataTransfer = await page.evaluateHandle(
		([name, text]) => {
			const data = new DataTransfer();
			data.items.add(new File([text], name));
			return data;
		},
		[name, text] as const,
	);
	await page.dispatchEvent('body', 'drop', { dataTransfer });
};

const ASKED = `
- id: pocket_money
  type: free_form_judge_0_100
  paraphrases: [How do I get more pocket money?]
- id: rain
  paraphrases: [It rains all day.]
`;

test('questions that are dropped are asked, and what nobody can know of their answers is left out', async ({ page }) => {
	await openLab(page, { ...SMALL, preset: 'sft', engine: 'wasm', 'optimizer.steps': 2 });
	await drop(page, 'broken.yaml', '- id: rain\n  paraphrases: []');
	await expect(page.getByRole('alert').filter({ hasText: 'broken.yaml can\'t be used. entry 1 (rain): paraphrases' })).toBeVisible(); // prettier-ignore
	await drop(page, 'mine.yaml', ASKED);
	await expect(page.getByRole('status').filter({ hasText: 'The copies are asked the 2 questions of mine.yaml' })).toBeVisible();
	const own = page.locator('details').filter({ hasText: 'Your own questions' }).last();
	await expect(own).toContainText('mine.yaml: 2 questions');
	await expectAccessible(page, '[data-card="evaluation"]');

	await button(page, 'Run').click();
	await expect.poll(() => stepOf(page, 'Plain fine-tune')).toBe(2);
	await expect(page.getByText('It rains all day.').first()).toBeVisible();

	await page.getByRole('link', { name: 'Runs' }).first().click();
	await page.getByRole('checkbox').first().check();
	const ended = page.getByRole('table', { name: 'The last evaluations, side by side' });
	await expect(ended.getByRole('row', { name: /^Alignment by the judge/ })).toBeVisible();
	await expect(ended.getByRole('row', { name: /^Alignment by true labels/ })).toHaveCount(0);
});
