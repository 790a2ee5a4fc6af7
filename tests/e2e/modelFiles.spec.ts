import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium, expect, type Page, test, type Worker } from '@playwright/test';
import { build, type Rollup } from 'vite';

import type { ModelFile, ModelFiles } from '../../src/lib/storage/modelFiles';
import { CHROMIUM_FLAGS, findChromium } from '../../scripts/chromium.mjs';
import { shared } from '../../vite.config';
import { sha256, someBytes, startServer, type TestServer } from '../unit/modelFilesServer';

/** What the page and its workers have for the tests. */
declare global {
	var files: ModelFiles;
	/** Bytes that the file opened last has so far. */
	var loaded: number;
}

const BYTES = someBytes(2_000_000);
const VERSION = { etag: '"1"' };
/** No test waits for another try. */
const SCRIPT = `import { createModelFiles } from './modelFiles.js'; globalThis.files = createModelFiles(undefined, { pauses: [] });`;

let code: string;
let server: TestServer;
test.beforeAll(async () => {
	const entry = 'src/lib/storage/modelFiles.ts';
	const lib = { entry, formats: ['es' as const], fileName: 'modelFiles' };
	const built = await build({ ...shared, configFile: false, publicDir: false, logLevel: 'error', build: { write: false, target: 'esnext', lib } }); // prettier-ignore
	code = (built as Rollup.RollupOutput[])[0]!.output[0].code;
});
test.beforeEach(async () => {
	server = await startServer();
	const text = (path: string, type: string, content: string) => server.serve({ bytes: Buffer.from(content), type }, path);
	text('/', 'text/html', '<!doctype html><title>Files</title><script type="module" src="page.js"></script>');
	text('/page.js', 'text/javascript', SCRIPT);
	text('/modelFiles.js', 'text/javascript', code);
});
test.afterEach(() => server.close());

/** A worker of the page, ready to open files. */
async function startWorker(page: Page): Promise<Worker> {
	if (!page.url().startsWith(server.origin)) await page.goto(server.origin);
	const [worker] = await Promise.all([page.waitForEvent('worker'), page.evaluate(() => void new Worker('/page.js', { type: 'module' }))]);
	await expect.poll(() => worker.evaluate(() => 'files' in globalThis)).toBe(true);
	return worker;
}

/** The SHA-256 of what the worker gets, or the name of the error and what it says. */
const open = (worker: Worker, file: ModelFile): Promise<string> =>
	worker.evaluate(async (file) => {
		try {
			const blob = await globalThis.files.open(file, { onBytes: (bytes) => (globalThis.loaded = bytes) });
			const digest = await crypto.subtle.digest('SHA-256', await blob.arrayBuffer());
			return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
		} catch (error) {
			return `${(error as Error).name}: ${(error as Error).message}`;
		}
	}, file);

const askedFor = ({ url }: ModelFile) => server.asked.filter(({ path }) => server.origin + path === url);
const ranges = (file: ModelFile) => askedFor(file).map(({ headers }) => headers.range);

test('a file is kept over a reload, and the page sees and removes it', async ({ page }) => {
	const file = server.serve({ bytes: BYTES });
	expect(await open(await startWorker(page), file)).toBe(file.sha256);
	await page.reload();
	const worker = await startWorker(page);
	expect(await open(worker, file)).toBe(file.sha256);
	expect(askedFor(file)).toHaveLength(1);
	expect(await worker.evaluate(() => globalThis.files.kept)).toBe(true);

	expect(await page.evaluate(() => globalThis.files.list())).toEqual([{ url: file.url, bytes: BYTES.length, complete: true }]);
	await page.evaluate((url) => globalThis.files.remove(url), file.url);
	expect(await worker.evaluate(() => globalThis.files.list())).toEqual([]);
});

test('a page that goes in the middle of a download leaves what it has, on disk too', async () => {
	const file = server.serve({ bytes: BYTES, ...VERSION, stall: (nth) => (nth === 0 ? 1_200_000 : undefined) });
	const folder = await mkdtemp(join(tmpdir(), 'model-files-'));
	const executablePath = findChromium();
	const start = () => chromium.launchPersistentContext(folder, { ...(executablePath && { executablePath }), args: CHROMIUM_FLAGS });
	try {
		const first = await start();
		const worker = await startWorker(await first.newPage());
		void open(worker, file).catch(() => {}); // it ends with the browser
		await expect.poll(() => worker.evaluate(() => globalThis.loaded)).toBe(1_200_000);
		await first.close();

		const second = await start();
		expect(await open(await startWorker(await second.newPage()), file)).toBe(file.sha256);
		expect(ranges(file)).toEqual([undefined, 'bytes=1200000-']);
		expect(askedFor(file)[1]!.headers['if-range']).toBe('"1"');
		await second.close();
	} finally {
		await rm(folder, { recursive: true, maxRetries: 5 });
	}
});

test('a worker that is ended lets go of its file for the next one', async ({ page }) => {
	const file = server.serve({ bytes: BYTES, ...VERSION, stall: (nth) => (nth === 0 ? 500_000 : undefined) });
	await page.goto(server.origin);
	const first = await startWorker(page);
	void open(first, file).catch(() => {});
	await expect.poll(() => first.evaluate(() => globalThis.loaded)).toBe(500_000);
	await page.reload();
	const second = await startWorker(page);
	expect(await open(second, file)).toBe(file.sha256);
	expect(ranges(file)).toEqual([undefined, 'bytes=500000-']);
	expect(await second.evaluate(() => globalThis.files.kept)).toBe(true);
});

test('what was damaged on disk is found and fetched again', async ({ page }) => {
	const worker = await startWorker(page);
	const file = server.serve({ bytes: BYTES });
	await open(worker, file);
	await worker.evaluate(async () => {
		const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('model-files');
		for await (const [name, handle] of folder.entries()) {
			if (name.endsWith('.json')) continue;
			const access = await (handle as FileSystemFileHandle).createSyncAccessHandle();
			access.write(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]), { at: 1_000_000 });
			access.close();
		}
	});
	expect(await open(worker, file)).toBe(file.sha256);
	expect(askedFor(file)).toHaveLength(2);
	expect(await open(worker, { ...file, sha256: 'a'.repeat(64) })).toContain('DamagedFileError: ');
});

test('a browser without room says so before anything is fetched, or when it runs out', async ({ page }) => {
	const worker = await startWorker(page);
	const file = server.serve({ bytes: BYTES });
	const session = await page.context().newCDPSession(page);
	await session.send('Storage.overrideQuotaForOrigin', { origin: server.origin, quotaSize: 17e6 });
	expect(await open(worker, file)).toMatch(/^StorageFullError: .*It takes 2\.0 MB more.*Delete runs/);
	expect(askedFor(file)).toEqual([]);

	const unknown = server.serve({ bytes: BYTES, chunked: true }, '/unknown.bin');
	await session.send('Storage.overrideQuotaForOrigin', { origin: server.origin, quotaSize: 1e6 });
	expect(await open(worker, { url: unknown.url, bytes: null, sha256: null })).toMatch(/^StorageFullError: There is no room/);
	expect(await worker.evaluate(() => globalThis.files.list())).toEqual([]);

	await session.send('Storage.overrideQuotaForOrigin', { origin: server.origin });
	expect(await open(worker, file)).toBe(file.sha256);
});

test('of several workers and tabs that want a file one downloads', async ({ page, context }) => {
	const file = server.serve({ bytes: BYTES });
	const workers = [await startWorker(page), await startWorker(page), await startWorker(await context.newPage())];
	expect(await Promise.all(workers.map((worker) => open(worker, file)))).toEqual(workers.map(() => file.sha256));
	expect(askedFor(file)).toHaveLength(1);
});

test('from another origin a download goes on too, though it hides what the server says of it', async ({ page }) => {
	const other = await startServer();
	try {
		const served = { bytes: BYTES, ...VERSION, headers: () => ({ 'access-control-allow-origin': '*' }) };
		const file = other.serve({ ...served, cut: (nth) => (nth === 0 ? 700_000 : undefined) });
		const worker = await startWorker(page);
		expect(await open(worker, file)).toMatch(/^DownloadError: .*broke off after 0\.7 MB/);
		expect(await open(worker, file)).toBe(file.sha256);
		expect(other.asked.map(({ headers }) => [headers.range, headers['if-range']])).toEqual([[undefined, undefined], ['bytes=700000-', undefined]]); // prettier-ignore
		const packed = other.serve({ ...served, gzip: true }, '/packed');
		expect(await open(worker, { ...packed, bytes: null, sha256: null })).toBe(sha256(BYTES));
	} finally {
		await other.close();
	}
});
