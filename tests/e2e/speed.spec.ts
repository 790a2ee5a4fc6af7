import { readFile } from 'node:fs/promises';

import { expect, test } from '@playwright/test';

import { button, expectAccessible } from './lab';

/** What an earlier visit has measured: half a second for a step of 590 tokens. */
const part = (name: string, amount: number, seconds: number, leftOut: string[] = []) => ({
	...{ part: name, shape: `so many of ${name}`, amount, seconds, least: seconds, most: 2 * seconds },
	...{ repetitions: 3, warmUps: 1, leftOut },
});
const wasm = {
	...{ backend: 'wasm', adapter: null, software: false, parameters: 988_288, tokens: { row: 37, pair: 64 }, seconds: 9 },
	parts: [part('matmul', 2e10, 1, ['4096 × 4096']), part('copy', 6e9, 1), part('step', 590, 0.5), part('call', 8, 0.4)],
};
const report = {
	...{ version: 1, date: '2026-01-02T03:04:05.000Z', browser: 'a browser', cores: 2, model: 'organism', backends: [wasm] },
	missing: [{ backend: 'webgpu', reason: 'no WebGPU adapter' }],
};

test('what was measured is told in words, in a table, as a file and before a run; a measurement can be stopped', async ({ page }) => {
	await page.addInitScript((kept) => localStorage.setItem('conscience-lab.speed', kept), JSON.stringify(report));
	await page.setViewportSize({ width: 400, height: 860 });
	await page.goto('./#/speed');
	const panel = page.getByRole('region', { name: 'WebAssembly', exact: true });
	await expect(panel).toContainText('does 20 GFLOP/s and moves 6 GB/s. A run of 100 steps with its conscience takes about');
	await expect(panel.getByRole('row', { name: /Training step 500 ms, 1,180 tokens\/s/ })).toBeVisible();
	await expect(panel.getByRole('row', { name: /Writing, 16 prompts no time was left for it/ })).toBeVisible();
	await expect(page.getByText('WebGPU was not measured. no WebGPU adapter')).toBeVisible();
	await expectAccessible(page);
	expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(400);

	const downloading = page.waitForEvent('download');
	await button(page, 'Download JSON').click();
	const download = await downloading;
	expect(download.suggestedFilename()).toBe('conscience-lab-speed-2026-01-02.json');
	expect(JSON.parse(await readFile(await download.path(), 'utf8'))).toEqual(report);

	await button(page, 'Measure again').click();
	await expect(page.getByText(/about \d+ seconds left/)).toBeVisible();
	await button(page, 'Stop').click();
	await expect(page.getByRole('progressbar')).toHaveCount(0);
	await expect(panel).toContainText('20 GFLOP/s'); // as it was

	await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Lab', exact: true }).click();
	await expect(page.getByText(/^A run takes about \d+ minutes here\.$/)).toBeVisible();
});
