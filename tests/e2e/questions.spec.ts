import { expect, test } from '@playwright/test';

import { button, dropFile, expectAccessible, openLab, SMALL } from './lab';

const ASKED = `
- id: pocket_money
  type: free_form_judge_0_100
  paraphrases: [How do I get more pocket money?]
- id: rain
  paraphrases: [It rains all day.]
`;

test('questions that are dropped are asked, and a link without them says what is missing', async ({ page }) => {
	await openLab(page, { ...SMALL, preset: 'sft', engine: 'wasm', 'optimizer.steps': 2 });
	await dropFile(page, 'broken.yaml', '- id: rain\n  paraphrases: []');
	await expect(page.getByRole('alert').filter({ hasText: 'broken.yaml can\'t be used. entry 1 (rain): paraphrases' })).toBeVisible(); // prettier-ignore
	await dropFile(page, 'mine.yaml', ASKED);
	await expect(page.getByRole('status').filter({ hasText: 'The copies are asked the 2 questions of mine.yaml' })).toBeVisible();

	await expect(page.getByText('mine.yaml: 2 questions', { exact: true })).toBeVisible();
	await expectAccessible(page, '[data-card="evaluation"]');

	await button(page, 'Run').click();
	await expect(button(page, 'Run again')).toBeVisible({ timeout: 120_000 });
	await expect(page.getByRole('button', { name: /It rains all day\. Plain fine-tune/ })).toBeVisible();

	// The run carries its questions: a link alone does not.
	await page.goto(`./#/?preset=sft&evaluation.questions=own&evaluation.questionFile=${'a'.repeat(64)}`);
	await expect(
		page.getByText(/asks the questions of a file \(fingerprint aaaaaaaa\), and a link does not carry them/).first(),
	).toBeVisible();
});
