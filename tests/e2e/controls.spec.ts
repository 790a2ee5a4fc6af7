import { expect, type Page, test } from '@playwright/test';

import { button, chartTable, openLab, SMALL, standing, stepOf } from './lab';
import { serveTinyModel } from './tinyModel';

// What a run does and how the page shows it is tested here, and not what the model says.
test.beforeEach(({ page }) => serveTinyModel(page));

const steps = async (page: Page) => [await stepOf(page, 'Plain fine-tune'), await stepOf(page, 'With conscience')] as const;

/** Presses and waits until both copies rest: each has gone one step on, but for one that was ahead, as a pause may leave it. */
async function oneStep(page: Page, press: () => Promise<void>) {
	const before = await steps(page);
	const least = Math.min(...before);
	await press();
	await expect.poll(() => steps(page)).toEqual(before.map((step) => (step === least ? step + 1 : step)));
	await expect(button(page, 'One step')).toBeEnabled();
}

test('pause stops, one step is one step, and a reset repeats the run', async ({ page }) => {
	await openLab(page, { ...SMALL, engine: 'wasm', 'optimizer.steps': 4000 });
	await oneStep(page, () => button(page, 'One step').click());
	await oneStep(page, () => button(page, 'One step').click());
	await oneStep(page, () => button(page, 'One step').click());
	const first = await chartTable(page, 'Loss on the code');
	expect(first).toHaveLength(3);
	// The same rows in the same order from the same adapter: before any pair was learnt from, the copies are equal.
	expect(first[0]!['Plain fine-tune']).toBe(first[0]!['With conscience']);

	await button(page, 'Run').or(button(page, 'Go on')).click();
	await expect.poll(async () => Math.min(...(await steps(page)))).toBeGreaterThan(5);
	await button(page, 'Pause').click();
	await expect(button(page, 'Go on')).toBeVisible();
	const paused = await steps(page);
	await page.waitForTimeout(1500);
	expect(await steps(page)).toEqual(paused);
	await oneStep(page, () => button(page, 'One step').click());
	while (new Set(await steps(page)).size > 1) await oneStep(page, () => button(page, 'One step').click()); // levelled, they go together
	await oneStep(page, () => button(page, 'One step').click());

	await button(page, 'Reset').click();
	await expect.poll(() => steps(page)).toEqual([0, 0]);
	await expect(standing(page, 'ready')).toHaveCount(2);
	for (let i = 0; i < 3; i++) await oneStep(page, () => button(page, 'One step').click());
	expect(await chartTable(page, 'Loss on the code')).toEqual(first);
});

test('the keyboard runs, pauses, steps and resets, but not while something is typed', async ({ page }) => {
	await openLab(page, { ...SMALL, engine: 'wasm', 'optimizer.steps': 4000 });
	await oneStep(page, () => page.keyboard.press('ArrowRight'));
	await page.keyboard.press('Space');
	await expect(button(page, 'Pause')).toBeVisible();
	await page.keyboard.press('Space');
	await expect(button(page, 'Go on')).toBeVisible();

	const before = await steps(page);
	const seed = page.getByLabel('Seed');
	await seed.focus();
	await page.keyboard.press('ArrowRight');
	await page.keyboard.press('r');
	await page.keyboard.press('Space');
	await page.waitForTimeout(300);
	expect(await steps(page)).toEqual(before);
	await seed.blur();

	await page.keyboard.press('r');
	await expect.poll(() => steps(page)).toEqual([0, 0]);
});

test('a run that is ended early stays on the page, says where it stood, and can be run again', async ({ page }) => {
	await openLab(page, { ...SMALL, engine: 'wasm', 'optimizer.steps': 4000, 'evaluation.every': 1 });
	await button(page, 'Run').click();
	await expect.poll(async () => Math.min(...(await steps(page)))).toBeGreaterThan(1);
	await button(page, 'End here').click();
	await expect(standing(page, 'cancelled')).toHaveCount(2);
	expect(Math.min(...(await steps(page)))).toBeGreaterThan(1);
	await expect(page.getByRole('region', { name: 'What you have seen' })).toContainText('You ended it before its last step');
	await expect(page.getByText('It speaks again')).toBeHidden();
	await expect(button(page, 'Run again')).toBeEnabled();
});
