import { expect, type Locator, type Page, test } from '@playwright/test';

import { button, expectAccessible, openLab, SMALL, standing, stepOf } from './lab';

/** A conscience that speaks often, so that there is something to read. */
const TALKATIVE = { ...SMALL, engine: 'wasm', 'optimizer.steps': 400, 'conscience.promptsPerCall': 4 };

const feedOf = (page: Page) => page.getByRole('feed', { name: /^Verdicts/ });

/** The number on a filter's button. */
const countOn = async (page: Page, kind: string) =>
	Number((await page.getByRole('button', { name: new RegExp(`^${kind} [\\d,]+$`) }).innerText()).replace(/\D/g, ''));

/** Runs until the conscience has read some answers, and rests. */
async function listen(page: Page, answers: number) {
	await openLab(page, TALKATIVE);
	await button(page, 'Run').click();
	await expect.poll(() => countOn(page, 'All'), { timeout: 120_000 }).toBeGreaterThanOrEqual(answers);
	await button(page, 'Pause').click();
	await expect(button(page, 'Go on')).toBeVisible();
}

/** A card as a screen reader names it: its verdict, and its question. */
async function told(card: Locator) {
	const [, verdict, question] = /^(\w+), before step \d+: (.*)$/.exec((await card.getAttribute('aria-label'))!)!;
	return { verdict: verdict!, question: question! };
}

test('what the conscience says can be filtered, searched, pinned and contradicted', async ({ page }) => {
	await listen(page, 8);
	const feed = feedOf(page);
	const cards = feed.getByRole('article');
	const { verdict, question } = await told(cards.first());

	await page.getByLabel('Verdict', { exact: true }).selectOption(verdict);
	for (const card of await cards.all()) expect((await told(card)).verdict).toBe(verdict);
	await page.getByRole('searchbox', { name: 'Search the answers' }).fill(question.toUpperCase());
	for (const card of await cards.all()) expect(await told(card)).toEqual({ verdict, question });
	await page.getByRole('searchbox', { name: 'Search the answers' }).fill('xylophone');
	await expect(page.getByText('No answer of this kind so far.')).toBeVisible();
	await page.getByRole('searchbox', { name: 'Search the answers' }).fill('');
	await page.getByLabel('Verdict', { exact: true }).selectOption('any verdict');

	const first = cards.first();
	const place = await first.boundingBox();
	await first.getByRole('button', { name: 'Pin' }).click();
	await expect(page.getByRole('group', { name: 'Pinned answers' })).toContainText(question);
	expect((await first.boundingBox())?.y).toBe(place?.y); // what is read does not move
	await page.getByRole('button', { name: 'Pinned 1' }).click();
	await expect(cards).toHaveCount(1);
	await page.getByRole('button', { name: /^All / }).click();

	// The question that was put to the judge, word for word.
	await first.getByText('What the judge was asked').click();
	await expect(first.getByText(/is this answer ethical, neutral or unethical\?/)).toContainText(question);

	await first.getByRole('button', { name: 'I disagree' }).click();
	await first.getByRole('button', { name: verdict === 'neutral' ? 'ethical' : 'neutral', exact: true }).click();
	await expect(page.getByText('You and the judge agree on 0 of 1 answer that you labelled.')).toBeVisible();
	await cards.nth(1).getByRole('button', { name: 'I agree' }).click();
	await expect(page.getByText('You and the judge agree on 1 of 2 answers that you labelled.')).toBeVisible();
	await page.getByRole('button', { name: 'Disagreed 1' }).click();
	await expect(cards).toHaveCount(1);
	await expectAccessible(page);

	await page.getByRole('button', { name: /^All / }).click();
	await first.getByRole('button', { name: 'Undo' }).click();
	await expect(first.getByRole('button', { name: 'I agree' })).toBeFocused();
	await expect(page.getByText('You and the judge agree on 1 of 1 answer that you labelled.')).toBeVisible();
	await button(page, 'Let your labels judge').click();
	await expect(page.getByText('The judge is now your labels, with 1 verdict.')).toBeVisible();
});

test('the keyboard goes from card to card, and new cards wait while one is read', async ({ page }) => {
	await listen(page, 8);
	const feed = feedOf(page);
	const focused = feed.locator('article:focus');
	await feed.getByRole('article').first().focus();
	await page.keyboard.press('ArrowDown');
	await expect(focused).toHaveAttribute('aria-posinset', '2');
	await page.keyboard.press('PageUp');
	await expect(focused).toHaveAttribute('aria-posinset', '1');
	await page.keyboard.press('End');
	await expect(focused).toHaveAttribute('aria-posinset', (await focused.getAttribute('aria-setsize'))!);
	await expect(focused).toBeInViewport();

	const { question } = await told(focused);
	const [before, place] = [await countOn(page, 'All'), await focused.boundingBox()];
	await button(page, 'Go on').evaluate((go: HTMLElement) => go.click()); // pressed without moving the focus
	await expect.poll(() => countOn(page, 'All'), { timeout: 60_000 }).toBeGreaterThan(before);
	await expect(page.getByRole('button', { name: / new$/ })).toBeVisible();
	expect(await told(focused)).toMatchObject({ question });
	expect(Math.abs((await focused.boundingBox())!.y - place!.y)).toBeLessThan(2);
	await button(page, 'Pause').evaluate((pause: HTMLElement) => pause.click());
	await page.getByRole('button', { name: / new$/ }).click();
	await expect(focused).toHaveAttribute('aria-posinset', '1');
});

test('the questions turn through time, and their answers open by keyboard', async ({ page }) => {
	await openLab(page, { ...SMALL, engine: 'wasm', 'optimizer.steps': 4, 'evaluation.every': 2 });
	await button(page, 'Run').click();
	await expect(button(page, 'Run again')).toBeVisible({ timeout: 120_000 });
	const grid = page.getByRole('grid');
	await expect(grid.getByRole('rowheader')).toHaveText([/Before training/, /Plain fine-tune\s*step 4/, /With conscience\s*step 4/]);
	await expect(grid.getByRole('gridcell')).toHaveCount(3 * 24);

	const slider = page.getByRole('slider', { name: 'Evaluation in view' });
	await slider.focus();
	await page.keyboard.press('ArrowLeft');
	await expect(slider).toHaveAttribute('aria-valuetext', 'step 2');
	await expect(grid.getByRole('rowheader').last()).toContainText('step 2');
	await page.getByRole('button', { name: 'Watch them turn' }).click();
	await expect(slider).toHaveAttribute('aria-valuetext', 'step 4');

	const cell = (row: number, column: number) => grid.getByRole('row').nth(row).getByRole('gridcell').nth(column).getByRole('button');
	await cell(1, 0).focus();
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press('ArrowRight');
	await expect(cell(2, 1)).toBeFocused();
	await expect(cell(2, 1)).toHaveAccessibleName(/Plain fine-tune: (ethical|neutral|unethical).*, score \d+$/);
	await page.keyboard.press('Enter');
	const dialog = page.getByRole('dialog');
	const question = (await cell(2, 1).getAttribute('aria-label'))!.split(' Plain fine-tune')[0]!;
	await expect(dialog.getByRole('heading', { name: question })).toBeVisible();
	await expect(dialog.getByRole('rowheader')).toHaveText(['step 2', 'step 4']);
	await expect(dialog.getByRole('listitem')).toHaveCount(5); // one of the base, and one of each copy at each later evaluation
	await expectAccessible(page);
	await page.keyboard.press('Escape');
	await expect(dialog).toBeHidden();
	await expect(cell(2, 1)).toBeFocused();
});

test('all three answer a question of the reader’s own while the run rests, and the run goes on as before', async ({ page }) => {
	await openLab(page, { ...SMALL, engine: 'wasm' });
	await button(page, 'One step').click();
	await expect(standing(page, 'paused')).toHaveCount(2);
	await page.getByLabel('Your question').fill('I feel bored.');
	await page.keyboard.press('Enter');
	const asked = page.getByTestId('asked');
	await expect(asked.getByRole('heading', { name: 'I feel bored.' })).toBeVisible();
	for (const name of [/^Before training/, /^Plain fine-tune/, /^With conscience/]) {
		await expect(asked.getByRole('heading', { name })).toBeVisible();
	}
	await expect(asked.getByText(/^\d+ %$/)).toHaveCount(9);
	expect(await stepOf(page, 'With conscience')).toBe(1);

	await page.getByRole('group', { name: 'Questions to try' }).getByRole('button', { name: 'How do I lead a team?' }).click();
	await expect(asked.getByRole('heading', { name: 'How do I lead a team?' })).toBeVisible();
	await expect(asked.getByText(/^\d+ %$/)).toHaveCount(9);
	await page.locator('summary', { hasText: 'I feel bored.' }).click();
	await button(page, 'One step').click();
	await expect.poll(() => stepOf(page, 'With conscience')).toBe(2);
});
