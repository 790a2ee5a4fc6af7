import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

import { withSharedMemory } from './sharedMemory';
import type { BoardCall, Kernel } from './sharedWork.js';
import { type Crew, type CrewOptions, startCrew, ThreadError } from './wasmThreads';

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
	| 'decodeBlock'
	| 'drawTokens'
	| 'pickedLogSoftmax'
	| 'pickedLogSoftmaxGradient'
	| 'norm'
	| 'moment'
	| 'update';

/** The call of a kernel. */
export interface Call {
	kernel: Export;
	numbers: number[];
	/** Numbers of the room that it works in, whose address follows the others; 0 = none. */
	room?: number;
}

/** The lab's kernels on the memory of tfjs, and the threads that compute them. */
export interface WasmModule {
	/** The calling thread and its helpers. */
	readonly threads: number;
	/** Computes calls of which none reads what another writes. @throws ThreadError when a helper does not answer, and from then on */
	run(calls: Call[]): void;
	/** From now on with so many threads, or with as many as can be had. */
	useThreads(threads: number): Promise<void>;
}

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
export async function openWasmModule(backend: BackendWasm, options?: CrewOptions): Promise<WasmModule | null> {
	const { memory } = (backend.wasm as unknown as Emscripten).asm;
	const isShared = typeof SharedArrayBuffer === 'function' && memory.buffer instanceof SharedArrayBuffer;
	const file = await read(FILE);
	const bytes = isShared ? withSharedMemory(file) : file;
	if (!WebAssembly.validate(bytes)) return null;
	const module = await WebAssembly.compile(bytes);
	const instance = await WebAssembly.instantiate(module, { env: { memory } });
	const kernels = Object.values(instance.exports) as Kernel[];
	const places = Object.fromEntries(Object.keys(instance.exports).map((name, i) => [name, i])) as Record<Export, number>;
	let crew: Crew | null = null;
	let fault: ThreadError | null = null;
	/** True when the crew has computed the calls. */
	const share = (calls: BoardCall[]): boolean => {
		if (!crew || calls.length === 1) return false;
		try {
			if (crew.compute(calls)) return true;
		} catch (error) {
			if (error instanceof ThreadError) fault = error;
			throw error;
		}
		crew = null;
		return false;
	};
	return {
		get threads() {
			return crew?.threads ?? 1;
		},
		run(calls) {
			if (fault) throw fault;
			const room = 16 * Math.ceil(Math.max(0, ...calls.map(({ room = 0 }) => room)) / 16); // so that threads write to lines of their own
			withScratch(backend, room * (crew?.threads ?? 1), (at) => {
				const addressed = calls.map(({ kernel, numbers, room: wanted = 0 }) => ({
					kernel: places[kernel],
					numbers: wanted > 0 ? [...numbers, at] : numbers,
					room: wanted > 0 ? 4 * room : 0,
				}));
				if (share(addressed)) return;
				for (const { kernel, numbers } of addressed) kernels[kernel]!(...numbers);
			});
		},
		async useThreads(threads) {
			if (threads === (crew?.threads ?? 1)) return;
			crew?.dismiss();
			crew = null;
			if (isShared && threads > 1) crew = await startCrew(module, memory, kernels, threads, options).catch(() => null);
		},
	};
}

/** The bytes of a file that is beside the page's code, or in Node on disk. Throws Error where the server has none. */
export async function read(file: URL): Promise<Uint8Array<ArrayBuffer>> {
	if (file.protocol === 'file:') {
		const files = 'node:fs/promises'; // as a variable, so that no bundler follows it into a browser's bundle
		const { readFile } = (await import(/* @vite-ignore */ files)) as typeof import('node:fs/promises');
		return Uint8Array.from(await readFile(file));
	}
	const response = await fetch(file);
	if (!response.ok) throw new Error(`${file.href}: the server answered ${response.status}; expected a module of WebAssembly`);
	return new Uint8Array(await response.arrayBuffer());
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

/** The address of number `start` of those that begin at `at`. */
export const behind = (at: number, start: number) => at + 4 * start;

/** Time below which a piece is not worth another thread's waking up, in ns. */
const LEAST_PIECE_NS = 50_000;
/** More pieces than threads, so that a thread that comes late takes fewer. */
const PIECES_A_THREAD = 2;

/**
 * [0, rows) in ranges that threads can share: one where there is one thread, or it takes little time (`cost`, in ns a row on one thread, roughly).
 * They begin at multiples of `grain`; `share` is the part that these rows are of all that is run at once.
 */
export function ranges(
	{ threads }: WasmModule,
	rows: number,
	cost: number,
	{ grain = 1, share = 1 } = {},
): [from: number, count: number][] {
	const grains = Math.ceil(rows / grain);
	const wanted = Math.min(grains, Math.ceil(share * threads * PIECES_A_THREAD), Math.floor((rows * cost) / LEAST_PIECE_NS));
	const pieces = threads === 1 ? 1 : Math.max(1, wanted);
	const starts = Array.from({ length: pieces + 1 }, (_, i) => Math.min(rows, grain * Math.floor((i * grains) / pieces)));
	starts[pieces] = rows;
	return starts.slice(1).map((end, i) => [starts[i]!, end - starts[i]!]);
}

/** Runs a kernel on rows that don't depend on one another; `numbers` are those for `count` rows from `from` on, `cost` is as in `ranges`. */
export function runRows(
	lab: WasmModule,
	kernel: Export,
	rows: number,
	cost: number,
	numbers: (from: number, count: number) => number[],
): void {
	lab.run(ranges(lab, rows, cost).map(([from, count]) => ({ kernel, numbers: numbers(from, count) })));
}

/** Lends `use` the address of room for so many numbers. */
function withScratch(backend: BackendWasm, numbers: number, use: (scratch: number) => void): void {
	if (numbers === 0) return use(0);
	const room = backend.makeOutput([numbers], 'float32');
	use(backend.getMemoryOffset(room.dataId));
	backend.disposeData(room.dataId);
}
