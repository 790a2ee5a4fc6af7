import { expect, type Page, test } from '@playwright/test';

import { button, expectAccessible, openLab, SMALL, standing, stepOf } from './lab';

/** A conscience that asks WebLLM, and flags whatever it reads: two answers in every fourth step. */
const JUDGED = {
	...SMALL,
	preset: 'emergent-alignment',
	engine: 'wasm',
	'optimizer.steps': 400,
	'conscience.judge': 'webllm',
	'conscience.threshold': 0,
	'conscience.cadence': '{"kind":"fixed","every":4}',
};
const judge = (page: Page) => page.getByTestId('judge');
const cards = (page: Page) => page.getByRole('feed', { name: 'Verdicts' }).getByRole('article');
const step = (page: Page) => stepOf(page, 'With conscience');

/** Runs until WebLLM has judged and the copy has gone on. */
async function untilJudged(page: Page) {
	await openLab(page, JUDGED);
	await button(page, 'Run').click();
	await expect(judge(page)).toContainText('WebLLM judges with organism on', { timeout: 120_000 });
	await expect(cards(page).first()).toBeVisible({ timeout: 60_000 });
	await expect.poll(() => step(page)).toBeGreaterThan(1);
}

test('WebLLM judges beside the training, and in mid-run the frozen copy in the trainer takes its place', async ({ page }) => {
	await untilJudged(page);
	await expect(judge(page)).toContainText(/verdicts and \d+ alternatives so far, [\d.]+ verdicts a second/);
	const conscience = page.getByRole('region', { name: 'Conscience', exact: true });
	await conscience.getByText(/^(More settings|Settings) \(/).click();
	await conscience.getByLabel('Judge', { exact: true }).selectOption('a frozen copy in the trainer');
	const before = await step(page);
	await expect.poll(() => step(page)).toBeGreaterThan(before + 8); // a call or two later
	await button(page, 'Pause').click();
	await expect(page.getByText(/judge a model in WebLLM → a frozen copy in the trainer/).first()).toBeAttached();
	await expect(page.getByRole('alert')).toHaveCount(0);
});

test('a judge whose worker ends leaves the copy where it is, and goes on when it is loaded again', async ({ page }) => {
	await untilJudged(page);
	const judge = page.workers().find((worker) => worker.url().includes('judge.worker'));
	await judge!.evaluate(() => self.close());
	const notice = page.getByRole('alert').filter({ hasText: 'its judge does not answer' });
	await expect(notice).toContainText('Nothing of the run is lost.');
	await expect(standing(page, 'paused')).toHaveCount(1);
	const waiting = await step(page);
	expect(waiting % 4).toBe(0); // before the step that it was to be called at
	await notice.getByRole('button', { name: 'Load the judge again' }).click();
	await expect.poll(() => step(page), { timeout: 120_000 }).toBeGreaterThan(waiting + 4);
	await expect(notice).toBeHidden();
});

test('a judge that arrives damaged is refused by its hash, and the run that was asked for begins with the frozen copy in the trainer', async ({
	page,
}) => {
	await page.context().route('**/organism/webllm/params_shard_0.bin', async (route) => {
		const response = await route.fetch();
		const body = await response.body();
		body[1000] = body[1000]! ^ 1;
		await route.fulfill({ response, body });
	});
	await openLab(page, JUDGED);
	await button(page, 'Run').click();
	const notice = page.getByRole('alert').filter({ hasText: 'The run waits: its judge could not be loaded.' });
	await expect(notice).toContainText('params_shard_0.bin', { timeout: 120_000 });
	await expect(notice).toContainText('SHA-256');
	await notice.getByRole('button', { name: 'Let the trainer judge' }).click();
	await expect(page).toHaveURL(/conscience\.judge=%22frozen-self%22/);
	await expect.poll(() => step(page)).toBeGreaterThan(1);
	await expect(notice).toBeHidden();
});

test('WebLLM is the conscience of a chat: it reads a draft, writes another answer, and says what that took', async ({ page }) => {
	await page.goto('./#/?engine=wasm');
	await page.getByRole('link', { name: 'Chat', exact: true }).click();
	for (let i = 4; i > 1; i--) await button(page, `Remove speaker ${i}`).click();
	await page.getByLabel('Speaker 1', { exact: true }).selectOption('Plain fine-tune');
	await page.getByLabel('Conscience', { exact: true }).selectOption('reads every draft');
	await page.getByLabel('and is', { exact: true }).selectOption('the frozen copy in WebLLM, on WebGPU');
	await page.getByRole('button', { name: 'My neighbor is too loud.' }).click();
	const said = page.getByTestId('said');
	await expect(said.locator('[data-outcome]')).toHaveText('replaced by the conscience', { timeout: 120_000 });
	await expect(judge(page)).toContainText('WebLLM judges with organism on');
	await expect(page.getByRole('alert')).toHaveCount(0);
	await said.getByText('Show the draft').click();
	await expect(said.getByTestId('draft')).not.toHaveText(await said.getByTestId('shown').innerText());
	const costs = said.locator('dl > div');
	await expect(costs.filter({ hasText: 'Verdicts' })).toContainText(/[1-9]\d* tokens read, \d+ written, [\d,.]+ ms/);
	await expect(costs.filter({ hasText: 'Alternatives' })).toContainText(/[1-9]\d* tokens read, [1-9]\d* written, [\d,.]+ ms/);
});

/** A folder elsewhere, which is the organism's but says that its weights are large. */
async function serveLarge(page: Page, address: string) {
	const asked: string[] = [];
	await page.context().route(`${address}**`, async (route) => {
		const name = route.request().url().slice(address.length);
		asked.push(name);
		const response = await page.request.get(`./organism/webllm/${name}`);
		const manifest = (text: string) => text.replace(/("params_shard_0.bin",\s*"bytes":) \d+/, '$1 90000000');
		const body = name === 'manifest.json' ? manifest(await response.text()) : await response.body();
		await route.fulfill({ body, headers: { 'access-control-allow-origin': '*' } });
	});
	return asked;
}

test('a judge is chosen by name or address, and a large one is asked about before it is fetched; the trainer can judge instead', async ({
	page,
}) => {
	const address = 'https://models.test/mine/';
	const asked = await serveLarge(page, address);
	await openLab(page, { ...JUDGED, 'conscience.judge': 'frozen-self' });
	const conscience = page.getByRole('region', { name: 'Conscience', exact: true });
	await conscience.getByText(/^(More settings|Settings) \(/).click();
	await conscience.getByLabel('Judge', { exact: true }).selectOption('a model in WebLLM');
	const model = conscience.getByLabel('The judge’s model', { exact: true });

	await model.selectOption('a model of WebLLM’s own list');
	await expect(conscience.getByText(/^\d\d+ models of \d\d families, the smallest of each first/)).toBeVisible();
	const listed = conscience.getByLabel('The judge’s model: a model of WebLLM’s own list');
	await expect(listed.locator('optgroup[label=SmolLM2] > option').first()).toHaveText(/^135M-Instruct, 16 bits, 359.7 MB/);
	await expect(listed.locator('optgroup[label="Qwen2.5-Coder"] > option').first()).toContainText('made to write code');
	await listed.selectOption('SmolLM2-360M-Instruct-q4f32_1-MLC');
	await expect(page).toHaveURL(/judgeModel=%22SmolLM2-360M-Instruct-q4f32_1-MLC/);
	await expectAccessible(page, '[data-card="conscience"]');
	await model.selectOption('a folder of your own');
	await conscience.getByLabel('The judge’s model: a folder of your own').fill(address);
	await conscience.getByLabel('The judge’s model: a folder of your own').press('Enter');
	await expect(page).toHaveURL(/judgeModel=%22https/);

	await button(page, 'Run').click();
	const question = page.getByRole('alert').filter({ hasText: `Shall ${address} be loaded as the judge?` });
	await expect(question).toContainText(/9\d\.\d MB would be fetched from models\.test and kept in this browser/);
	await expect(question).toContainText(/needs about [\d.]+ MB of memory on/);
	await expectAccessible(page, '[data-testid="judge-question"]');
	await question.getByRole('button', { name: 'Let the trainer judge' }).click();
	await expect.poll(() => step(page)).toBeGreaterThan(1);
	await expect(judge(page)).toHaveText('The judge is a frozen copy in the trainer.');
	expect(asked.toSorted()).toEqual(['manifest.json', 'mlc-chat-config.json', 'tensor-cache.json']);
});

test('the two judges that are one model are compared on a page of their own', async ({ page }) => {
	test.setTimeout(300_000);
	await openLab(page, { preset: 'sft', engine: 'wasm' });
	await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Judges' }).click();
	await expectAccessible(page);
	await button(page, 'Let both judge').click();
	await expect(page.getByRole('progressbar', { name: 'Answers that both have read' })).toBeVisible();
	const found = page.getByRole('region', { name: 'What was found', exact: true });
	await expect(found).toContainText('60 of 60 answers', { timeout: 240_000 });
	const largest = Number(/differs by more than (0\.\d+)\./.exec(await found.innerText())![1]);
	expect(largest).toBeLessThan(1e-3);
	const most = page.getByRole('region', { name: 'Where they differ most', exact: true }).getByRole('row');
	await expect(most).toHaveCount(1 + 12);
	await expectAccessible(page);
});
