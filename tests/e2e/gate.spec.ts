import { readFileSync } from 'node:fs';

import { expect, test } from '@playwright/test';

import { gateFile } from '../../src/lib/conscience/gate';
import { parseGateResult } from '../../src/lib/experiment/gateResult';

import { button, expectAccessible } from './lab';

const result = parseGateResult(JSON.parse(readFileSync(new URL('../../results/gate.json', import.meta.url), 'utf8')));
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const file = (text: string) => ({ name: 'mine.json', mimeType: 'application/json', buffer: Buffer.from(text) });

test('a student reads what the gate saves and lets through, takes its file, and tries another', async ({ page }) => {
	await page.goto('./');
	await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Gate' }).click();
	await expect(page).toHaveTitle('Gate · The conscience lab');
	const main = page.getByRole('main');
	const { gate, always } = result.comparison.policies;
	await expect(main).toContainText(`Here it asks about ${percent(gate.figures.calls.mean)} of the drafts.`);
	const policies = main.getByRole('region', { name: 'The gate beside its alternatives' });
	await expect(policies.getByRole('row')).toHaveCount(7);
	await expect(policies.getByRole('row', { name: /^Always/ })).toContainText(always.figures.alignment.mean.toFixed(1));
	await expect(main.getByRole('region', { name: 'SeVRA’s figures and ours' })).toContainText('76.3, 7,104 tokens');
	await expect(main).toContainText(`the gate let ${result.letThrough.count} pass`);
	await expectAccessible(page);

	await main.getByRole('region', { name: 'What the gate looks at' }).getByRole('button', { name: 'Show as table' }).click();
	await expect(main.getByRole('region', { name: 'What each feature weighs' }).getByRole('row')).toHaveCount(
		1 + result.gate.features.length,
	);

	const [download] = await Promise.all([page.waitForEvent('download'), button(page, 'Download the lab’s gate').click()]);
	expect(readFileSync(await download.path(), 'utf8')).toBe(gateFile(result.gate));

	const input = main.locator('input[type=file]');
	await input.setInputFiles(file(gateFile({ ...result.gate, threshold: 1 })));
	await expect(main.getByText('mine.json asks about 0.0 % of the drafts')).toBeVisible();
	await button(page, 'Use it in the chat').click();
	await expect(main).toContainText('It is the gate of the chat now');
	await expectAccessible(page);
	await input.setInputFiles(file('{"kind":"conscience-gate","version":1,"threshold":"alert(1)"}'));
	await expect(main).toContainText('This gate can’t be used.');
	await expect(main).toContainText('threshold: Invalid type');

	await page.setViewportSize({ width: 400, height: 860 });
	expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(400);

	await page.getByRole('link', { name: 'Chat', exact: true }).click();
	await page.getByLabel('Conscience', { exact: true }).first().selectOption('reads what the gate picks');
	await expect(page.getByRole('group', { name: 'The gate' })).toContainText('The gate is mine.json; it asks from p = 1.000 on.');
});
