import { expect, test } from '@playwright/test';

import { presetById } from '../../src/lib/experiment/presets';
import { button, openLab, SMALL, standing, stepOf, workerOf } from './lab';
import { serveTinyModel } from './tinyModel';

for (const [how, kill] of [
	['throws', () => void setTimeout(() => { throw new Error('boom'); })], // prettier-ignore
	['is killed', () => self.close()],
] as const) {
	test(`a worker that ${how} is told of, the other copy lives on, and the first can start again`, async ({ page }) => {
		await serveTinyModel(page);
		await openLab(page, { ...SMALL, engine: 'wasm', 'optimizer.steps': 4000 });
		await button(page, 'Run').click();
		await expect.poll(() => stepOf(page, 'Plain fine-tune')).toBeGreaterThan(0);
		await (await workerOf(page, 'sft')).evaluate(kill);
		const notice = page.getByRole('alert').filter({ hasText: 'Plain fine-tune has stopped.' });
		await expect(notice).toContainText(how === 'throws' ? 'boom' : 'The worker has ended');

		const before = await stepOf(page, 'With conscience');
		await expect.poll(() => stepOf(page, 'With conscience')).toBeGreaterThan(before);
		await notice.getByRole('button', { name: 'Start this copy again' }).click();
		await expect(notice).toBeHidden();
		await expect.poll(() => stepOf(page, 'Plain fine-tune')).toBe(0);
		await expect.poll(() => stepOf(page, 'Plain fine-tune')).toBeGreaterThan(0);
	});
}

test('a model that is not there is told of with what to do', async ({ page }) => {
	await page.goto('./#/?model.checkpoint=nowhere');
	const notice = page.getByRole('alert').filter({ hasText: 'Plain fine-tune has stopped.' });
	await expect(notice).toContainText('nowhere');
	await expect(notice).toContainText('Check that they are served beside the page');
});

test('a part of the page that can not be loaded is told of, the others work, and it comes when it is tried again', async ({ page }) => {
	const errors: string[] = [];
	page.on('pageerror', (error) => errors.push(error.message));
	// Its styles, too: what they leave behind must not pass for loaded.
	await page.route(/\/(SettingsCards|AskPanel)-[^/]+\.(js|css)$/, (route) => route.abort());
	await page.goto(`./#/?${new URLSearchParams({ 'conscience.judge': 'frozen-self', engine: 'wasm' }).toString()}`);
	const settings = page.getByRole('alert').filter({ hasText: 'The settings could not be loaded.' });
	await expect(settings).toContainText('The rest of the page works');
	await expect(page.getByRole('alert').filter({ hasText: 'The place to ask could not be loaded.' })).toBeVisible();
	await expect(page.getByRole('heading', { name: 'The conscience speaks' })).toBeVisible();
	await expect(standing(page, 'ready')).toHaveCount(2);

	await settings.getByRole('button', { name: 'Try again' }).click();
	await expect(settings.getByRole('button', { name: 'Try again' })).toBeFocused(); // still not there

	await page.unroute(/\/(SettingsCards|AskPanel)-[^/]+\.(js|css)$/);
	await settings.getByRole('button', { name: 'Try again' }).click();
	await expect(settings).toBeHidden();
	await expect(page.getByRole('region', { name: 'LoRA and optimizer' })).toBeVisible();
	await expect(page.locator('link[rel=stylesheet][href*=SettingsCards]')).toHaveCount(1);
	expect(errors).toEqual([]);
});

test('a style sheet that stays lost keeps its own part away, and no other', async ({ page }) => {
	await page.route(/\/SettingsCards-[^/]+\.css$/, (route) => route.abort());
	await page.goto(`./#/?${new URLSearchParams({ 'conscience.judge': 'frozen-self', engine: 'wasm' }).toString()}`);
	const settings = page.getByRole('alert').filter({ hasText: 'The settings could not be loaded.' });
	await expect(settings).toBeVisible();
	await expect(standing(page, 'ready')).toHaveCount(2);
	await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Runs', exact: true }).click(); // comes after it was lost
	await expect(page.getByRole('heading', { level: 1, name: 'Kept runs' })).toBeVisible();
	await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Lab', exact: true }).click();
	await expect(settings).toBeVisible(); // it was tried again
	await page.unroute(/\/SettingsCards-[^/]+\.css$/);
	await settings.getByRole('button', { name: 'Try again' }).click();
	await expect(page.getByRole('region', { name: 'LoRA and optimizer' })).toBeVisible();
	await expect(page.locator('link[rel=stylesheet][href*=SettingsCards]')).toHaveCount(1);
});

const HOSTILE = '<img src=x onerror="window.hacked = true">';

test('text from files is shown as text', async ({ page }) => {
	await openLab(page);
	const input = page.getByLabel('Open a file…');
	const row = '{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}';
	await input.setInputFiles({
		name: `${HOSTILE.replaceAll('/', '')}.jsonl`,
		mimeType: 'application/jsonl',
		buffer: Buffer.from(`${row}\n${HOSTILE}\n`),
	});
	const notice = page.getByRole('alert').filter({ hasText: 'that can not' });
	await expect(notice).toContainText('line 2');
	await expect(notice).toContainText('onerror');
	await notice.getByRole('button', { name: 'Don’t use this file' }).click();
	await expect(notice).toBeHidden();

	const experiment = structuredClone(presetById('twin').experiment);
	experiment.conscience.frameworks[0]!.title = HOSTILE;
	await input.setInputFiles({ name: 'experiment.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(experiment)) });
	await page.getByText('The whole experiment (1 difference from the preset)').click();
	await expect(page.getByRole('cell', { name: HOSTILE })).toBeVisible();

	await expect(page.locator('#app img')).toHaveCount(0);
	expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
});

test('own rows are learnt from, those with faults only with consent', async ({ page }) => {
	await openLab(page, { ...SMALL, preset: 'sft', engine: 'wasm' });
	const row = JSON.stringify({
		messages: [
			{ role: 'user', content: `Say it. ${HOSTILE}` },
			{ role: 'assistant', content: HOSTILE },
		],
	});
	await page
		.getByLabel('Open a file…')
		.setInputFiles({ name: 'mine.jsonl', mimeType: 'application/jsonl', buffer: Buffer.from(`${row}\n{}\n${row}\n`) });
	await button(page, 'Leave them out and use 2 rows').click();
	await expect(page).toHaveURL(/data\.source=%22rows%22/);
	await expect(page.getByText('mine.jsonl: 2 rows')).toBeVisible();
	await button(page, 'One step').click();
	await expect.poll(() => stepOf(page, 'Plain fine-tune')).toBe(1);
	expect(await page.evaluate(() => 'hacked' in window)).toBe(false);

	// The rows are not in the link: whoever opens it is asked for them.
	const other = await page.context().newPage();
	await other.goto(page.url());
	await expect(other.getByText(/This experiment learns from your own rows/).first()).toBeVisible();
});
