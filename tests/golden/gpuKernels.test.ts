/** The lab's own kernels against the composed operations that they stand for: values and gradients, on odd and on tiny shapes. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';

import { ADAMW_DEFAULTS, applyAdamW, disposeAdamW, initAdamW } from '$lib/dpo/optimizer';
import { checkDevice, startBackend } from '$lib/model/backend';
import { type ModelConfig, parseModelConfig } from '$lib/model/config';
import type { Precision } from '$lib/model/halfPrecision';
import { adaptedLinear } from '$lib/model/kernels/adaptedLinear';
import { cacheAttention, readsProgress } from '$lib/model/kernels/cacheAttention';
import { freeze } from '$lib/model/kernels/freeze';
import { frozenFloats } from '$lib/model/kernels/frozenMatrix';
import { attentionSpans, causalAttention } from '$lib/model/kernels/causalAttention';
import { GPU_KERNELS, useGpuKernels } from '$lib/model/kernels/gpuKernels';
import { rmsNorm } from '$lib/model/kernels/rmsNorm';
import { rotateHeads } from '$lib/model/kernels/rotateHeads';
import { swiglu } from '$lib/model/kernels/swiglu';
import { tokenLogps } from '$lib/model/kernels/tokenLogps';
import { packTokens } from '$lib/model/packing';
import { seededRandom } from '$lib/model/random';
import { rotaryTable } from '$lib/model/rope';

import { BACKENDS } from './backends';

const TOLERANCE = 1e-5;
/** Half of the step of finite differences. */
const H = 1e-2;

interface Case {
	name: string;
	/** Shapes of what is differentiated in. */
	inputs: number[][];
	/** Makes its constants from `numbers`, which gives the same ones each time. */
	run: (inputs: tf.Tensor[], numbers: (count: number) => Float32Array) => tf.Tensor;
}

const stream = (name: string) => {
	const random = seededRandom(5, name);
	return (count: number) => Float32Array.from({ length: count }, () => 2 * random() - 1);
};
const label = (shape: readonly (number | readonly unknown[])[]) => shape.map((part) => JSON.stringify(part)).join(' ');

const rmsNorms = [
	[1, 1],
	[3, 7],
	[70, 130],
].map((shape): Case => ({
	name: `rmsNorm ${label(shape)}`,
	inputs: [shape],
	// a large ε: with a small one the gradient of a single number is next to nothing, and its relative error says nothing
	run: ([x], numbers) => rmsNorm(x!, tf.tensor1d(numbers(shape[1]!)), 0.1),
}));

const swiglus = [
	[1, 2],
	[3, 10],
	[9, 66],
].map((shape): Case => ({
	name: `swiglu ${label(shape)}`,
	inputs: [shape],
	run: ([x]) => swiglu(x as tf.Tensor2D),
}));

const tree = (stem: number, ...branches: number[]) => ({
	stem: Array<number>(stem).fill(1),
	branches: branches.map((length) => Array<number>(length).fill(2)),
});
/** What is packed, and H, KV, headDim. */
const HEADS = [
	[[tree(1)], 1, 1, 2],
	[[tree(5), tree(1), tree(5)], 4, 2, 6],
	[[tree(2, 9, 3), tree(9), tree(1, 0, 1), tree(7, 1, 30)], 3, 1, 10], // a hole of nothing, and a span that two tiles share
	[[tree(3, 14, 17), tree(4, 5)], 6, 2, 4],
	[[tree(30, 40, 59)], 2, 1, 8],
] as [ReturnType<typeof tree>[], number, number, number][];
const attentions = HEADS.flatMap(([trees, heads, keyValueHeads, headDim]): Case[] => {
	const layout = { heads, keyValueHeads, headDim };
	const { ids, positions, spans } = packTokens(trees);
	const shape = [ids.length, (heads + 2 * keyValueHeads) * headDim];
	const config = { ...parseModelConfig({ model_type: 'llama', vocab_size: 8, hidden_size: headDim, intermediate_size: 8, num_hidden_layers: 1, num_attention_heads: 1, max_position_embeddings: 128 }), headDim }; // prettier-ignore
	const lengths = trees.map(({ stem, branches }) => [stem.length, ...branches.map(({ length }) => length)].join('+')).join(', ');
	const name = `${lengths} rows, ${heads} heads on ${keyValueHeads} of ${headDim}`;
	return [
		{
			name: `rotateHeads ${name}`,
			inputs: [shape],
			run: ([qkv]) => rotateHeads(qkv as tf.Tensor2D, rotaryTable(config, positions, [1, ids.length]), layout),
		},
		{
			name: `causalAttention ${name}`,
			inputs: [shape],
			run: ([qkv]) => causalAttention(qkv as tf.Tensor2D, attentionSpans(spans), layout),
		},
	];
});

/** What the angles of a head depend on beside its width. */
const rotary = { ropeTheta: 10_000, ropeScaling: null } as ModelConfig;
/** Slots of the cache, the last one that each row sees, and H, KV, headDim. */
const CACHES: [number, number[], number, number, number][] = [
	[1, [0], 1, 1, 2],
	[16, [3, 0, 15], 4, 2, 6],
	[130, [129], 3, 1, 10],
	[70, [0, 64, 7, 69, 33], 6, 2, 4],
];
const caches = CACHES.map(([slots, last, heads, keyValueHeads, headDim]): Case => {
	const layout = { heads, keyValueHeads, headDim };
	const B = last.length;
	return {
		name: `cacheAttention ${label([last, slots])} slots, ${heads} heads on ${keyValueHeads} of ${headDim}`,
		inputs: [],
		run: (_, numbers) => {
			const qkv = tf.tensor2d(numbers(B * (heads + 2 * keyValueHeads) * headDim), [B, (heads + 2 * keyValueHeads) * headDim]);
			const width = 2 * keyValueHeads * headDim;
			const cache = tf.tensor3d(numbers(B * slots * width), [B, slots, width]);
			const progress = tf.tensor2d(last.flatMap((slot) => [Math.ceil(slot / 2), Math.floor(slot / 2) + 1, 7]), [B, 3], 'int32'); // prettier-ignore
			const table = (positions: readonly number[]) => rotaryTable({ ...rotary, headDim }, positions, [1, positions.length]);
			const composed = readsProgress() ? null : { slots: last, angles: table(last) };
			const out = cacheAttention(qkv, cache, { progress, angles: table([...Array(slots).keys()]), composed }, layout);
			return tf.concat([tf.reshape(out, [-1]), tf.reshape(cache, [-1])]); // what it wrote, too
		},
	};
});

/** rows, inputs, outputs of each layer, rank of each layer's change (0: it has none), with a bias, with a residual */
const LINEARS: [number, number, number[], number[], boolean, boolean][] = [
	[1, 1, [1], [1], false, false],
	[5, 7, [3], [0], true, true],
	[9, 13, [11, 5, 6], [3, 0, 3], true, false],
	[10, 8, [16], [2], false, true],
	[33, 12, [10, 10], [9, 9], false, false],
	[4, 6, [8, 4, 4], [1, 1, 1], false, false],
	[7, 10, [9, 4, 6], [2, 17, 1], true, false],
	[6, 11, [5, 4], [0, 3], false, true],
	[300, 5, [6, 3], [2, 2], false, true],
	[1, 9, [70, 33], [0, 0], true, true],
	[3, 40, [37], [2], true, true],
];
const linear = ([rows, inputs, widths, ranks, hasBias, hasResidual]: (typeof LINEARS)[number], precision: Precision): Case => {
	const total = widths.reduce((a, b) => a + b);
	const adapter = widths.reduce((sum, width, i) => sum + ranks[i]! * (inputs + width), 0);
	return {
		name: `adaptedLinear ${label([rows, inputs, widths, ranks])}${hasBias ? ' with bias' : ''}${hasResidual ? ' with residual' : ''}, ${precision}`,
		inputs: [[rows, inputs], ...(hasResidual ? [[rows, total]] : []), ...(adapter > 0 ? [[adapter]] : [])],
		run: (tensors, numbers) => {
			const kernels = widths.map((width) => freeze(numbers(inputs * width), [inputs, width], precision));
			const bias = hasBias ? tf.tensor1d(numbers(total)) : null;
			const weights = adapter > 0 ? (tensors.at(-1) as tf.Tensor1D) : null;
			const residual = hasResidual ? (tensors[1] as tf.Tensor2D) : null;
			return adaptedLinear(tensors[0] as tf.Tensor2D, { kernels, bias, adapter: weights, ranks, scales: [1.5, 0.75, 2] }, residual);
		},
	};
};
const linears = LINEARS.map((shapes) => linear(shapes, 'f32'));
const linearsOfHalves = LINEARS.map((shapes) => linear(shapes, 'f16'));
const linearsOfBytes = LINEARS.map((shapes) => linear(shapes, 'int8'));

/** [N, D, V]; the last goes through the head in two chunks of rows. */
const VOCABULARIES: [number, number, number][] = [
	[1, 1, 2],
	[5, 7, 11],
	[70, 3, 130],
	[70, 2, 30_001],
];
const head = ([N, D, V]: (typeof VOCABULARIES)[number], precision: Precision): Case => ({
	name: `tokenLogps ${N} × ${D} × ${V}, ${precision}`,
	inputs: [[N, D]],
	run: ([x], numbers) => {
		const labels = Int32Array.from({ length: N }, (_, n) => (n * 977) % V);
		return tokenLogps(x as tf.Tensor2D, freeze(numbers(D * V), [D, V], precision), tf.tensor1d(labels, 'int32'));
	},
});
/** So large that wasm takes its product in blocks of columns, and in float32, too, by a kernel of the lab's own. */
const largeHeads = (['f32', 'int8'] as const).map((precision) => head([3, 600, 7001], precision));
const heads = VOCABULARIES.map((shape) => head(shape, 'f32'));
const headsOfHalves = VOCABULARIES.map((shape) => head(shape, 'f16'));
const headsOfBytes = VOCABULARIES.map((shape) => head(shape, 'int8'));

const CASES = [
	...rmsNorms,
	...swiglus,
	...attentions,
	...caches,
	...linears,
	...linearsOfHalves,
	...linearsOfBytes,
	...heads,
	...headsOfHalves,
	...headsOfBytes,
	...largeHeads,
];

/** The output of a case, then the gradients of its product with fixed numbers, as read from the backend that runs. */
async function compute({ name, inputs, run }: Case, shifts?: Float32Array[]): Promise<Float32Array[]> {
	const before = tf.memory().numTensors;
	const tensors = tf.tidy(() => {
		const numbers = stream(name);
		const xs = inputs.map((shape, i) => {
			const values = numbers(tf.util.sizeFromShape(shape));
			return tf.tensor(
				values.map((value, place) => value + (shifts?.[i]?.[place] ?? 0)),
				shape,
			);
		});
		const forward = (...given: tf.Tensor[]) => run(given, stream(`${name} constants`));
		const out = forward(...xs);
		const probe = tf.tensor(stream(`${name} probe`)(out.size), out.shape);
		if (xs.length === 0) return [out]; // nothing learns through a cache
		return [out, ...tf.grads((...given: tf.Tensor[]) => tf.sum(tf.mul(forward(...given), probe)))(xs)];
	});
	const values = await Promise.all(tensors.map(async (tensor) => Float32Array.from(await tensor.data())));
	tf.dispose(tensors);
	checkDevice();
	expect(tf.memory().numTensors, 'tensors left').toBe(before);
	return values;
}

/** ‖actual − expected‖ / ‖expected‖, and the norm of what should be zero. */
function relativeError(actual: Float32Array, expected: Float32Array): number {
	expect(actual.length).toBe(expected.length);
	const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
	const size = norm(expected);
	return norm(actual.map((value, i) => value - expected[i]!)) / (size > 1e-6 ? size : 1);
}

async function expectSame(backend: (typeof BACKENDS)[number], example: Case, lanes = 1): Promise<void> {
	await startBackend('cpu');
	const wanted = await compute(example);
	await startBackend(backend);
	if (backend === 'webgpu') useGpuKernels(GPU_KERNELS, lanes === 1);
	const got = await compute(example);
	wanted.forEach((values, i) => expect(relativeError(got[i]!, values), i === 0 ? 'value' : `gradient ${i}`).toBeLessThan(TOLERANCE));
}

describe.each(BACKENDS.filter((backend) => backend !== 'cpu'))('%s equals the composed operations on cpu', (backend) => {
	it.each(CASES.map((example) => [example.name, example] as const))('%s', (_, example) => expectSame(backend, example));

	const reductions = [...rmsNorms, ...caches, ...attentions.filter(({ name }) => name.startsWith('causal')), ...heads.slice(0, 3)];
	it.each(reductions.map((example) => [example.name, example] as const))('%s with many lanes a row, as on a real GPU', (_, example) =>
		expectSame(backend, example, 64),
	);

	it('refuses labels that the vocabulary does not have', () => {
		if (backend !== 'wasm') return; // WGSL reads within its buffers whatever it is asked for
		expect(() => tf.tidy(() => tokenLogps(tf.ones([2, 3]), frozenFloats(tf.ones([3, 4])), tf.tensor1d([1, 4], 'int32')))).toThrow(
			'label 4 of a vocabulary of 4; expected 0 to 3',
		);
	});

	it('refuses to look at slots that the cache does not have', () => {
		if (backend !== 'wasm') return; // as above
		const layout = { heads: 1, keyValueHeads: 1, headDim: 2 };
		const angles = rotaryTable({ ...rotary, headDim: 2 }, [0, 1, 2], [1, 3]);
		const progress = tf.tensor2d([3, 1, 0], [1, 3], 'int32');
		expect(() => tf.tidy(() => cacheAttention(tf.ones([1, 6]), tf.ones([1, 3, 4]), { progress, angles, composed: null }, layout))).toThrow(
			'there is no slot 3 in a cache of 3',
		);
		tf.dispose([progress, angles.cos, angles.sin, angles.turn]);
	});

	it.each([1, 1003])('AdamW of %d numbers, with and without clipping and decay', async (count) => {
		const train = async (name: (typeof BACKENDS)[number]) => {
			await startBackend(name);
			const numbers = stream('adamW');
			const weights = tf.tidy(() => tf.variable(tf.tensor1d(numbers(count))));
			const state = initAdamW(weights);
			const norms: number[] = [];
			for (const [clipNorm, weightDecay] of [
				[0, 0],
				[0.1, 0.01],
				[1e6, 0.1],
			] as const) {
				const norm = tf.tidy(() =>
					applyAdamW(weights, tf.tensor1d(numbers(count)), [count], state, 0.05, { ...ADAMW_DEFAULTS, clipNorm, weightDecay }),
				);
				norms.push((await norm.data())[0]!);
				norm.dispose();
			}
			const after = await Promise.all([weights, state.firstMoments, state.secondMoments].map((x) => x.data()));
			weights.dispose();
			disposeAdamW(state);
			return [...after, Float32Array.from(norms)] as Float32Array[];
		};
		const [wanted, got] = [await train('cpu'), await train(backend)];
		wanted.forEach((values, i) => expect(relativeError(got[i]!, values)).toBeLessThan(TOLERANCE));
	});
});

describe.each(BACKENDS)('gradients by finite differences on %s', (backend) => {
	beforeAll(async () => void (await startBackend(backend)));
	// 1 %: the loss is differenced in F32
	it.each(
		[
			rmsNorms[1]!,
			swiglus[1]!,
			attentions[2]!,
			attentions[3]!,
			linears[2]!,
			linears[3]!,
			linearsOfHalves[2]!,
			linearsOfBytes[2]!,
			heads[1]!,
			headsOfHalves[1]!,
			headsOfBytes[1]!,
		].map((c) => [c.name, c] as const),
	)('%s', async (_, example) => {
		const [out, ...gradients] = await compute(example);
		const probe = stream(`${example.name} probe`)(out!.length);
		const lossAt = async (shifts: Float32Array[]) => (await compute(example, shifts))[0]!.reduce((sum, y, i) => sum + y * probe[i]!, 0);
		for (const [i, gradient] of gradients.entries()) {
			const steepest = gradient.reduce((best, g, place) => (Math.abs(g) > Math.abs(gradient[best]!) ? place : best), 0);
			const shifted = (by: number) =>
				example.inputs.map((shape, j) => {
					const shift = new Float32Array(tf.util.sizeFromShape(shape));
					if (j === i) shift[steepest] = by;
					return shift;
				});
			const difference = ((await lossAt(shifted(H))) - (await lossAt(shifted(-H)))) / (2 * H);
			expect(Math.abs(difference - gradient[steepest]!)).toBeLessThan(0.01 * Math.abs(gradient[steepest]!) + 1e-4);
		}
	});
});
