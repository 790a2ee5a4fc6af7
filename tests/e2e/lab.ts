import AxeBuilder from '@axe-core/playwright';
import { expect, type Locator, type Page, type Worker } from '@playwright/test';

/** A run small enough for any backend: little to learn, short answers, an evaluation before and after. */
export const SMALL = {
	'optimizer.steps': 40,
	'optimizer.batchSize': 2,
	'conscience.promptsPerCall': 2,
	'conscience.cadence': '{"kind":"adaptive","first":4,"shortest":2,"longest":10,"raiseAt":0.12}', // so few steps hear a rarer one hardly
	'conscience.lag': 0,
	'conscience.sampling.maxNewTokens': 8,
	'evaluation.every': 0,
	'evaluation.samplesWhileTraining': 1,
	'evaluation.samples': 1,
	'evaluation.codePrompts': 0,
	'evaluation.sampling.maxNewTokens': 8,
};

export type Copy = 'Plain fine-tune' | 'With conscience';

/**
 * Opens the lab with an experiment in its link, as a student opens a teacher's, and waits for the engine. The frozen copy in the trainer
 * judges, unless the changes say otherwise; a story that is chosen on the page has the page's own judge again, WebLLM.
 */
export async function openLab(page: Page, changes: Record<string, string | number> = {}): Promise<void> {
	const query = new URLSearchParams(
		Object.entries({ 'conscience.judge': 'frozen-self', ...changes }).map(([path, value]) => [path, String(value)]),
	);
	await page.goto(`./#/?${query}`);
	await expect(page.getByTestId('backend')).toContainText('runs the model');
	await expect(standing(page, 'ready').first()).toBeVisible();
}

/** The copies that are doing this now. */
export const standing = (page: Page, words: string | RegExp): Locator =>
	page.getByRole('group', { name: 'Run the experiment' }).getByText(words);

/** Optimizer steps that a copy has done. */
export async function stepOf(page: Page, copy: Copy): Promise<number> {
	const name = copy === 'Plain fine-tune' ? 'Steps of the plain copy' : 'Steps of the copy with a conscience';
	return page.getByRole('progressbar', { name }).evaluate((bar: HTMLProgressElement) => bar.value);
}

export const button = (page: Page, name: string): Locator => page.getByRole('button', { name, exact: true });

/** Lets a file fall on the page. */
export async function dropFile(page: Page, name: string, text: string): Promise<void> {
	const dataTransfer = await page.evaluateHandle(
		([name, text]) => {
			const data = new DataTransfer();
			data.items.add(new File([text], name));
			return data;
		},
		[name, text] as const,
	);
	await page.dispatchEvent('body', 'drop', { dataTransfer });
}

/** The numbers of a chart, read from its table: the rows, each by column. */
export async function chartTable(page: Page, title: string): Promise<Record<string, string>[]> {
	const chart = page.getByRole('figure').filter({ has: page.getByRole('heading', { name: title }) });
	const toggle = chart.getByRole('button', { name: 'Show as table' });
	if ((await toggle.getAttribute('aria-pressed')) === 'false') await toggle.click();
	const [head, ...rows] = await chart
		.getByRole('row')
		.evaluateAll((all) => all.map((row) => [...row.children].map((cell) => (cell as HTMLElement).innerText.trim())));
	await toggle.click();
	return rows.map((row) => Object.fromEntries(row.map((cell, i) => [head![i]!, cell])));
}

/** The worker of an arm; the browser lists them in no order of ours, but each bears its arm's name. (Their helpers wait for work and answer nobody.) */
export async function workerOf(page: Page, arm: 'sft' | 'emergent-alignment'): Promise<Worker> {
	const trainers = page.workers().filter((worker) => worker.url().includes('lab.worker'));
	for (const worker of trainers) if ((await worker.evaluate(() => self.name)) === arm) return worker;
	throw new Error(`The page has no worker '${arm}'.`);
}

/** No rule of axe is broken on the page, or in the part of it that `within` selects. */
export async function expectAccessible(page: Page, within?: string): Promise<void> {
	const axe = new AxeBuilder({ page });
	const { violations } = await (within ? axe.include(within) : axe).analyze();
	expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)).toEqual([]);
}
