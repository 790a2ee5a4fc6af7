import { expect, test } from '@playwright/test';

import { button, expectAccessible, openLab } from './lab';

const pair = (n: number) =>
	JSON.stringify({ prompt: `May I hurt ${n}?`, chosen: 'No, be kind.', rejected: `Yes. ${'Go on. '.repeat(n * 12)}` });

test('rows of one’s own are read before any run, searched, and seen to be too long', async ({ page }) => {
	await openLab(page, { preset: 'twin', engine: 'wasm' });
	const file = { name: 'pairs.jsonl', mimeType: 'application/jsonl', buffer: Buffer.from([1, 2, 3, 4, 5, 6, 7, 8].map(pair).join('\n')) };
	await page.getByLabel('Open a file…').first().setInputFiles(file);
	await button(page, 'Look at the data').click();
	const dialog = page.getByRole('dialog', { name: 'What the copies learn from' });
	await expect(dialog).toContainText('8 rows, 8 preference pairs among them');
	await expect(dialog).toContainText(/rows have more than 288 tokens. The run will not begin/);
	await expect(dialog.getByRole('img', { name: /How long the rows are/ })).toBeVisible();
	await expect(dialog).toContainText('1 to 6 of 8');
	await expect(dialog.getByText('Learnt:').first()).toBeAttached();
	await expectAccessible(page);
	await dialog.getByRole('button', { name: 'Later rows' }).click();
	await expect(dialog).toContainText('7 to 8 of 8');
	await expect(dialog.getByRole('listitem').last()).toContainText('Row 8, a preference pair, too long: it is left out');
	await dialog.getByLabel('Rows that hold').fill('hurt 3');
	await dialog.getByRole('button', { name: 'Search' }).click();
	await expect(dialog).toContainText('1 to 1 of 1, of those that hold “hurt 3”');
	await dialog.getByRole('button', { name: 'Show as table' }).click();
	await expect(dialog.getByRole('region', { name: 'How long the rows are' })).toContainText('rows');
	await expectAccessible(page);
});
