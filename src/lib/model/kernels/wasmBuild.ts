import * as tf from '@tensorflow/tfjs-core';

import { withSharedMemory } from './sharedMemory';
import { read } from './wasmModule';
import { inNode } from './wasmThreads';

/** Where the .wasm files of tfjs are: a folder's URL, or file name → URL, as a bundler gives them. In Node they are found without. */
export type WasmPaths = Record<string, string> | string;

const SIMD = 'tfjs-backend-wasm-simd.wasm';
const FILES = ['tfjs-backend-wasm.wasm', SIMD, 'tfjs-backend-wasm-threaded-simd.wasm'];

/**
 * Tells tfjs which of its builds to load, before it starts: the one with SIMD, in a memory that the lab's helpers can share, where that is
 * allowed. Its own threaded build is left out: it starts eight threads at once, from the text of a function that a bundler's minifier
 * breaks, and they would compute its own products alone, which are a tenth of a training step. Throws Error where there is no such file.
 */
export async function chooseBuild({ setWasmPaths }: typeof import('@tensorflow/tfjs-backend-wasm'), paths?: WasmPaths): Promise<void> {
	tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
	if (canShareMemory() && (await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT'))) {
		const build = withSharedMemory(await read(await simdFile(paths)));
		const url = URL.createObjectURL(new Blob([build], { type: 'application/wasm' })); // kept: tfjs reads it when the backend starts
		setWasmPaths(Object.fromEntries(FILES.map((file) => [file, url])), inNode);
	} else if (paths !== undefined) setWasmPaths(paths);
}

/**
 * Whether threads can share memory here, and this one may wait for others: so it is in Node, and in the workers of a page that is
 * cross-origin isolated, unless the processor's addresses are too few.
 */
function canShareMemory(): boolean {
	if (typeof SharedArrayBuffer !== 'function' || typeof document !== 'undefined') return false;
	try {
		return new WebAssembly.Memory({ initial: 1, maximum: 65_536, shared: true }).buffer instanceof SharedArrayBuffer;
	} catch {
		return false;
	}
}

async function simdFile(paths?: WasmPaths): Promise<URL> {
	if (typeof paths === 'string') return new URL(SIMD, paths);
	if (paths) return new URL(paths[SIMD]!);
	const [modules, urls] = ['node:module', 'node:url']; // as variables, so that no bundler follows them into a browser's bundle
	const { createRequire } = (await import(/* @vite-ignore */ modules)) as typeof import('node:module');
	const { pathToFileURL } = (await import(/* @vite-ignore */ urls)) as typeof import('node:url');
	return pathToFileURL(createRequire(import.meta.url).resolve(`@tensorflow/tfjs-backend-wasm/dist/${SIMD}`));
}
