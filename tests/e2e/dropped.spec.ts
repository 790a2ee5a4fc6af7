import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, type Page, test } from '@playwright/test';

import { json, tinyFolder, zipOf } from '../unit/droppedFolder';
import { sha256 } from '../unit/modelFilesServer';
import { button, expectAccessible, SMALL, standing, stepOf } from './lab';

const HASH = sha256(tinyFolder()['model.safetensors']!);

/** The model as a folder and as a zip on the disk, and the zip of an adapter. */
async function onDisk(root: string) {
	const folder = join(root, 'tiny');
	await mkdir(folder, { recursive: true });
	for (const [name, bytes] of Object.entries(tinyFolder())) await writeFile(join(folder, name), bytes);
	const zip = join(root, 'zipped.zip');
	await writeFile(zip, zipOf(tinyFolder()));
	const adapter = join(root, 'adapter.zip');
	await writeFile(adapter, zipOf({ 'adapter_config.json': json({}), 'adapter_model.safetensors': json('') }));
	return { folder, zip, adapter };
}

/** Opens the page Models beside an experiment that is small, and the frozen copy's to judge. */
async function openModels(page: Page): Promise<void> {
	const experiment = { ...SMALL, 'conscience.judge': 'frozen-self', arms: '["sft"]', engine: 'wasm' };
	const query = new URLSearchParams(Object.entries(experiment).map(([path, value]) => [path, String(value)]));
	await page.goto(`./#/?${query}`);
	await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Models' }).click();
	await expect(own(page)).toBeVisible();
}
const own = (page: Page) => page.getByRole('region', { name: 'A model from your own disk' });
const used = (page: Page) => expect(page).toHaveURL(new RegExp(`model\\.checkpoint=%22dropped%3A${HASH}%22`));

async function trainTwoSteps(page: Page): Promise<void> {
	for (const step of [1, 2]) {
		await button(page, 'One step').click();
		await expect.poll(() => stepOf(page, 'Plain fine-tune')).toBe(step);
		await expect(standing(page, 'paused')).toHaveCount(1);
	}
}

test('a folder is checked, kept, trained, kept over a reload, and when it was deleted a run says what it wants', async ({ page }, info) => {
	const { folder } = await onDisk(info.outputPath());
	page.on('dialog', (dialog) => void dialog.accept()); // the page asks before it is left in mid-run
	await openModels(page);
	await expectAccessible(page);
	await page.getByLabel('Choose a folder…').setInputFiles(folder);
	const found = own(page);
	await expect(found.getByRole('status')).toHaveText('tiny is a model that the lab can train.');
	await expect(found).toContainText('Llama, 1 layer');
	await expect(found).toContainText('26,416');
	await expect(found).toContainText('32-bit floats (F32)');
	await expectAccessible(page);
	await button(page, 'Keep it in this browser').click();
	await expect(found.getByRole('status')).toHaveText('tiny is kept in this browser.');
	await expect(found.getByRole('listitem')).toContainText('26,416');
	await expectAccessible(page);
	await page.getByRole('button', { name: 'Use it in the lab', exact: true }).click();
	await used(page);
	await trainTwoSteps(page);

	await page.reload();
	await page.getByRole('status').filter({ hasText: 'was interrupted at step 2' }).getByRole('button', { name: 'Continue' }).click();
	await expect(button(page, 'Run again')).toBeVisible();
	expect(await stepOf(page, 'Plain fine-tune')).toBe(40);

	await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Models' }).click();
	await page.getByRole('button', { name: 'Delete… tiny' }).click();
	await page.getByRole('button', { name: 'Delete it from this browser' }).click();
	await expect(own(page).getByRole('listitem')).toHaveCount(0);
	await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Lab', exact: true }).click();
	await page.reload(); // whoever opens the link has no worker with the model in it
	await used(page);
	await button(page, 'Run').click();
	const notice = page.getByRole('alert').filter({ hasText: 'Plain fine-tune' });
	await expect(notice).toContainText('it is not in this browser: it was deleted, or is somebody else’s.');
	await expect(notice).toContainText(`SHA-256 ${HASH}`);
});

test('a zip that is dropped anywhere on the page is the same model; a folder falls, too; an adapter is told apart', async ({
	page,
}, info) => {
	const { folder, zip, adapter } = await onDisk(info.outputPath());
	await openModels(page);
	await drop(page, adapter);
	await expect(page.getByRole('alert')).toContainText(
		'adapter is an adapter (adapter_config.json): a change to a model, and not the model.',
	);
	await expectAccessible(page);
	await drop(page, zip);
	await expect(own(page).getByRole('status')).toHaveText('tiny is a model that the lab can train.');
	await expect(page.getByRole('alert')).toHaveCount(0);
	await expect(own(page)).toContainText(HASH);
	await button(page, 'Don’t keep it').click();
	await drop(page, folder);
	await expect(own(page).getByRole('status')).toHaveText('tiny is a model that the lab can train.');
	await button(page, 'Keep it in this browser').click();
	await page.getByRole('button', { name: 'Use in the lab tiny' }).click();
	await used(page);
	await trainTwoSteps(page);
});

/** Lets a file or a folder of the disk fall on the page, as a hand does it. */
async function drop(page: Page, path: string): Promise<void> {
	const session = await page.context().newCDPSession(page);
	const data = { items: [], files: [path], dragOperationsMask: 1 };
	for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
		await session.send('Input.dispatchDragEvent', { type, x: 300, y: 300, data });
	await session.detach();
}
