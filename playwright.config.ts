import { createServer, type AddressInfo } from 'node:net';

import { defineConfig } from '@playwright/test';

import { CHROMIUM_FLAGS, findChromium } from './scripts/chromium.mjs';

/** A port that nobody uses now. */
function freePort(): Promise<number> {
	return new Promise((resolve, reject) => {
		const server = createServer().on('error', reject);
		server.listen(0, 'localhost', () => {
			const { port } = server.address() as AddressInfo;
			server.close(() => resolve(port));
		});
	});
}

// Playwright reads this file again in every worker: they learn the port of the first reading from the environment.
const port = (process.env.LAB_TEST_PORT ??= String(await freePort()));
const executablePath = findChromium();

/** Tests that time the page, or train two copies on every core there is, want the machine to themselves; all others keep one core busy. */
const ALONE = /(calm|long|shell|stories|twin)\.spec\.ts/;

export default defineConfig({
	testDir: 'tests/e2e',
	timeout: 240_000, // a full preset on wasm takes about a minute on 2 cores
	expect: { timeout: 30_000 },
	workers: 2,
	forbidOnly: true,
	webServer: { command: `node node_modules/vite/bin/vite.js preview --port ${port} --strictPort`, url: `http://localhost:${port}` },
	// Run one after the other by scripts/test.mjs.
	projects: [
		{ name: 'shared', testIgnore: ALONE, outputDir: 'build/e2e/shared' },
		{ name: 'alone', testMatch: ALONE, workers: 1, outputDir: 'build/e2e/alone' },
	],
	use: {
		baseURL: `http://localhost:${port}`,
		trace: 'retain-on-failure',
		launchOptions: { ...(executablePath && { executablePath }), args: CHROMIUM_FLAGS },
	},
});
