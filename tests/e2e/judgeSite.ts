import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { build, type Rollup } from 'vite';

import { shared } from '../../vite.config';
import { startServer, type TestServer } from '../unit/modelFilesServer';

const TYPES: Record<string, string> = { js: 'text/javascript', json: 'application/json', wasm: 'application/wasm' };
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** What stands on the page of judgePage.ts, built as the lab is. */
export async function buildJudgePage(): Promise<Map<string, Uint8Array>> {
	const built = await build({
		...shared,
		configFile: false,
		base: './',
		publicDir: false,
		logLevel: 'error',
		worker: { format: 'es' },
		build: {
			write: false,
			target: 'esnext',
			rolldownOptions: { input: here('judgePage.ts'), output: { entryFileNames: 'page.js' }, checks: { pluginTimings: false } },
		},
	});
	const assets = (built as Rollup.RollupOutput).output;
	return new Map(assets.map((asset) => [asset.fileName, Buffer.from(asset.type === 'chunk' ? asset.code : asset.source)]));
}

/** A server with the page, the organism, and the judge that is compiled from it. */
export async function serveJudgePage(page: ReadonlyMap<string, Uint8Array>): Promise<TestServer> {
	const server = await startServer();
	const serve = (path: string, bytes: Uint8Array) =>
		server.serve({ bytes, type: TYPES[path.split('.').at(-1)!] ?? 'application/octet-stream' }, path);
	const html = '<!doctype html><title>Judge</title><script type="module" src="page.js"></script>';
	server.serve({ bytes: Buffer.from(html), type: 'text/html' }, '/');
	for (const [name, bytes] of page) serve(`/${name}`, bytes);
	for (const folder of ['organism', 'organism/webllm']) {
		const files = readdirSync(here(`../../static/${folder}`), { withFileTypes: true }).filter((entry) => entry.isFile());
		for (const { name } of files) serve(`/${folder}/${name}`, readFileSync(here(`../../static/${folder}/${name}`)));
	}
	return server;
}
