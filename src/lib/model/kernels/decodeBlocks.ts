import * as tf from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

import type { LayerWeights, Model } from '../weights';
import { type CachePlaces, checkSlots } from './cacheAttention';
import { hasKernel } from './launch';
import { compute, type WasmArguments, type WasmModule } from './wasmModule';

const KERNEL = 'ConscienceLabDecodeBlocks';
type Inputs = 'x' | 'progress' | 'cos' | 'sin';

interface Settings {
	model: Model;
	caches: readonly tf.Tensor3D[];
}

/** Whether the backend does all blocks of the model in one operation, as with float32 weights and no adapter; else `decodeRows` does them with `cacheAttention`. */
export function canDecodeBlocks({ adapter, weights }: Model): boolean {
	const isPlain = ({ kernels }: LayerWeights) => Object.values(kernels).every(({ storage }) => storage === 'f32');
	return hasKernel(KERNEL) && !adapter && weights.layers.every(isPlain);
}

/**
 * All blocks over one token a row, [B, D] → [B, D], with `caches` of their layers as in `cacheAttention`. No adapter: merge it first. On WebAssembly
 * a token of a small model costs more in the forty operations of its blocks than in their arithmetic.
 */
export function decodeBlocks(
	model: Model,
	x: tf.Tensor2D,
	caches: readonly tf.Tensor3D[],
	{ progress, angles }: Omit<CachePlaces, 'composed'>,
): tf.Tensor2D {
	const settings: Settings = { model, caches };
	return tf.engine().runKernel(KERNEL, { x, progress, cos: angles.cos, sin: angles.sin }, settings as unknown as tf.NamedAttrMap);
}

export function decodeBlocksWasmKernels(lab: WasmModule): Record<string, tf.KernelFunc> {
	const kernel = ({ inputs: { x, progress, cos, sin }, backend, attrs: { model, caches } }: WasmArguments<Inputs, Settings>) => {
		const { hiddenSize: D, intermediateSize: F, numAttentionHeads: H, numKeyValueHeads: KV, headDim, rmsNormEps } = model.config;
		const rows = x.shape[0]!;
		const slots = caches[0]!.shape[1];
		checkSlots(backend, progress, slots);
		const [queries, keys] = [H * headDim, KV * headDim];
		const product = Math.max(...[[D, queries], [D, keys], [queries, D], [D, F], [F, D]].map(([K, N]) => 40 + K! * (4 + 8 * Math.ceil(N! / 8)))); // prettier-ignore
		const room = rows * (D + 2 * queries + 2 * keys + 3 * F) + Math.max(product, queries + 2 * keys + slots);
		const addresses = model.weights.layers.flatMap((layer, i) => addressesOf(backend, layer, caches[i]!, model.steering?.[i]));
		const table = backend.makeOutput([addresses.length], 'int32', undefined, Int32Array.from(addresses));
		const sizes = [rows, D, F, slots, H, KV, headDim, rmsNormEps];
		const out = compute(backend, x.shape, (out, at) => {
			const numbers = backend.typedArrayFromHeap(x) as Float32Array;
			new Float32Array(numbers.buffer, out, numbers.length).set(numbers);
			for (let i = 0; i < caches.length; i++) {
				const layer = at(table) + 4 * LAYER_NUMBERS * i;
				const numbers = [out, layer, at(progress), progress.shape[1]!, at(cos), at(sin), ...sizes];
				lab.run([{ kernel: 'decodeBlock', numbers, room }]);
			}
		});
		backend.disposeData(table.dataId);
		return out;
	};
	return { [KERNEL]: kernel as unknown as tf.KernelFunc };
}

/** What the module's `decodeBlock` asks of a layer, in its order. */
const LAYER_NUMBERS = 17;

function addressesOf(backend: BackendWasm, layer: LayerWeights, cache: tf.Tensor, steering: tf.Tensor | null = null): number[] {
	const { kernels, biases } = layer;
	const attention = [
		layer.inputLayernorm,
		kernels.q_proj.stored,
		kernels.k_proj.stored,
		kernels.v_proj.stored,
		biases.q_proj,
		biases.k_proj,
		biases.v_proj,
	];
	const rest = [layer.qNorm, layer.kNorm, cache, kernels.o_proj.stored, biases.o_proj, layer.postAttentionLayernorm];
	const all = [...attention, ...rest, kernels.gate_proj.stored, kernels.up_proj.stored, kernels.down_proj.stored, steering];
	return all.map((tensor) => (tensor ? backend.getMemoryOffset(tensor.dataId) : 0));
}
