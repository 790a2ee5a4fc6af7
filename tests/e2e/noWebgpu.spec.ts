import { expect, type Page, test } from '@playwright/test';

import { CHROMIUM_FLAGS, findChromium } from '../../scripts/chromium.mjs';
import { button, openLab, SMALL, stepOf } from './lab';

const executablePath = findChromium();
// A browser as most schools have it: no WebGPU. Hiding navigator.gpu from the page would not hide it from the workers.
const args = CHROMIUM_FLAGS.filter((flag) => !flag.includes('webgpu')).concat('--disable-features=WebGPU', '--disable-gpu');
test.use({ launchOptions: { ...(executablePath && { executablePath }), args } });

/** Makes the trainers believe in a processor of so many threads. */
async function giveThreads(page: Page, threads: number): Promise<void> {
	await page.route('**/lab.worker*.js', async (route) => {
		const response = await route.fetch();
		const body = `Object.defineProperty(navigator, 'hardwareConcurrency', { value: ${threads} });\n${await response.text()}`;
		await route.fulfill({ response, body });
	});
}

test('without WebGPU the lab says so and runs on WebAssembly, on half of the processor’s threads', async ({ page }) => {
	await giveThreads(page, 4);
	await openLab(page, { ...SMALL, preset: 'sft' });
	const backend = page.getByTestId('backend');
	await expect(backend).toContainText('WebAssembly on 2 threads of the CPU runs the model, because');
	await expect(backend).toContainText('WebGPU');
	await button(page, 'One step').click();
	await expect.poll(() => stepOf(page, 'Plain fine-tune')).toBe(1);
});

test('without WebGPU the judge can’t be WebLLM: the page says so at once, Run leads to where it says so, and one press lets the trainer judge', async ({
	page,
}) => {
	await openLab(page, { ...SMALL, preset: 'emergent-alignment', 'conscience.judge': 'webllm' });
	const notice = page.getByRole('alert').filter({ hasText: 'The judge could not be loaded.' });
	await expect(notice).toContainText('This browser offers no WebGPU, which WebLLM needs.');
	await expect(notice).not.toBeFocused();
	await button(page, 'Run').click();
	const waiting = page.getByRole('alert').filter({ hasText: 'The run waits: its judge could not be loaded.' });
	await expect(waiting).toBeFocused();
	await page.setViewportSize({ width: 400, height: 800 }); // there Run is far below
	await button(page, 'Run').click();
	await expect(waiting).toBeFocused();
	await expect(waiting).toBeInViewport({ ratio: 1 });
	await waiting.getByRole('button', { name: 'Let the trainer judge' }).click();
	await expect(page).toHaveURL(/conscience\.judge=%22frozen-self%22/);
	await expect(waiting).toBeHidden(); // and what was pressed for goes on
	await expect.poll(() => stepOf(page, 'With conscience')).toBeGreaterThan(0);
});

test('WebGPU asked for where there is none is a plain message with a way on', async ({ page }) => {
	await page.goto('./#/?preset=sft&engine=webgpu');
	const notice = page.getByRole('alert').filter({ hasText: 'Plain fine-tune has stopped.' });
	await expect(notice).toContainText('WebGPU');
	await page.getByLabel('Engine').selectOption('WebAssembly');
	await expect(page.getByTestId('backend')).toContainText('WebAssembly on');
	await expect(notice).toBeHidden();
});
