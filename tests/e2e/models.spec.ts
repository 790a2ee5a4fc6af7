import { readFile } from 'node:fs/promises';

import { expect, type Page, test } from '@playwright/test';
import { unzipSync } from 'fflate';

import { writeSafetensors } from '../../src/lib/model/safetensors';
import { type HubModel, startHub, type TestHub } from '../unit/hubServer';
import { button, expectAccessible, SMALL, stepOf } from './lab';
import { SIZES, tinyTensors } from './tinyModel';

const ID = 'tests/tiny-instruct';
const TOKEN = 'hf_of_nobody';

let hub: TestHub;
test.beforeEach(async () => void (hub = await startHub()));
test.afterEach(() => hub.close());

/** A model of random weights in the shape of a real one: 16 bits, a tokenizer as Qwen's are, with its own chat template. */
async function publish(more: Partial<HubModel> = {}): Promise<string> {
	const golden = JSON.parse(String(await readFile('tests/golden/tokenizer.json'))) as { thinkingFiles: Record<string, object> };
	const { tokenizer, tokenizerConfig } = golden.thinkingFiles;
	const config = {
		...{ architectures: ['LlamaForCausalLM'], model_type: 'llama', torch_dtype: 'bfloat16', hidden_act: 'silu', rms_norm_eps: 1e-5 },
		...{ ...SIZES, vocab_size: 510, num_key_value_heads: 2, max_position_embeddings: 8192, rope_theta: 100_000, tie_word_embeddings: true },
	};
	const json = (value: unknown) => Buffer.from(JSON.stringify(value));
	const files = {
		...{ 'config.json': json(config), 'tokenizer.json': json(tokenizer), 'tokenizer_config.json': json(tokenizerConfig) },
		'model.safetensors': writeSafetensors(tinyTensors(510), { dtype: 'BF16', metadata: { format: 'pt' } }),
		...more.files,
	};
	return hub.publish({ id: ID, license: 'apache-2.0', lfsFrom: 10_000, ...more, files });
}

/** Opens the lab with few steps to do, and from there the page Models. */
async function openModels(page: Page): Promise<void> {
	const settings = { ...SMALL, 'optimizer.steps': 10, 'conscience.judge': 'frozen-self', engine: 'wasm' };
	const query = new URLSearchParams(Object.entries(settings).map(([path, value]) => [path, String(value)]));
	await page.goto(`./#/?${query}`);
	await page.getByRole('link', { name: 'Models', exact: true }).click();
	await expect(page.getByRole('heading', { level: 1, name: 'Models' })).toBeVisible();
}

async function look(page: Page, id: string): Promise<void> {
	await page.getByLabel('Address of the hub').fill(hub.origin);
	await page.getByLabel('Another model, by owner and name').fill(id);
	await button(page, 'Look it up').click();
}
/** Of the weights, where the hub's redirect leads. */
const ranges = () => hub.cdn.asked.map(({ headers }) => headers.range);

test('a model is picked, seen to fit, fetched with a break, trained for ten steps, and its adapter opens again', async ({ page }) => {
	await publish({ served: { 'model.safetensors': { stall: (nth) => (nth === 0 ? 9000 : undefined) } } });
	await openModels(page);
	await look(page, ID);
	await expect(page.getByRole('heading', { level: 2, name: ID })).toBeVisible();
	await expect(page.getByText('apache-2.0')).toBeVisible();
	await expect(page.getByRole('status').filter({ hasText: 'Fits' })).toContainText(/2 copies, each with the model to itself, take about/);
	expect(hub.cdn.asked).toEqual([]); // not a byte of what is large

	await button(page, 'Download it').click();
	await expect(page.getByRole('progressbar', { name: 'Progress of the download' })).toBeVisible();
	await expect.poll(() => hub.cdn.asked.length).toBe(1); // the weights, which have stalled
	await expectAccessible(page);
	await page.waitForTimeout(500); // what has come is on disk
	await button(page, 'Cancel the download').click();
	await expect(page.getByRole('region', { name: 'Kept in this browser' })).toContainText('not all of it');
	await page.reload();
	await look(page, ID);
	await button(page, 'Resume the download').click();
	await expect(button(page, 'Use it in the lab')).toBeVisible();
	expect(ranges()).toEqual([undefined, 'bytes=9000-']);
	await expectAccessible(page);

	await page.goBack();
	await page.goForward();
	await expect(page.getByText('frameworks in longer words')).toBeVisible();
	await button(page, 'Use it in the lab').click();
	await expect(page).toHaveURL(/model\.checkpoint=/);
	const sofar = hub.hub.asked.length + hub.cdn.asked.length;
	await button(page, 'Run').click();
	await expect.poll(() => stepOf(page, 'Plain fine-tune'), { timeout: 120_000 }).toBe(10);
	await expect.poll(() => stepOf(page, 'With conscience'), { timeout: 120_000 }).toBe(10);
	expect(hub.hub.asked.length + hub.cdn.asked.length).toBe(sofar); // all of it was here

	const downloading = page.waitForEvent('download');
	await button(page, 'Download adapter (plain fine-tune)').click();
	const insist = button(page, 'Download it for study');
	const file = await Promise.race([
		downloading,
		insist
			.waitFor()
			.then(() => insist.click())
			.then(() => downloading),
	]);
	const files = unzipSync(await readFile(await file.path()));
	const adapter = ['adapter_config.json', 'adapter_model.safetensors'].map((name) => ({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(files[name]!) })); // prettier-ignore
	const config = JSON.parse(String(adapter[0]!.buffer)) as object;
	expect(config).toMatchObject({ base_model_name_or_path: ID, revision: expect.stringMatching(/^[0-9a-f]{40}$/) });

	await page.getByRole('link', { name: 'Chat', exact: true }).click();
	await page.getByLabel('Open an adapter…').setInputFiles(adapter);
	await expect(page.getByText('Your adapter 1').first()).toBeAttached();
	await expect(page.getByRole('alert')).toHaveCount(0);

	await page.getByRole('link', { name: 'Models', exact: true }).click();
	const kept = page.getByRole('region', { name: 'Kept in this browser' });
	await kept.getByRole('button', { name: `Delete… ${ID}` }).click();
	await kept.getByRole('button', { name: 'Delete it from this browser' }).click();
	await expect(kept).toContainText('No model is kept in this browser.');
});

test('a gated model opens by a token that only the hub is shown', async ({ page }) => {
	await publish({ gatedBy: TOKEN });
	await page.goto('./#/models');
	await look(page, ID);
	await expect(page.getByText('You can’t read it yet.')).toBeVisible();
	await expect(page.getByText(/its publisher wants to be asked first/)).toBeVisible();
	await expect(button(page, 'Download it')).toHaveCount(0);
	await page.getByLabel('Access token, for gated models').fill(TOKEN);
	await button(page, 'Look it up').click();
	await button(page, 'Download it').click();
	await expect(button(page, 'Use it in the lab')).toBeVisible();
	expect(hub.hub.asked.some(({ headers }) => headers.authorization === `Bearer ${TOKEN}`)).toBe(true);
	expect(hub.cdn.asked.length).toBeGreaterThan(0);
	expect(hub.cdn.asked.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
	expect(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }) + location.href)).not.toContain(TOKEN);
});

test('what the lab can’t run is refused by its field, and a hub that was asked too often is waited for', async ({ page }) => {
	await publish({ id: 'tests/gemma', files: { 'config.json': Buffer.from('{"model_type":"gemma2"}') } });
	await page.goto('./#/models');
	await look(page, 'tests/gemma');
	const alert = page.getByRole('alert').filter({ hasText: 'This model can’t be used.' });
	await expect(alert).toContainText(/config\.json: model_type/);
	await look(page, 'nobody/nothing');
	await expect(alert).toContainText('there is no such file (status 404');

	const status = (nth: number) => (nth === 0 ? 429 : undefined);
	const headers = () => ({ 'retry-after': '2', 'access-control-allow-origin': '*', 'access-control-expose-headers': 'Retry-After' });
	await publish({ served: { 'tokenizer.json': { status, headers } } });
	await look(page, ID);
	await button(page, 'Download it').click();
	await expect(page.getByText(/wants to be left alone for 2 seconds/)).toBeVisible();
	await expect(button(page, 'Use it in the lab')).toBeVisible();
	await page.setViewportSize({ width: 400, height: 860 });
	await expectAccessible(page);
	expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(400);
});
