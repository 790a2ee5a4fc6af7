// `npm test`: builds the lab and tests it: unit and golden tests in Node (cpu and wasm), golden tests on WebGPU in Chromium,
// and end-to-end tests of the built app.
import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { command, playwright, runChecks, vitest } from './checks.mjs';
import { ensureChromium } from './chromium.mjs';
import { node, ROOT } from './process.mjs';

rmSync(join(ROOT, 'dist'), { recursive: true, force: true }); // an old build must not stand in for one that fails

try {
	process.env.CHROMIUM_PATH = await ensureChromium();
	console.log(`Chromium: ${process.env.CHROMIUM_PATH}`);
} catch (error) {
	// The tests in Node still run; those in a browser will fail, as they must.
	console.error(error instanceof Error ? error.message : error);
}

await runChecks('test', [
	command('build', node('vite/bin/vite.js', 'build')),
	vitest('node', 20),
	vitest('webgpu'),
	playwright('shared'),
	playwright('alone'),
]);
