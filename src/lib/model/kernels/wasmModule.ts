import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

/** What `assembly/index.ts` exports. Addresses are bytes in the memory of tfjs's module; sizes and steps are in numbers. */
type Export =
	| 'product'
	| 'rmsNorm'
	| 'rmsNormGradient'
	| 'rotateHeads'
	| 'swiglu'
	| 'swigluGradient'
	| 'attention'
	| 'attentionGradient'
	| 'cacheAttention'
	| 'pickedLogSoftmax'
	| 'pickedLogSoftmaxGradient'
	| 'norm'
	| 'moment'
	| 'update';
export type WasmModule = Record<Export, (...numbers: number[]) => void>;

/** What a kernel of tfjs's wasm backend gets: tensors by name and its settings. */
export interface WasmArguments<Inputs extends string, Settings> {
	inputs: Record<Inputs, tf.TensorInfo>;
	backend: BackendWasm;
	attrs: Settings;
}

/** Built by `npm run kernels:wasm` from `assembly`; the address is the form that bundlers know. */
const FILE = new URL('./lab.wasm', import.meta.url);

/** Emscripten's part of tfjs's module, which tfjs's types leave out. */
interface Emscripten {
	asm: { memory: WebAssembly.Memory };
}

/**
 * Our module on the memory of tfjs's, which may grow under both; null where the processor or the browser has no SIMD (tfjs then
 * takes a build without it, too).
 */
export async function openWasmModule(backend: BackendWasm): Promise<WasmModule | null> {
	const bytes = await read();
	if (!WebAssembly.validate(bytes)) return null;
	const { memory } = (backend.wasm as unknown as Emscripten).asm;
	const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
	return instance.exports as unknown as WasmModule;
}

async function read(): Promise<BufferSource> {
	if (FILE.protocol === 'file:') {
		const files = 'node:fs/promises'; // as a variable, so that no bundler follows it into a browser's bundle
		const { readFile } = (await import(/* @vite-ignore */ files)) as typeof import('node:fs/promises');
		return readFile(FILE);
	}
	const response = await fetch(FILE);
	if (!response.ok) throw new Error(`${FILE.href}: the server answered ${response.status}; expected the lab's kernels for WebAssembly`);
	return response.arrayBuffer();
}

/** A new f32 tensor that `fill` writes, given its address and those of other tensors. */
export function compute(
	backend: BackendWasm,
	shape: number[],
	fill: (out: number, at: (tensor: tf.TensorInfo) => number) => void,
): tf.TensorInfo {
	const out = backend.makeOutput(shape, 'float32');
	const at = ({ dataId }: tf.TensorInfo) => backend.getMemoryOffset(dataId);
	fill(at(out), at);
	return out;
}

/** Lends `use` the address of room for so many numbers. */
export function withScratch(backend: BackendWasm, numbers: number, use: (scratch: number) => void): void {
	const room = backend.makeOutput([numbers], 'float32');
	use(backend.getMemoryOffset(room.dataId));
	backend.disposeData(room.dataId);
}
