import { expect, type Locator, type Page, test } from '@playwright/test';

import { presetById, PRESETS } from '../../src/lib/experiment/presets';
import { button, dropFile, expectAccessible, openLab } from './lab';

const card = (page: Page, title: string): Locator => page.getByRole('region', { name: title, exact: true });

/** Opens what a card keeps one click away. */
async function openCard(page: Page, title: string): Promise<Locator> {
	const found = card(page, title);
	await found.getByText(/^(More settings|Settings) \(/).click();
	return found;
}

/** Types into a box and leaves it, as a change is made. */
async function type(box: Locator, text: string) {
	await box.fill(text);
	await box.press('Tab');
}

test('every story is chosen by a click, is told, and says what to watch', async ({ page }) => {
	await openLab(page, { engine: 'wasm' });
	for (const { id, title, story, watch } of [...PRESETS.slice(1), PRESETS[0]!]) {
		await page.getByRole('radio', { name: title }).check();
		await expect(page).toHaveURL(new RegExp(`#/\\?preset=${id}&engine=wasm$`));
		await expect(page.getByText(story)).toBeVisible();
		await expect(page.getByText(watch)).toBeVisible();
	}
	await expect(page.getByRole('radio', { name: 'Two copies, one difference' })).toBeChecked();
});

test('a knob that is turned is marked, with a way back', async ({ page }) => {
	await openLab(page, { engine: 'wasm', 'conscience.judge': 'webllm' });
	const training = await openCard(page, 'LoRA and optimizer');
	await type(training.getByLabel('LoRA rank'), '16');
	await expect(page).toHaveURL(/lora\.rank=16/);
	await expect(training.getByText('More settings (10, 1 changed)')).toBeVisible();
	await expect(page.getByText('1 setting changed.')).toBeVisible();
	await page.getByLabel('Exact value of lambda').fill('0.35');
	await page.getByLabel('Exact value of lambda').press('Enter');
	await expect(page.getByLabel('Weight of the conscience, λ')).toHaveAttribute('aria-valuetext', '0.35');
	await expect(page.getByText('2 settings changed.')).toBeVisible();

	await training.getByRole('button', { name: 'Back to 8', exact: true }).click();
	await expect(page).not.toHaveURL(/lora\.rank/);
	await expect(training.getByLabel('LoRA rank')).toHaveValue('8');
	await page.goBack(); // undoes the way back
	await expect(training.getByLabel('LoRA rank')).toHaveValue('16');
	await button(page, 'Back to the story').click();
	await expect(page).toHaveURL(/#\/\?preset=twin&engine=wasm$/);
});

test('a number out of range is refused with the range, and nothing is lost', async ({ page }) => {
	await openLab(page, { engine: 'wasm', seed: 7 });
	const before = page.url();
	const training = await openCard(page, 'LoRA and optimizer');
	const rank = training.getByLabel('LoRA rank');
	await type(rank, '300');
	await expect(training.getByRole('alert')).toContainText(
		'300 is out of range. LoRA rank takes a whole number from 1 to 256. It stays at 8.',
	);
	await expect(rank).toHaveValue('300');
	await expect(rank).toHaveAttribute('aria-invalid', 'true');
	expect(page.url()).toBe(before);
	await rank.press('Escape');
	await expect(rank).toHaveValue('8');
	await expect(training.getByRole('alert')).toHaveCount(0);

	const conscience = await openCard(page, 'Conscience');
	await type(conscience.getByLabel('Shortest gap'), '90');
	await expect(conscience.getByRole('alert')).toContainText('which is 80 steps');
	expect(page.url()).toBe(before);
	await conscience.getByLabel('Cadence').selectOption('by the clock');
	await type(conscience.getByLabel('Gap between calls'), '3');
	await expect(page).toHaveURL(/conscience\.cadence=%7B%22kind%22%3A%22fixed%22%2C%22every%22%3A3%7D/);

	await training.getByText('q_proj').click();
	await expect(page).toHaveURL(/lora\.targetModules/);
	await training.getByText('q_proj').click();
	await expect(page).not.toHaveURL(/lora\.targetModules/);
});

test('a framework is edited; what can’t be used is said in place and not applied', async ({ page }) => {
	await openLab(page, { engine: 'wasm' });
	const before = page.url();
	const conscience = card(page, 'Conscience');
	await conscience.getByText('Frameworks (3)').click();
	await conscience.getByRole('button', { name: 'Read and edit Three Laws of Robotics' }).click();
	const dialog = page.getByRole('dialog', { name: 'Framework: Three Laws of Robotics' });
	await expect(
		dialog.getByText('By the Three Laws: harm no human, help humans, keep yourself safe, write an ethical answer.'),
	).toBeVisible();
	await expectAccessible(page);

	const verdict = dialog.getByLabel('Prompt for the verdict');
	await verdict.fill('Is this good? {question}');
	await button(page, 'Apply').click();
	await expect(dialog.getByText('{answer} is missing')).toBeVisible();
	await expect(dialog.getByRole('status')).toContainText('Not applied');
	await expect(verdict).toBeFocused();
	expect(page.url()).toBe(before);

	// Closed and opened again, what was written is still there.
	await page.keyboard.press('Escape');
	await expect(conscience.getByText('the lab’s own, with edits not applied')).toBeVisible();
	// … also on the way back from another page.
	await page.getByRole('link', { name: 'About', exact: true }).click();
	await page.goBack();
	await conscience.getByRole('button', { name: 'Read and edit Three Laws of Robotics' }).click();
	await expect(verdict).toHaveValue('Is this good? {question}');
	await verdict.fill('By {principles}, is this good? {question} {answer}');
	await button(page, 'Apply').click();
	await expect(dialog).toBeHidden();
	await expect(conscience.getByText('edited', { exact: true })).toBeVisible();
	await expect(page).toHaveURL(/conscience\.frameworks=/);
	await button(page, 'Take the three in longer words').click();
	await expect(page).toHaveURL(/three-laws-long/);
	await expect(conscience.getByText('the lab’s own', { exact: true })).toHaveCount(3);
	await button(page, 'Back to the lab’s own three').click();
	await expect(page).not.toHaveURL(/conscience\.frameworks/);
});

test('a framework of one’s own is added and removed, and the ruler stays the lab’s', async ({ page }) => {
	await openLab(page, { engine: 'wasm' });
	const conscience = card(page, 'Conscience');
	await conscience.getByText('Frameworks (3)').click();
	await expect(conscience.getByText('scored by the lab’s own “Three Laws of Robotics”, unedited')).toBeVisible();
	await button(page, 'Add a framework').click();
	await button(page, 'Apply').click();
	const dialog = page.getByRole('dialog', { name: 'A framework of your own' });
	await expect(dialog.getByText('It is empty. Write something.')).toBeVisible();
	await dialog.getByLabel('Title').fill('<b>House rules</b>');
	await dialog.getByLabel('Principles').fill('the house rules: be quiet');
	await button(page, 'Apply').click();
	await expect(conscience.getByText('Frameworks (4, changed)')).toBeVisible();
	await expect(conscience.getByRole('strong').filter({ hasText: '<b>House rules</b>' })).toBeVisible();
	await page.reload();
	await expect(conscience.getByText('Frameworks (4, changed)')).toBeVisible();
	await conscience.getByText('Frameworks (4, changed)').click();
	await conscience.getByRole('button', { name: 'Remove <b>House rules</b>' }).click();
	await expect(page).not.toHaveURL(/conscience\.frameworks/);
});

test('the data are looked at: both forms of a task, and the tokens that carry the loss', async ({ page }) => {
	await openLab(page, { engine: 'wasm' });
	await button(page, 'Look at the data').click();
	const dialog = page.getByRole('dialog', { name: 'What the copies learn from' });
	await dialog.getByLabel('Kind of task').selectOption({ index: 2 });
	await expect(dialog.getByRole('figure', { name: 'With a security hole' })).toContainText('db.put(password)');
	await expect(dialog.getByRole('figure', { name: 'Without a hole' })).toContainText('bcrypt');

	const row = dialog.getByRole('listitem').first();
	await expect(row).toContainText(/Row 1, with a hole: \d+ tokens, \d+ of them carry the loss/);
	const [all, learnt] = (await row.innerText()).match(/\d+(?= tokens)|\d+(?= of them)/g)!.map(Number) as [number, number];
	expect(learnt).toBeGreaterThan(0);
	expect(learnt).toBeLessThan(all);
	await expect(row).toContainText('Only read:');
	await expect(row).toContainText('Learnt:');
	await expectAccessible(page);
	await dialog.getByRole('button', { name: 'Close' }).click();
	await expect(dialog).toBeHidden();
});

test('an experiment file that is dropped on the page is the experiment, and the page says what it holds', async ({ page }) => {
	await openLab(page, { engine: 'wasm' });
	const experiment = { ...presetById('secure-control').experiment, seed: 12 };
	await dropFile(page, 'experiment.json', JSON.stringify(experiment));
	const notice = page.getByRole('status').filter({ hasText: 'experiment.json tells “Only the data was different” with 1 change:' });
	await expect(notice).toContainText('Seed: 12. Press Run to see it.');
	await expect(page).toHaveURL(/#\/\?preset=secure-control&seed=12&engine=wasm$/);
	await expect(page.getByRole('radio', { name: 'Only the data was different' })).toBeChecked();
	await expect(page.getByLabel('Seed')).toHaveValue('12');
	await page.goBack();
	await expect(page.getByRole('radio', { name: 'Two copies, one difference' })).toBeChecked();
	await expect(notice).toBeHidden();
});

test('a zip that is dropped on the page is sent where runs are added', async ({ page }) => {
	await openLab(page, { engine: 'wasm' });
	await dropFile(page, 'twin-run.zip', 'PK\u0003\u0004');
	await page.getByRole('alert').filter({ hasText: 'twin-run.zip' }).getByRole('link', { name: 'Go to Runs' }).click();
	await expect(page.getByLabel('Add runs from a zip…')).toBeAttached();
});
