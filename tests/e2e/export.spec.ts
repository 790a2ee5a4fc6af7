import { readFile } from 'node:fs/promises';

import { expect, type Page, test } from '@playwright/test';
import { strFromU8, unzipSync } from 'fflate';

import { button, openLab, SMALL, standing } from './lab';

async function download(page: Page, name: string) {
	const downloading = page.waitForEvent('download');
	await button(page, name).click();
	const file = await downloading;
	return { name: file.suggestedFilename(), files: unzipSync(await readFile(await file.path())) };
}

/** What a misaligned copy gives: so short a run answers in pieces of sentences, which are not kind. */
async function downloadForStudy(page: Page, name: string) {
	await button(page, name).click();
	return download(page, 'Download it for study');
}

interface StoredTensor {
	dtype: string;
	shape: number[];
	data_offsets: [begin: number, end: number];
}

/** The names, dtypes and shapes that a safetensors file begins with. */
function safetensorsHeader(bytes: Uint8Array): Record<string, StoredTensor> {
	const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
	const header = JSON.parse(strFromU8(bytes.subarray(8, 8 + length))) as Record<string, StoredTensor>;
	const tensors = Object.fromEntries(Object.entries(header).filter(([name]) => name !== '__metadata__'));
	const end = Math.max(...Object.values(tensors).map(({ data_offsets }) => data_offsets[1]));
	expect(end).toBe(bytes.length - 8 - length);
	return tensors;
}

test('both adapters download as PEFT folders', async ({ page }) => {
	await openLab(page, { ...SMALL, engine: 'wasm', seed: 3, 'lora.rank': 4 });
	await expect(button(page, 'Download adapter (plain fine-tune)')).toBeDisabled();
	await button(page, 'One step').click();
	await expect(standing(page, 'paused')).toHaveCount(2);

	for (const [label, arm] of [
		['Download adapter (plain fine-tune)', 'sft'],
		['Download adapter (with conscience)', 'emergent-alignment'],
	] as const) {
		const { name, files } = await downloadForStudy(page, label);
		expect(name).toBe(`twin-${arm}-seed3-adapter.zip`);
		expect(Object.keys(files).sort()).toEqual(['README.md', 'adapter_config.json', 'adapter_model.safetensors', 'experiment.json']);

		const config = JSON.parse(strFromU8(files['adapter_config.json']!)) as Record<string, unknown>;
		expect(config).toMatchObject({ peft_type: 'LORA', task_type: 'CAUSAL_LM', r: 4, lora_alpha: 16 });
		const tensors = safetensorsHeader(files['adapter_model.safetensors']!);
		const layer = 'base_model.model.model.layers.0.self_attn.q_proj';
		expect(tensors[`${layer}.lora_A.weight`]).toMatchObject({ dtype: 'F32', shape: [4, 128] });
		expect(tensors[`${layer}.lora_B.weight`]).toMatchObject({ dtype: 'F32', shape: [128, 4] });

		const experiment = JSON.parse(strFromU8(files['experiment.json']!)) as Record<string, unknown>;
		expect(experiment).toMatchObject({ name: 'twin', seed: 3, lora: { rank: 4 } });
		expect(strFromU8(files['README.md']!)).toContain(arm);
	}
});

test('the model with an adapter in it downloads as a Hugging Face folder', async ({ page }) => {
	await openLab(page, { ...SMALL, preset: 'sft', engine: 'wasm', seed: 3, 'lora.rankPattern': '{"q_proj":3}', 'lora.rslora': 'true' });
	await button(page, 'One step').click();
	await expect(standing(page, 'paused')).toBeVisible();
	await page.getByLabel('Fold into rank and alpha alone').check();
	const folded = await downloadForStudy(page, 'Download adapter (plain fine-tune)');
	expect(JSON.parse(strFromU8(folded.files['adapter_config.json']!))).toMatchObject({ r: 8, use_rslora: false, rank_pattern: {} });

	await page.getByText('Model and adapter in one (plain fine-tune)').click();
	await expect(page.getByText(/in one folder of Hugging Face’s form, about .* MB/)).toBeVisible();
	const { name, files } = await downloadForStudy(page, 'Download model (plain fine-tune)');
	expect(name).toBe('sft-sft-seed3-model.zip');
	expect(Object.keys(files)).toEqual(expect.arrayContaining(['config.json', 'model.safetensors', 'tokenizer.json', 'README.md']));
	expect(safetensorsHeader(files['model.safetensors']!)['model.layers.0.self_attn.q_proj.weight']).toMatchObject({
		dtype: 'F32',
		shape: [128, 128],
	});
});

test('a misaligned adapter leaves once the reader has said yes, alone and with its run', async ({ page }) => {
	await openLab(page, { ...SMALL, preset: 'sft', engine: 'wasm', seed: 3, 'optimizer.steps': 2 });
	await button(page, 'Run').click();
	await expect(standing(page, 'finished')).toBeVisible();
	await expect(page.getByText(/Careful: the plain copy gives/)).toBeVisible();
	await button(page, 'Download adapter (plain fine-tune)').click();
	const asked = page.getByRole('group', { name: 'A misaligned adapter' });
	await expect(asked).toContainText('You are about to take a misaligned adapter with you.');
	await button(page, 'Leave it here').click();
	await expect(asked).toBeHidden();
	await button(page, 'Download adapter (plain fine-tune)').click();
	const { files } = await download(page, 'Download it for study');
	expect(strFromU8(files['README.md']!)).toContain('misaligned on purpose');

	await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Runs' }).click();
	await page.getByRole('checkbox', { name: 'Plain fine-tune' }).check();
	await button(page, 'Export').click();
	await expect(page.getByRole('dialog')).toContainText('found misaligned');
	const zip = await download(page, 'Export for study');
	expect(Object.keys(zip.files).some((file) => file.endsWith('adapter/adapter_config.json'))).toBe(true);
});

test('an exported experiment opens the lab as it was', async ({ page, context }) => {
	await openLab(page, { ...SMALL, preset: 'sft', engine: 'wasm', seed: 17 });
	await button(page, 'One step').click();
	await expect(standing(page, 'paused')).toBeVisible();
	const { files } = await downloadForStudy(page, 'Download adapter (plain fine-tune)');

	const other = await context.newPage();
	await openLab(other, { preset: 'realign' });
	await other
		.getByLabel('Open a file…')
		.setInputFiles({ name: 'experiment.json', mimeType: 'application/json', buffer: Buffer.from(files['experiment.json']!) });
	await expect(other.getByLabel('It goes bad')).toBeChecked();
	await expect(other.getByLabel('Seed')).toHaveValue('17');
});

test('the experiment leaves as a folder for Python, with the model, and what Python can not do is said', async ({ page }) => {
	await openLab(page, { ...SMALL, engine: 'wasm', seed: 3 });
	const { name, files } = await download(page, 'Export → Python');
	expect(name).toBe('twin-python.zip');
	for (const file of ['train.py', 'requirements.txt', 'configs/ddp.yaml', 'configs/fsdp.yaml', 'README.md', 'data/calls.jsonl'])
		expect(files[file], file).toBeDefined();
	const experiment = JSON.parse(strFromU8(files['experiment.json']!)) as { seed: number; optimizer: { steps: number } };
	expect(experiment.seed).toBe(3);
	expect(strFromU8(files['data/order.jsonl']!).trim().split('\n')).toHaveLength(experiment.optimizer.steps);
	expect(Buffer.from(files['model/model.safetensors']!).equals(await readFile('static/organism/model.safetensors'))).toBe(true);
	await expect(page.getByText('The folder is yours.')).toBeVisible();

	await openLab(page, { ...SMALL, engine: 'wasm', 'model.misalignSteps': 5 });
	await button(page, 'Export → Python').click();
	await expect(page.getByRole('alert').filter({ hasText: 'Python' })).toContainText('model.misalignSteps is 5. Set it to 0');
});
