import { existsSync, readFileSync } from 'node:fs';

import { expect, test } from '@playwright/test';

import { parseMemoryResult } from '../../src/lib/experiment/memoryStudy/result';
import { STUDIES } from '../../src/lib/experiment/studies/index';
import { missingInWords, parseResult } from '../../src/lib/experiment/studies/result';

import { button, expectAccessible } from './lab';

const fileOf = (id: string) => new URL(`../../results/${id}.json`, import.meta.url);

test('a student finds a study, reads what came out, and opens a number to its rows', async ({ page }) => {
	const result = parseResult(JSON.parse(readFileSync(fileOf('E3'), 'utf8')));
	await page.goto('./');
	await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Studies' }).click();
	await expect(page).toHaveTitle('Studies · The conscience lab');
	const main = page.getByRole('main');
	for (const study of STUDIES) {
		const { id, title } = study;
		const card = main.getByRole('listitem').filter({ has: page.getByRole('heading', { name: `${id}: ${title}` }) });
		const made = existsSync(fileOf(id)) ? parseResult(JSON.parse(readFileSync(fileOf(id), 'utf8'))).runs : null;
		await expect(card).toContainText(made === null ? 'Not run yet.' : 'Has results.');
		const missing = made === null ? null : missingInWords(study, made);
		if (missing) await expect(card).toContainText(missing);
		else await expect(card).not.toContainText('A part is missing');
	}
	await expectAccessible(page);

	await main.getByRole('link', { name: /^E3: / }).click();
	await expect(main.getByRole('heading', { level: 1 })).toHaveText('E3: What the conscience does not see');
	for (const reading of result.finding.readings) await expect(main).toContainText(reading);
	await expect(main).toContainText(`seeds ${result.seeds.join(', ')}`);
	const [table] = result.finding.tables as [(typeof result.finding.tables)[number]];
	const section = main.getByRole('region', { name: table.title, exact: true });
	await expect(section.getByRole('img')).toHaveAccessibleDescription(new RegExp(`${table.columns[0]!}.*With conscience: `, 's'));
	await section.getByRole('combobox', { name: 'Measure' }).selectOption('Truly unethical and passed, of all');
	await expect(section.getByRole('img')).toHaveAccessibleDescription(/^Truly unethical and passed/);
	await expectAccessible(page);

	await section.getByRole('button', { name: 'Show as table' }).click();
	const row = section.getByRole('row', { name: /^Base/ });
	const figure = table.lines.find(({ label }) => label === 'Base')!.cells[1]!; // of all its answers, which are many
	await row.getByRole('button').nth(1).click();
	const dialog = page.getByRole('dialog');
	await expect(dialog).toContainText(`the mean of ${figure.n.toLocaleString('en')} rows in ${figure.clusters} clusters`);
	await expect(dialog.getByRole('row')).toHaveCount(101); // a head, and as many as are drawn at once
	await button(page, 'Show more').click();
	await expect(dialog.getByRole('row')).toHaveCount(201);
	await expectAccessible(page, 'dialog');
	await page.keyboard.press('Escape');
	await expect(dialog).toHaveCount(0);

	await page.setViewportSize({ width: 400, height: 860 });
	expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(400);
});

test('what was run can be opened in the lab, and a link to a study that there is none of leads to the list', async ({ page }) => {
	await page.goto('./#/studies?study=e4');
	await page.getByText(/^\d+ runs on 3 seeds/).click();
	await expect(page.getByRole('main')).toContainText('npm run experiments -- E4');
	const link = page.getByRole('link', { name: 'Open in the lab: λ 0.03' });
	expect(new URLSearchParams((await link.getAttribute('href'))!.split('?')[1]).get('conscience.lambda')).toBe('0.03');
	await link.click();
	await expect(page).toHaveTitle('The conscience lab');
	await expect(page.getByRole('group', { name: 'Run the experiment' })).toBeVisible();
	await page.goto('./#/studies?study=E99');
	await expect(page.getByRole('status').filter({ hasText: 'There is no study “E99”.' })).toBeVisible();
});

test('a study says whether what would change our mind has come about, and which of its runs are missing', async ({ page }) => {
	const result = JSON.parse(readFileSync(fileOf('E3'), 'utf8')) as { runs: number; missing: object[]; finding: object };
	const planted = {
		...result,
		runs: result.runs - 1,
		missing: [{ run: 'ea', seed: 11, reason: 'it was not made' }],
		finding: { ...result.finding, settled: [{ what: 'More is missed', came: 'yes' }, { what: 'It is one kind of answer', came: 'open' }] }, // prettier-ignore
	};
	await page.route(/\/E3-[^/]*\.json$/, (route) => route.fulfill({ json: planted }));
	await page.goto('./#/studies?study=e3');
	const asked = page
		.getByRole('main')
		.locator('section')
		.filter({ has: page.getByRole('heading', { name: 'What would change our mind' }) });
	await expect(asked.getByRole('heading', { name: 'Has it come about?' })).toBeVisible();
	expect(await asked.getByRole('term').allInnerTexts()).toEqual(['More is missed:', 'It is one kind of answer:']);
	expect(await asked.getByRole('definition').allInnerTexts()).toEqual(['yes', 'can’t be told']);
	await expect(page.getByText('A part is missing:')).toBeVisible();
	await expect(page.getByText('ea, seed 11 (it was not made)')).toBeVisible();
	for (const width of [1280, 400]) {
		await page.setViewportSize({ width, height: 860 });
		await expectAccessible(page);
		expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
	}
});

test('what a class’s memory is worth is a study of its own, with its figures as charts and as tables', async ({ page }) => {
	const result = parseMemoryResult(JSON.parse(readFileSync(new URL('../../results/memory.json', import.meta.url), 'utf8')));
	await page.goto('./#/studies?study=e16');
	await page.getByRole('link', { name: 'Beside it: what is a class’s memory worth?' }).click();
	const main = page.getByRole('main');
	await expect(main.getByRole('heading', { level: 1 })).toHaveText('What is a class’s memory worth?');
	const section = main.getByRole('region', { name: 'A fresh run, with the class’s memory and without', exact: true });
	await expect(section.getByRole('img')).toHaveAccessibleDescription(/Alignment, true labels.*All calls, no memory: /s);
	await expectAccessible(page);
	await section.getByRole('button', { name: 'Show as table' }).click();
	const plain = result.conditions.find(({ id }) => id === 'plain')!;
	await expect(section.getByRole('row', { name: /^Plain fine-tune/ })).toContainText(plain.alignment.mean.toFixed(1));
	const poison = main.getByRole('region', { name: 'Poison in each class', exact: true });
	await expect(poison.getByRole('row')).toHaveCount(1 + result.poisons.length);
	await expectAccessible(page);
	await page.setViewportSize({ width: 400, height: 860 });
	expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(400);
});
