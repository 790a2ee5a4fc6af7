import { readFile } from 'node:fs/promises';

import { expect, test } from '@playwright/test';

import { writeSafetensors } from '../../src/lib/model/safetensors';
import { type Served, startServer, type TestServer } from '../unit/modelFilesServer';
import { button, SMALL, stepOf } from './lab';
import { SIZES, tinyTensors } from './tinyModel';

const FIRST = '/model/model-00001-of-00002.safetensors';
const SECOND = '/model/model-00002-of-00002.safetensors';
const CUT = 60_000;

let server: TestServer;
test.beforeEach(async () => void (server = await startServer()));
test.afterEach(() => server.close());

/** A folder as a hub has it, on another origin: a model of one layer in two shards; `second` is how the second one is served. */
async function serveModel(second: Partial<Served>): Promise<void> {
	const cors = { headers: () => ({ 'access-control-allow-origin': '*', 'access-control-expose-headers': 'ETag' }) };
	const serve = (name: string, bytes: Uint8Array, more: Partial<Served> = {}) =>
		server.serve({ bytes, ...cors, ...more }, `/model/${name}`);
	const own = (name: string) => readFile(`static/organism/${name}`);
	const config = {
		...(JSON.parse(await own('config.json').then(String)) as object),
		...SIZES,
		num_key_value_heads: SIZES.num_attention_heads,
	};
	serve('config.json', Buffer.from(JSON.stringify(config)));
	for (const name of ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json']) serve(name, await own(name));
	for (const name of ['manifest.json', 'chat_template.jinja', 'model.safetensors']) serve(name, new Uint8Array(), { status: () => 404 });

	const tensors = [...tinyTensors()];
	const parts = [tensors.slice(1), tensors.slice(0, 1)].map((part) => new Map(part));
	const shards = [FIRST, SECOND].map((path) => path.split('/').at(-1)!);
	const weight_map = Object.fromEntries(parts.flatMap((part, k) => [...part.keys()].map((name) => [name, shards[k]])));
	const total_size = 4 * tensors.reduce((sum, [, { data }]) => sum + data.length, 0);
	serve('model.safetensors.index.json', Buffer.from(JSON.stringify({ metadata: { total_size }, weight_map })));
	serve(shards[0]!, writeSafetensors(parts[0]!), { etag: '"first"' });
	serve(shards[1]!, writeSafetensors(parts[1]!), { etag: '"second"', ...second });
}

const link = () =>
	`./#/?${new URLSearchParams(
		Object.entries({
			...SMALL,
			'model.checkpoint': `${server.origin}/model/`,
			'conscience.judge': 'frozen-self',
			arms: '["sft"]',
			engine: 'wasm',
		}).map(([path, value]) => [path, String(value)]),
	).toString()}`;
/** The ranges of the GET requests for it. */
const ranges = (file: string) =>
	server.asked.flatMap(({ method, path, headers }) => (path === file && method === 'GET' ? [headers.range] : []));

test('a model in shards breaks off in the second one, goes on from there, trains, and is kept over a reload', async ({ page }) => {
	// HEAD is the first, then three tries. The worker opens its file before it reads what came, which takes it a moment.
	await serveModel({ cutAfter: 1000, cut: (nth) => (nth === 1 ? CUT : nth === 2 || nth === 3 ? 0 : undefined) });
	await page.goto(link());
	await button(page, 'Run').click();
	const notice = page.getByRole('alert').filter({ hasText: 'Plain fine-tune has stopped.' });
	await expect(notice).toContainText('model-00002-of-00002.safetensors');
	await expect(notice).toContainText('broke off after');
	await expect(notice).toContainText('the download goes on from there');
	const sofar = ranges(SECOND).length;
	expect(sofar).toBe(3);

	await notice.getByRole('button', { name: 'Start this copy again' }).click();
	await expect.poll(() => stepOf(page, 'Plain fine-tune')).toBeGreaterThan(0);
	expect(ranges(SECOND).slice(sofar)).toEqual([`bytes=${CUT}-`]);
	expect(ranges(FIRST)).toEqual([undefined]);

	await page.reload();
	await button(page, 'Run').click();
	await expect.poll(() => stepOf(page, 'Plain fine-tune')).toBeGreaterThan(0);
	expect(ranges(FIRST)).toHaveLength(1);
	expect(ranges(SECOND)).toHaveLength(sofar + 1);
});

test('a model whose index leads elsewhere is refused with the name', async ({ page }) => {
	await serveModel({});
	const index = Buffer.from(JSON.stringify({ weight_map: { 'model.norm.weight': '../other/model.safetensors' } }));
	server.serve({ ...server.files.get('/model/model.safetensors.index.json')!, bytes: index }, '/model/model.safetensors.index.json');
	await page.goto(link());
	await button(page, 'Run').click();
	const notice = page.getByRole('alert').filter({ hasText: 'Plain fine-tune has stopped.' });
	await expect(notice).toContainText('"../other/model.safetensors" is not the plain name of a .safetensors file');
	expect(server.asked.map(({ path }) => path).filter((path) => path.includes('other'))).toEqual([]);
});
