/** Frozen weights as 16-bit floats or 8-bit integers: exact as stored, and a model of them computes what the same rounded numbers in float32 do. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';

import { withReference } from '$lib/dpo/pairs';
import { createTrainer, disposeTrainer, trainStep } from '$lib/dpo/trainer';
import { parseModelConfig } from '$lib/model/config';
import { logits } from '$lib/model/decoder';
import { generate } from '$lib/model/generate';
import { float16ToFloat32, float32ToFloat16, float32ToInt8, type Precision, PRECISIONS } from '$lib/model/halfPrecision';
import { freeze, freezeInParts, freezeTurned, MatrixSizeError } from '$lib/model/kernels/freeze';
import { frozenColumns, type FrozenMatrix, thaw } from '$lib/model/kernels/frozenMatrix';
import { disposeLora, type LoraConfig } from '$lib/model/lora';
import { nextTokenProbabilities } from '$lib/model/nextTokenProbabilities';
import { readPrompts } from '$lib/model/readPrompts';
import { readSafetensors, type StoredTensor } from '$lib/model/safetensors';
import { buildWeights, checkpointShapes, disposeModel, type Model } from '$lib/model/weights';

import { BACKENDS, expectClose, useBackend } from './backends';
import decoder from './decoder.json';
import { fill, randomLora } from './randomCheckpoint';
import training from './training.json';

/** Of the sums of some dozens of products, in another order. */
const TOLERANCE = 1e-5;

const bytes = (base64: string) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
const rounded = (values: Float32Array) => float16ToFloat32(float32ToFloat16(values));
/** The rows of [out, in] as a precision rounds them: to 127ths of the largest of each, or each number for itself. */
const roundedRows = (precision: Precision, values: Float32Array, width: number): Float32Array => {
	if (precision === 'f16') return rounded(values);
	const { bytes, largest } = float32ToInt8(values, width)!;
	return Float32Array.from(bytes, (byte, i) => (byte / 127) * largest[Math.floor(i / width)]!);
};
const inRounded = (precision: Precision, tensors: Map<string, StoredTensor>): Map<string, StoredTensor> =>
	new Map([...tensors].map(([name, { shape, data }]) => [name, { shape, data: shape.length === 2 ? roundedRows(precision, data, shape[1]!) : data }])); // prettier-ignore
const matricesOf = ({ weights: { embedTokens, lmHead, layers } }: Model): FrozenMatrix[] => [
	...new Set([embedTokens, lmHead]), // one of a tied model
	...layers.flatMap(({ kernels }) => Object.values(kernels)),
];
const bytesOf = ({ stored }: FrozenMatrix) => 4 * stored.size;
const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b);

describe.each(BACKENDS)('on %s', (backend) => {
	beforeAll(() => useBackend(backend));

	it.each([
		[31, 2048], // every finite F16, subnormal ones too
		[2048, 31],
		[1, 1],
		[3, 5],
	])('gives back a matrix of %d × %d as it was rounded, whole and in columns', async (rows, columns) => {
		const before = tf.memory().numTensors;
		const finite = Uint16Array.from({ length: 31 * 2048 }, (_, i) => (i >> 1) | ((i & 1) << 15));
		const values = float16ToFloat32(finite).slice(0, rows * columns);
		const matrix = freeze(values, [rows, columns], 'f16');
		expect(matrix.storage).toBe(backend === 'webgpu' ? 'f16' : 'f32');
		const someColumns = [columns - 1, 0, columns >> 1, 0];
		const read = async (make: () => tf.Tensor2D) => {
			const tensor = tf.tidy(() => tf.clone(make()));
			const numbers = await tensor.data();
			tensor.dispose();
			return numbers;
		};
		expect(await read(() => thaw(matrix))).toEqual(values);
		const across = await read(() => frozenColumns(matrix, tf.tensor1d(someColumns, 'int32')));
		expect([...across]).toEqual(someColumns.flatMap((c) => Array.from({ length: rows }, (_, r) => values[r * columns + c]!)));
		matrix.stored.dispose();
		expect(tf.memory().numTensors).toBe(before);
	});

	it('rounds to the nearest F16 on every backend, and leaves a matrix with a larger number than F16 has as it is', async () => {
		const numbers = Float32Array.of(0.1, -65_504, 1e-7, 3.14159);
		for (const [values, storage, wanted] of [
			[numbers, backend === 'webgpu' ? 'f16' : 'f32', rounded(numbers)],
			[Float32Array.of(0.1, 65_520, 1, 2), 'f32', Float32Array.of(0.1, 65_520, 1, 2)],
		] as const) {
			const matrix = freeze(values, [2, 2], 'f16');
			expect(matrix.storage).toBe(storage);
			const whole = tf.tidy(() => tf.clone(thaw(matrix)));
			expect(await whole.data()).toEqual(wanted);
			tf.dispose([whole, matrix.stored]);
		}
	});

	it('refuses a matrix that is too large before a number of it is read', async () => {
		if (backend === 'cpu') return; // its memory is the page's
		const read = () => Promise.reject(new Error('was read'));
		const promise = freezeInParts([2 ** 16, 2 ** 14], read, 'f32');
		await expect(promise).rejects.toThrow(MatrixSizeError);
		await expect(promise).rejects.toThrow(/16384 × 65536 takes 4295 MB, and .* \(model\.precision/);
	});

	it('is the same matrix whether it comes as a whole or in parts', async () => {
		const [columns, rows] = [11, 7];
		const values = Float32Array.from({ length: columns * rows }, (_, i) => Math.sin(i));
		const asked: number[] = [];
		const read = (from: number, to: number) => {
			asked.push(to - from);
			return Promise.resolve(values.slice(from, to));
		};
		for (const precision of PRECISIONS) {
			const [whole, inParts] = [
				freezeTurned(values, [columns, rows], precision),
				await freezeInParts([columns, rows], read, precision, 5 * rows + 1),
			];
			expect(inParts.storage).toBe(whole.storage);
			expect(await inParts.stored.data()).toEqual(await whole.stored.data());
			tf.dispose([whole.stored, inParts.stored]);
		}
		expect(asked.slice(0, 3)).toEqual([5 * rows, 5 * rows, rows]);
	});

	it.each([
		[6, 8],
		[5, 7],
		[1, 1],
		[3, 5],
		[2, 130],
	])('a matrix of %d × %d as 8-bit integers is at most half a 127th of each column’s largest number away, whole and in columns', async (rows, columns) => {
		const values = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i * i) * (1 + (i % columns)));
		const matrix = freeze(values, [rows, columns], 'int8');
		expect(matrix.storage).toBe(backend === 'cpu' ? 'f32' : 'int8');
		const [whole, picked] = tf.tidy(() => [tf.clone(thaw(matrix)), frozenColumns(matrix, tf.tensor1d([columns - 1, 0], 'int32'))] as const);
		const numbers = await whole.data();
		for (let c = 0; c < columns; c++) {
			const column = (of: ArrayLike<number>) => Array.from({ length: rows }, (_, r) => of[r * columns + c]!);
			const largest = Math.max(...column(values).map(Math.abs));
			column(values).forEach((value, r) => expect(Math.abs(column(numbers)[r]! - value)).toBeLessThanOrEqual((largest / 254) * 1.0001));
		}
		const last = (at: number) => Array.from({ length: rows }, (_, r) => numbers[r * columns + at]!);
		expectClose(await picked.data(), [...last(columns - 1), ...last(0)], 1e-6);
		tf.dispose([whole, picked, matrix.stored]);
	}); // prettier-ignore

	it('leaves a matrix with what is no number as it is', async () => {
		for (const odd of [NaN, Infinity, -Infinity]) {
			const matrix = freeze(Float32Array.of(1, 2, odd, 4), [2, 2], 'int8');
			expect(matrix.storage).toBe('f32');
			expect(await matrix.stored.data()).toEqual(Float32Array.of(1, 2, odd, 4));
			matrix.stored.dispose();
		}
	});

	describe.each(['f16', 'int8'] as const)('a model in %s', (precision) => {
		const spec = decoder.models.llama;
		const config = parseModelConfig(spec.config);
		const tensors = fill(checkpointShapes(config), spec.seed);
		const matrices = inRounded(precision, tensors);

		it('reads, judges and writes as its rounded weights in float32 do, and leaves no tensors behind', async () => {
			const before = tf.memory().numTensors;
			const read = async (model: Model) => {
				const lora = randomLora(config, spec.lora as unknown as LoraConfig, spec.seed + 1000);
				const scores = tf.tidy(() => logits(model, readPrompts(model, decoder.prompts)));
				const options = { sampling: { temperature: 0, topP: 1, maxNewTokens: 4 }, stopTokens: [], seeds: decoder.prompts.map(() => 0) };
				const answers = await generate(model, lora, decoder.prompts, options);
				const probabilities = await nextTokenProbabilities(model, lora, decoder.prompts, [3, 60, 17]);
				const values = await scores.data();
				scores.dispose();
				disposeLora(lora);
				disposeModel(model);
				return { values, probabilities, answers: answers.map(({ ids }) => ids) };
			};
			const wanted = await read({ config, weights: buildWeights(config, matrices) });
			const got = await read({ config, weights: buildWeights(config, tensors, precision) });
			expectClose(got.values, wanted.values, TOLERANCE);
			got.probabilities.forEach((shares, i) => expectClose(shares, wanted.probabilities[i]!, TOLERANCE));
			expect(got.answers).toEqual(wanted.answers);
			expect(tf.memory().numTensors).toBe(before);
		});
	});

	it.each(['f16', 'int8'] as const)(
		'ten steps of L_SFT + λ·L_DPO end in the same adapter in %s as with rounded weights in float32, in less memory',
		async (precision) => {
			const before = tf.memory().numTensors;
			const config = parseModelConfig(training.config);
			const { tensors } = readSafetensors(bytes(training.model));
			const train = async (weights: Model['weights']) => {
				const model = { config, weights };
				const lora = randomLora(config, { rank: 2, alpha: 4, rslora: false, targetModules: ['q_proj', 'down_proj'] }, 7);
				const { learningRate, warmupSteps, weightDecay, clipNorm, lambda, beta } = training.trainer;
				const preference = { type: 'sigmoid', beta, labelSmoothing: 0 } as const;
				const trainer = createTrainer(model, lora, { learningRate, warmupSteps, weightDecay, clipNorm, lambda, preference });
				const losses: number[] = [];
				const [{ sft, pairs: unread }] = training.steps as [(typeof training.steps)[number]]; // one shape throughout: its programs take the time
				const pairs = await withReference(model, unread);
				for (let step = 0; step < 10; step++) losses.push((await trainStep(trainer, { sft, pairs })).metrics.loss);
				const adapter = await lora.weights.data();
				const held = sum(matricesOf(model).map(bytesOf));
				disposeTrainer(trainer);
				disposeLora(lora);
				disposeModel(model);
				return { losses, adapter, held };
			};
			const wanted = await train(buildWeights(config, inRounded(precision, tensors)));
			const got = await train(buildWeights(config, tensors, precision));
			expect(wanted.losses[9]).toBeLessThan(wanted.losses[0]!);
			expectClose(got.losses, wanted.losses, TOLERANCE);
			expectClose(got.adapter, wanted.adapter, TOLERANCE);
			const isHeld = backend === 'webgpu' || (backend === 'wasm' && precision === 'int8');
			if (precision === 'f16') expect(got.held / wanted.held).toBe(isHeld ? 0.5 : 1);
			else expect(got.held / wanted.held).toBeCloseTo(isHeld ? 0.25 + 1 / 24 : 1, 1); // a number more for each column of some two dozen
			expect(tf.memory().numTensors).toBe(before);
		},
	);
});
