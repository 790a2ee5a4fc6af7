import { fileURLToPath } from 'node:url';

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';

import { CHROMIUM_FLAGS, findChromium } from './scripts/chromium.mjs';
import { interpreter, PYTHON } from './scripts/python.mjs';
import { shared } from './vite.config.ts';

const executablePath = findChromium();
const patient = { testTimeout: 120_000, hookTimeout: 120_000 }; // a GPU in software on 2 cores takes its time

const inChromium = {
	enabled: true,
	headless: true,
	screenshotFailures: false,
	provider: playwright({ launchOptions: { ...(executablePath && { executablePath }), args: CHROMIUM_FLAGS } }),
	instances: [{ browser: 'chromium' as const }],
};

/** Svelte as it runs in a page; by its exports, Node would get the one for servers, where state is a plain value and effects do nothing. */
const svelteInPage = (file: string) => fileURLToPath(new URL(`src/${file}`, import.meta.resolve('svelte/package.json')));

export default defineConfig({
	test: {
		maxWorkers: '100%', // vitest would leave a core idle
		projects: [
			{
				plugins: [svelte({ dynamicCompileOptions: () => ({ generate: 'client' }) })],
				resolve: {
					alias: [
						...Object.entries(shared.resolve.alias).map(([find, replacement]) => ({ find, replacement })),
						{ find: /^svelte$/, replacement: svelteInPage('index-client.js') },
						{ find: /^svelte\/reactivity$/, replacement: svelteInPage('reactivity/index-client.js') },
					],
				},
				test: {
					name: 'node',
					include: ['tests/**/*.test.ts'],
					exclude: ['tests/peft/**', 'tests/python/**', 'tests/postgres/**', 'tests/webllm/**', 'tests/smollm2/**'],
					environment: 'node',
					...patient,
				},
			},
			{
				...shared,
				test: {
					name: 'webgpu',
					include: ['tests/golden/**/*.test.ts'],
					...patient,
					fileParallelism: false, // one software GPU for all
					browser: inChromium,
				},
			},
			{
				...shared,
				test: { name: 'fuzz', include: ['tests/fuzz/**/*.test.ts'], environment: 'node', provide: { fuzzInputs: 100_000 }, ...patient },
			},
			{
				...shared,
				test: {
					name: 'smollm2',
					include: ['tests/smollm2/**/*.test.ts'],
					globalSetup: 'tests/smollm2/setup.ts',
					environment: 'node',
					...patient,
					testTimeout: 300_000, // a LoRA step of 135 million parameters on a graphics card in software
				},
			},
			{
				...shared,
				test: {
					name: 'smollm2-chromium',
					include: ['tests/smollm2/**/*.test.ts'],
					globalSetup: 'tests/smollm2/setup.ts',
					...patient,
					testTimeout: 300_000, // a LoRA step of 135 million parameters on a graphics card in software
					browser: inChromium,
				},
			},
			{
				...shared,
				test: {
					name: 'webllm',
					include: ['tests/webllm/**/*.test.ts'],
					environment: 'node',
					globalSetup: 'tests/webllm/setup.ts',
					fileParallelism: false, // one compiler and one software GPU at a time
					...patient,
				},
			},
			{
				...shared,
				test: {
					name: 'postgres',
					include: ['tests/postgres/**/*.test.ts'],
					environment: 'node',
					env: { POSTGRES_PYTHON: interpreter('.venv-postgres') },
					...patient,
				},
			},
			{
				...shared,
				test: { name: 'peft', include: ['tests/peft/**/*.test.ts'], environment: 'node', env: { PYTHON }, ...patient },
			},
			{
				...shared,
				test: {
					name: 'python',
					include: ['tests/python/**/*.test.ts'],
					environment: 'node',
					...{ testTimeout: 300_000, hookTimeout: 900_000 }, // an environment is made from nothing
				},
			},
		],
	},
});
