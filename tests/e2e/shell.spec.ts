import { type Browser, expect, type Page, test } from '@playwright/test';

import { button, expectAccessible, openLab, SMALL, standing, stepOf } from './lab';

declare global {
	interface Window {
		/** When the recorded run first moved, in ms since the navigation began. */
		movedAt: number;
	}
}

const recorded = (page: Page) => page.getByRole('complementary', { name: 'Recorded run' });
const recordedStep = (page: Page) =>
	page.getByRole('progressbar', { name: 'Steps of the recorded run' }).evaluate((bar: HTMLProgressElement) => bar.value);
/** When the recorded run first moves on the page that somebody opens for the first time, in ms since the navigation began. */
async function timeToMove(browser: Browser): Promise<number> {
	const context = await browser.newContext(); // nothing of the page is known to it
	const page = await context.newPage();
	await page.addInitScript(() => {
		const observer = new MutationObserver(() => {
			const bar = document.querySelector<HTMLProgressElement>('progress[aria-label="Steps of the recorded run"]');
			if (!bar || bar.value === 0) return;
			window.movedAt = performance.now();
			observer.disconnect();
		});
		observer.observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['value'] });
	});
	await page.goto('./#/', { waitUntil: 'commit' });
	const moved = await page.waitForFunction(() => window.movedAt);
	const time = await moved.jsonValue();
	await context.close();
	return time;
}

const theme = (page: Page) => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme);

/** The part of the page that the tour shows, and whether the reader can see it and the card at once. */
async function expectStop(page: Page, title: string) {
	const card = page.getByRole('dialog', { name: title });
	await expect(card).toBeVisible();
	await expect(card.getByRole('heading')).toBeFocused();
	await expect(card).toBeInViewport({ ratio: 1 });
}

test('what is needed to read the page and press Run comes first, and what comes later moves nothing', async ({ page }) => {
	let letIn = () => {};
	const later = new Promise<void>((resolve) => (letIn = resolve));
	await page.route(/\/assets\/(?!index-)[^/]+\.(js|css)$/, async (route) => later.then(() => route.continue()));
	await page.goto('./#/?engine=wasm&preset=sft');
	await expect(button(page, 'Run')).toBeEnabled();
	await expect(page.getByRole('radio', { name: 'It goes bad' })).toBeChecked();
	await expect(page.getByRole('heading', { name: 'Alignment of everyday answers' })).toHaveCount(0);
	const places = () =>
		page.locator('[data-tour=stories], [data-tour=toolbar], [data-tour=chart]').evaluateAll((all) => all.map((one) => one.getBoundingClientRect().top)); // prettier-ignore
	const before = await places();
	await button(page, 'One step').focus();
	letIn();
	await expect(page.getByRole('heading', { name: 'Alignment of everyday answers' })).toBeVisible();
	await expect(page.getByRole('heading', { name: 'Take it with you' })).toBeVisible();
	expect(await places()).toEqual(before);
	await expect(button(page, 'One step')).toBeFocused();
});

test('what was not opened yet is there without a network', async ({ page, context }) => {
	await page.goto('./#/?engine=wasm&preset=sft');
	await expect(standing(page, 'ready')).toHaveCount(1);
	await page.waitForFunction(() => performance.getEntriesByType('resource').some(({ name }) => /\/About-[^/]+\.js$/.test(name)));
	await context.setOffline(true);
	await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'About', exact: true }).click();
	await expect(page).toHaveTitle('About · The conscience lab');
	await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
	await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Lab', exact: true }).click();
	await button(page, 'Tour').click();
	await expectStop(page, 'Choose a story');
});

test.describe('the first minute', () => {
	test('a recorded run moves within two seconds of opening, says what it is, and ends where the run did', async ({ browser, page }) => {
		// What else the machine does can only add to the time: the quickest of a few first visits is the nearest to the page's own.
		const times: number[] = [];
		while (times.length < 8 && !times.some((time) => time < 2000)) times.push(await timeToMove(browser));
		test.info().annotations.push({ type: 'moved after', description: `${times.map(Math.round).join(', ')} ms` });
		expect(Math.min(...times)).toBeLessThan(2000);

		await page.goto('./#/');

		await expect(recorded(page)).toContainText('Recorded earlier, with the judge in the trainer. Run does it here, for real.');

		await button(page, 'Pause the recording').click();
		const paused = await recordedStep(page);
		await page.waitForTimeout(800);
		expect(await recordedStep(page)).toBe(paused);
		await button(page, 'Show its end').click();
		expect(await recordedStep(page)).toBe(150);
		await expect(button(page, 'Play it again')).toBeVisible();
	});

	test('Run puts the real run in the place of the recording', async ({ page }) => {
		await page.goto('./#/?engine=wasm&preset=twin');
		await expect(recorded(page)).toBeVisible();
		await expect(standing(page, 'ready')).toHaveCount(2);
		await button(page, 'Run it here').click();
		await expect(recorded(page)).toBeHidden();
		await expect.poll(() => stepOf(page, 'Plain fine-tune')).toBeGreaterThan(0);
		await button(page, 'End here').click();
		await expect(recorded(page)).toBeHidden();
	});

	test('each story tells its own recording, a changed one none, and the first one stands where it was left', async ({ page }) => {
		await page.goto('./#/?engine=wasm&preset=twin');
		await button(page, 'Show its end').click();
		for (const story of ['It goes bad', 'A quieter conscience', 'Only the data was different', 'Brought back']) {
			await page.getByLabel(story).check();
			await expect(button(page, 'Pause the recording')).toBeVisible(); // it plays by itself
			await button(page, 'Show its end').click();
			expect(await recordedStep(page)).toBe(150);
			await expect(page.getByRole('heading', { name: 'What you have seen' })).toBeVisible();
		}
		await page.goto('./#/?engine=wasm&preset=realign&seed=2');
		await expect(recorded(page)).toBeHidden();
		await page.goto('./#/?engine=wasm&preset=twin');
		await expect(recorded(page)).toBeVisible();
		expect(await recordedStep(page)).toBe(150);
	});

	test('nothing moves for a reader who wants no motion: the end is there at once', async ({ page }) => {
		await page.emulateMedia({ reducedMotion: 'reduce' });
		await page.goto('./#/?engine=wasm&preset=twin');
		await expect(button(page, 'Play it again')).toBeVisible();
		expect(await recordedStep(page)).toBe(150);
	});

	for (const [what, answer] of [
		['missing', { status: 404, body: '' }],
		['damaged', { status: 200, body: 'PK, but no zip' }],
	] as const) {
		test(`a recording that is ${what} leaves the page as it is without one`, async ({ page }) => {
			const errors: string[] = [];
			page.on('pageerror', (error) => errors.push(error.message));
			await page.route('**/recorded/twin.zip', (route) => route.fulfill(answer));
			await page.goto('./#/?engine=wasm&preset=twin');
			await expect(standing(page, 'ready')).toHaveCount(2);
			await expect(recorded(page)).toBeHidden();
			await expect(page.getByRole('alert')).toHaveCount(0);
			expect(errors).toEqual([]);
		});
	}
});

for (const width of [1280, 400]) {
	test(`the tour is taken by the keyboard alone, ${width} px wide, and offered once`, async ({ page }) => {
		await page.setViewportSize({ width, height: 800 });
		await openLab(page, { ...SMALL, engine: 'wasm' });
		await button(page, 'Take the tour, it takes a minute').press('Enter');
		await expectStop(page, 'Choose a story');
		const next = async () => {
			await page.keyboard.press('Tab');
			await page.keyboard.press('Enter');
		};
		for (const title of [
			'See what is taught',
			'Run it',
			'Watch the answers, not the code',
			'Read what the conscience says',
			'Twenty-four questions',
		]) {
			await next();
			await expectStop(page, title);
		}
		await expectAccessible(page);
		await next();
		await expectStop(page, 'Ask your own');
		expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
		await button(page, 'Back').press('Enter');
		await expectStop(page, 'Twenty-four questions');
		await page.keyboard.press('Escape');
		await expect(page.getByRole('dialog')).toHaveCount(0);

		await page.reload();
		await expect(standing(page, 'ready').first()).toBeVisible();
		await expect(page.getByText('New here?')).toBeHidden();
		await button(page, 'Tour').press('Enter');
		await expectStop(page, 'Choose a story');
		await page.keyboard.press('Escape');
		await expect(button(page, 'Tour')).toBeFocused();
	});
}

test('the projector’s view has three panels and nothing to press, and the keys still work', async ({ page }) => {
	await openLab(page, { ...SMALL, engine: 'wasm', 'optimizer.steps': 400 });
	await page.keyboard.press('p');
	await expect(page.locator('html')).toHaveAttribute('data-projector');
	for (const panel of ['Alignment of everyday answers', 'The conscience speaks', /questions$/]) {
		await expect(page.getByRole('heading', { name: panel })).toBeVisible();
	}
	await expect(page.getByRole('navigation')).toHaveCount(0);
	await expect(page.getByRole('group', { name: 'Run the experiment' })).toHaveCount(0);
	await expect(page.locator('input:visible, select:visible')).toHaveCount(0);
	expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);

	await page.keyboard.press('ArrowRight');
	await expect(page.getByText('step 1 of 400')).toHaveCount(2);
	await expectAccessible(page);

	await page.keyboard.press('Escape');
	await expect(page.locator('html')).not.toHaveAttribute('data-projector');
	await expect.poll(() => stepOf(page, 'With conscience')).toBe(1);
	await button(page, 'Projector').click();
	await page.keyboard.press('Space');
	await expect(page.getByText('running', { exact: true })).toBeVisible();
	await page.keyboard.press('Space');
	await expect(page.getByText('paused', { exact: true })).toBeVisible();
	await button(page, 'Leave').click();
	await expect(button(page, 'Projector')).toBeFocused();
});

test('the theme is the system’s until the reader chooses, and the choice is remembered', async ({ page }) => {
	await page.emulateMedia({ colorScheme: 'dark' });
	await page.goto('./#/about');
	await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
	const paper = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
	expect(await theme(page)).toBe('light dark');
	const dark = await paper();
	await page.getByLabel('Theme').selectOption('light');
	expect(await theme(page)).toBe('light');
	expect(await paper()).not.toBe(dark);
	await page.reload();
	await expect(page.getByLabel('Theme')).toHaveValue('light');
	expect(await theme(page)).toBe('light');
	await page.getByLabel('Theme').selectOption('dark');
	expect(await paper()).toBe(dark);
});

test('the list of keys opens with ?, keeps the focus, and can switch them off', async ({ page }) => {
	await openLab(page, { ...SMALL, engine: 'wasm', 'optimizer.steps': 400 });
	await page.keyboard.press('?');
	const keys = page.getByRole('dialog', { name: 'Keys' });
	await expect(keys).toContainText('Back to step 0, with the same seed');
	await page.keyboard.press('ArrowRight'); // means nothing in a dialog
	await keys.getByLabel('Single keys are on').uncheck();
	await page.keyboard.press('Escape');
	await expect(keys).toBeHidden();
	await page.keyboard.press('?');
	await page.keyboard.press('ArrowRight');
	await page.waitForTimeout(500);
	await expect(keys).toBeHidden();
	expect(await stepOf(page, 'With conscience')).toBe(0);
});

test('a slower speed rests after every step, and a faster one is taken over in mid-run', async ({ page }) => {
	await openLab(page, { ...SMALL, engine: 'wasm', 'optimizer.steps': 400 });
	await page.getByLabel('Speed').selectOption('To read along');
	await button(page, 'Run').click();
	await expect.poll(() => stepOf(page, 'Plain fine-tune')).toBeGreaterThan(0);
	const before = await stepOf(page, 'Plain fine-tune');
	await page.waitForTimeout(3000);
	expect((await stepOf(page, 'Plain fine-tune')) - before).toBeLessThanOrEqual(3);
	await page.getByLabel('Speed').selectOption('Full speed');
	await expect.poll(() => stepOf(page, 'Plain fine-tune')).toBeGreaterThan(before + 10);
	await button(page, 'End here').click();
});

test('every page has a title and an address, and the way back leads to the same experiment', async ({ page }) => {
	await openLab(page, { ...SMALL, engine: 'wasm', seed: 9 });
	await expect(page).toHaveTitle('The conscience lab');
	for (const [link, title] of [
		['Models', 'Models · The conscience lab'],
		['Chat', 'Chat · The conscience lab'],
		['Runs', 'Runs · The conscience lab'],
		['Studies', 'Studies · The conscience lab'],
		['Judges', 'Judges · The conscience lab'],
		['Gate', 'Gate · The conscience lab'],
		['Speed', 'Speed · The conscience lab'],
		['About', 'About · The conscience lab'],
	] as const) {
		await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: link, exact: true }).click();
		await expect(page).toHaveTitle(title);
		await expect(page.locator('main')).toBeFocused();
		expect(await page.evaluate(() => scrollY)).toBe(0);
	}
	await page.getByRole('link', { name: 'The paper’s figures beside ours' }).click();
	await expect(page.getByRole('heading', { name: 'The paper’s figures beside ours' })).toBeInViewport();
	await expect(page.getByRole('row', { name: /With conscience.*97\.1 \[95\.4, 98\.9\]/ })).toBeVisible();
	await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Lab', exact: true }).click();
	await expect(page.getByLabel('Seed')).toHaveValue('9');
	expect(new URL(page.url()).hash).toContain('seed=9');

	await page.getByRole('link', { name: 'Skip to the lab' }).press('Enter');
	await expect(page.locator('main')).toBeFocused();
});
