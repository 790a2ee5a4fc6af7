import { fileURLToPath } from 'node:url';

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** What the tests take over from this file, so that they run the modules that ship. */
export const shared = {
	resolve: { alias: { $lib: folder('src/lib'), $world: folder('organism/world') } },
	// Vite bundles these for development and tests when it first meets them; met one by one they would each carry a core of
	// their own, and a gradient registered in one core is missing in the other.
	optimizeDeps: {
		include: [
			'@tensorflow/tfjs-core',
			'@tensorflow/tfjs-core/dist/register_all_gradients.js',
			'@tensorflow/tfjs-backend-cpu',
			'@tensorflow/tfjs-backend-wasm',
			'@tensorflow/tfjs-backend-webgpu',
		],
	},
};

/**
 * They make the page cross-origin isolated, so that its workers may share memory and WebAssembly computes on several threads. What the page
 * loads from elsewhere comes by CORS, which they allow. Where a host doesn't send them (GitHub Pages), it is one thread.
 */
const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

export default defineConfig({
	...shared,
	optimizeDeps: {
		include: [...shared.optimizeDeps.include, '@mlc-ai/web-llm'], // found late, in a worker, it would reload the page
		exclude: ['@electric-sql/pglite', '@electric-sql/pglite-pgvector'], // bundled anew they would not find the files beside them
	},
	base: './', // one build runs at a domain's root, on a subpath (GitHub Pages) and from a school's file server
	publicDir: 'static',
	server: { headers },
	preview: { headers },
	plugins: [svelte()],
	build: {
		modulePreload: { polyfill: false }, // without it a browser only hears later what to fetch
		target: 'esnext', // every browser with WebGPU or wasm SIMD knows today's syntax
		rolldownOptions: {
			checks: { pluginTimings: false }, // how long a plugin takes is no fault of the build
			// What is loaded before the first paint is one file: parts that come later use some of it, and would each cut a piece out of it.
			output: { codeSplitting: { groups: [{ name: 'shell', tags: ['$initial'] }] } },
		},
	},
	worker: { format: 'es' },
});
