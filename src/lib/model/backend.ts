import * as tf from '@tensorflow/tfjs-core';
import '#gradients';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';

import { findAdapter, type FoundAdapter } from './gpuAdapter';
import { GPU_KERNELS, useGpuKernels, type GpuKernel } from './kernels/gpuKernels';
import { useWasmKernels, WASM_KERNELS, type WasmKernel } from './kernels/wasmKernels';
import { chooseBuild, type WasmPaths } from './kernels/wasmBuild';
import { openWasmModule, type WasmModule } from './kernels/wasmModule';
import { inNode, usualThreads } from './kernels/wasmThreads';
import { installWasmGather } from './kernels/wasmGather';
import { installWasmIdentity } from './kernels/wasmIdentity';
import { installWasmMatMul } from './kernels/wasmMatMul';

export type BackendName = 'webgpu' | 'wasm' | 'cpu';

export interface BackendReport {
	name: BackendName;
	/** A sentence for a student: what runs the model, and why. */
	reason: string;
	/** The GPU in its driver's words; null unless the backend is webgpu. */
	adapter: string | null;
	/** The adapter is a CPU that plays a GPU. */
	software: boolean;
}

export interface BackendOptions {
	/** Needed in a browser only. */
	wasmPaths?: WasmPaths;
	/** Which of the lab's own kernels the webgpu backend gets: all by default, none for stock tfjs. */
	gpuKernels?: readonly GpuKernel[];
	/** Which of the lab's own kernels the wasm backend gets: all by default, none for stock tfjs. */
	wasmKernels?: readonly WasmKernel[];
	/** Threads of the wasm backend; by default as `usualThreads` says. Where threads can't share memory there is one. */
	threads?: number;
}

/** No backend as asked can be started here. */
export class BackendError extends Error {
	override name = 'BackendError';
}

/** The GPU refused or lost work, so what was read since may be zeros. */
export class GpuError extends Error {
	override name = 'GpuError';
}

const installed = new Set<BackendName>();
let wasmModule: WasmModule | null = null;
let gpuFault: string | null = null;
let gpuLost: string | null = null;

/** Starts the backend that `preference` names; 'auto' takes webgpu on a real GPU, else wasm, else cpu. Throws BackendError, GpuError. */
export async function startBackend(preference: 'auto' | BackendName, options: BackendOptions = {}): Promise<BackendReport> {
	tf.enableProdMode();
	if (preference !== 'wasm') await wasmModule?.useThreads(1);
	switch (preference) {
		case 'webgpu':
			return startWebGpu(await requireAdapter(), options);
		case 'wasm':
			return withoutGpu('wasm', `${await startWasm(options)} runs the model, as asked.`);
		case 'cpu':
			await startCpu();
			return withoutGpu('cpu', 'Plain JavaScript runs the model, as asked: the slow reference for the other backends.');
		case 'auto':
			return startBest(options);
	}
}

/** Throws GpuError if the GPU reported an error or was lost since the last check. Call it after awaiting results, so that zeros never pass for them. */
export function checkDevice(): void {
	const fault = gpuFault;
	gpuFault = null;
	if (gpuLost !== null) throw new GpuError(`the GPU was lost (${gpuLost}); reload the page to go on, or choose the wasm backend`);
	if (fault !== null) throw new GpuError(`the GPU refused a computation, so this step's numbers are void: ${fault}`);
}

async function startBest(options: BackendOptions): Promise<BackendReport> {
	const adapter = await findAdapter();
	let why = 'this machine offers no WebGPU';
	if (adapter?.software) why = `the only WebGPU adapter (${adapter.description}) is a CPU that plays a GPU, some ten times slower`;
	else if (adapter) {
		try {
			return await startWebGpu(adapter, options);
		} catch (error) {
			why = `WebGPU failed to start (${message(error)})`;
		}
	}
	try {
		return withoutGpu('wasm', `${await startWasm(options)} runs the model, because ${why}.`);
	} catch (error) {
		await startCpu();
		return withoutGpu(
			'cpu',
			`Plain JavaScript runs the model, slowly, because ${why} and WebAssembly failed to start (${message(error)}).`,
		);
	}
}

async function startWebGpu({ description, software }: FoundAdapter, { gpuKernels = GPU_KERNELS }: BackendOptions): Promise<BackendReport> {
	const { WebGPUBackend } = await import('@tensorflow/tfjs-backend-webgpu');
	await activate('webgpu');
	const backend = tf.backend();
	if (!(backend instanceof WebGPUBackend)) throw new BackendError('tfjs started another backend than webgpu');
	if (!installed.has('webgpu')) {
		installed.add('webgpu');
		watch(backend);
	}
	useGpuKernels(gpuKernels, software);
	const reason = software
		? `WebGPU runs the model as asked, on ${description}, a CPU that plays a GPU: expect it to be slow.`
		: `WebGPU runs the model on ${description}.`;
	return { name: 'webgpu', reason, adapter: description, software };
}

/** Says where it runs, as the subject of a sentence. */
async function startWasm({ wasmPaths, wasmKernels = WASM_KERNELS, threads }: BackendOptions): Promise<string> {
	const wasm = await import('@tensorflow/tfjs-backend-wasm');
	const isNew = !installed.has('wasm');
	if (isNew) await chooseBuild(wasm, wasmPaths);
	await activate('wasm');
	if (isNew) {
		wasmModule = await openWasmModule(tf.backend() as BackendWasm);
		installWasmMatMul(wasmModule);
		installWasmGather();
		installWasmIdentity();
		installed.add('wasm');
	}
	if (wasmModule) useWasmKernels(wasmKernels, wasmModule);
	await wasmModule?.useThreads(threads ?? (await usualThreads()));
	const used = wasmModule?.threads ?? 1;
	return `WebAssembly on ${used > 1 ? `${used} threads` : 'one thread'} of the CPU`;
}

async function startCpu(): Promise<void> {
	await import('@tensorflow/tfjs-backend-cpu');
	await activate('cpu');
}

async function activate(name: BackendName): Promise<void> {
	if (!(await tf.setBackend(name))) throw new BackendError(`tfjs could not start its ${name} backend; the console says why`);
}

function withoutGpu(name: BackendName, reason: string): BackendReport {
	return { name, reason, adapter: null, software: false };
}

/** Notes what WebGPU reports: it throws nothing, and a refused computation leaves zeros. */
function watch({ device }: WebGPUBackend): void {
	device.addEventListener('uncapturederror', (event) => {
		gpuFault ??= event.error.message;
	});
	void device.lost.then(({ reason, message }) => {
		gpuLost = message || reason || 'no reason given';
	});
}

async function requireAdapter(): Promise<FoundAdapter> {
	if (inNode) await installDawn();
	const adapter = await findAdapter();
	if (adapter) return adapter;
	throw new BackendError(
		inNode
			? 'no WebGPU adapter: Dawn needs a graphics driver (on Linux Vulkan, with its loader, libvulkan1 on Debian). Install one, or point VK_ICD_FILENAMES at the JSON of a software driver such as SwiftShader, or use the wasm backend'
			: 'no WebGPU adapter: this browser has WebGPU switched off or no GPU that it trusts. See chrome://gpu, or use the wasm backend',
	);
}

/** Gives Node a `navigator.gpu`: Dawn, by the npm package `webgpu`. It must be there before tfjs's webgpu backend is loaded. */
async function installDawn(): Promise<void> {
	if (typeof navigator !== 'undefined' && navigator.gpu) return;
	const dawn = 'webgpu'; // as a variable, so that no bundler follows it into a browser's bundle
	const { create, globals } = (await import(/* @vite-ignore */ dawn)) as typeof import('webgpu');
	Object.assign(globalThis, globals);
	Object.defineProperty(globalThis, 'navigator', { value: { gpu: create([]), userAgent: 'node' }, configurable: true, writable: true });
}

function message(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
