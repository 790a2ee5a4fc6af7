import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { klLoss, lorraLoss } from '$lib/dpo/frozenTerms';
import { type TokenPair, withReference } from '$lib/dpo/pairs';
import { disposeBatch, sequenceBatch } from '$lib/dpo/sequences';
import { evenParts } from '$lib/dpo/terms';
import {
	createTrainer,
	disposeTrainer,
	type StepMetrics,
	type StepResult,
	train,
	type TrainBatch,
	type Trainer,
	type TrainerConfig,
	TrainingError,
	trainStep,
} from '$lib/dpo/trainer';
import { restoreTrainer, saveTrainer, TrainerStateError } from '$lib/dpo/trainerState';
import { startBackend } from '$lib/model/backend';
import { disposeLora, initLora, type Lora, saveLora } from '$lib/model/lora';
import { normal, seededRandom } from '$lib/model/random';
import { disposeModel, type Model } from '$lib/model/weights';

import { tinyModel } from './tinyModel';

const config: TrainerConfig = {
	learningRate: 0.02,
	warmupSteps: 2,
	weightDecay: 0,
	clipNorm: 1,
	lambda: 1,
	preference: { type: 'sigmoid', beta: 0.5, labelSmoothing: 0 },
};
const rows = [
	{ prompt: [3, 4, 5], completion: [6, 7, 2] },
	{ prompt: [8, 9], completion: [10, 2] },
];
const tokenPairs: TokenPair[] = [{ id: 'p', prompt: [11, 12], chosen: [13, 14, 2], rejected: [15, 2] }];

let model: Model;
beforeAll(async () => {
	await startBackend('cpu');
	model = tinyModel();
});
afterAll(() => disposeModel(model));

function newTrainer(overrides: Partial<TrainerConfig> = {}): { trainer: Trainer; lora: Lora; free: () => void } {
	const lora = initLora(
		model.config,
		{ rank: 2, alpha: 4, rslora: false, targetModules: ['q_proj', 'v_proj', 'down_proj'] },
		seededRandom(7, 'lora'),
	);
	const trainer = createTrainer(model, lora, { ...config, ...overrides });
	return { trainer, lora, free: () => (disposeTrainer(trainer), disposeLora(lora)) };
}

async function steps(trainer: Trainer, count: number): Promise<StepResult[]> {
	const pairs = await withReference(model, tokenPairs);
	const results: StepResult[] = [];
	for await (const result of train(trainer, async (step) => (step < count ? { sft: rows, pairs: step % 2 === 0 ? pairs : [] } : null)))
		results.push(result);
	return results;
}

test('both terms fall, the margin grows from 0, and the metrics of an absent term are null', async () => {
	const { trainer, free } = newTrainer();
	const results = await steps(trainer, 21);
	const [first, last] = [results[0]!.metrics, results.at(-1)!.metrics];
	expect(first['loss/dpo']).toBeCloseTo(Math.LN2, 5); // B is zero, so policy and reference agree
	expect(first['rewards/margins']).toBeCloseTo(0, 5);
	expect(first['rewards/accuracies']).toBe(0);
	expect(last['loss/sft']!).toBeLessThan(first['loss/sft']! / 2);
	expect(last['loss/dpo']!).toBeLessThan(0.4);
	expect(last['rewards/margins']!).toBeGreaterThan(1);
	expect(results.at(-1)!.margins).toEqual([{ pairId: 'p', margin: last['rewards/margins'] }]);
	expect(results[1]!.metrics).toMatchObject({ 'loss/dpo': null, 'rewards/margins': null, 'num_tokens/dpo': 0, 'num_tokens/sft': 10 });
	expect(first.learning_rate).toBeCloseTo(0.01, 12);
	free();
});

test('the loss is L_SFT + λ·L_DPO, and λ = 0 learns nothing from pairs', async () => {
	const heavy = newTrainer({ lambda: 3 });
	const [step] = await steps(heavy.trainer, 1);
	expect(step!.metrics.loss).toBeCloseTo(step!.metrics['loss/sft']! + 3 * step!.metrics['loss/dpo']!, 5);
	heavy.free();

	const [mute, plain] = [newTrainer({ lambda: 0 }), newTrainer()];
	await trainStep(mute.trainer, { sft: rows, pairs: await withReference(model, tokenPairs) });
	await trainStep(plain.trainer, { sft: rows, pairs: [] });
	const [muted, reference] = [await saveLora(mute.lora), await saveLora(plain.lora)];
	muted.forEach((values, i) => values.forEach((value, j) => expect(value).toBeCloseTo(reference[i]![j]!, 6)));
	mute.free();
	plain.free();
});

test('answers are learnt by the loss of the rows, weighted with λ', async () => {
	const [asRows, asAnswers, both] = [newTrainer(), newTrainer({ lambda: 2 }), newTrainer({ lambda: 2 })];
	const { metrics: rowMetrics } = await trainStep(asRows.trainer, { sft: rows, pairs: [] });
	const { metrics } = await trainStep(asAnswers.trainer, { sft: [], pairs: [], answers: rows });
	expect(metrics['loss/answers']).toBeCloseTo(rowMetrics['loss/sft']!, 6);
	expect(metrics.loss).toBeCloseTo(2 * rowMetrics.loss, 5);
	expect(metrics.grad_norm).toBeCloseTo(2 * rowMetrics.grad_norm, 5);
	expect(metrics).toMatchObject({ 'loss/sft': null, 'num_tokens/sft': 0, 'num_tokens/answers': 10 });
	const { metrics: sum } = await trainStep(both.trainer, { sft: rows, pairs: [], answers: rows });
	expect(sum.grad_norm).toBeCloseTo(3 * rowMetrics.grad_norm, 5); // two of the same direction
	for (const { free } of [asRows, asAnswers, both]) free();
});

test('equal seeds give equal runs, number for number', async () => {
	const [a, b] = [newTrainer(), newTrainer()];
	expect((await steps(a.trainer, 4)).map(({ metrics }) => metrics)).toEqual((await steps(b.trainer, 4)).map(({ metrics }) => metrics));
	expect(await saveLora(a.lora)).toEqual(await saveLora(b.lora));
	a.free();
	b.free();
});

test('training that is saved and taken up again with a new adapter goes on number for number, and leaves no tensors', async () => {
	const [whole, first] = [newTrainer(), newTrainer()];
	const expected = (await steps(whole.trainer, 5)).slice(3).map(({ metrics }) => metrics);
	await steps(first.trainer, 3);
	const tensors = tf.memory().numTensors;
	const saved = structuredClone(await saveTrainer(first.trainer));
	expect(tf.memory().numTensors).toBe(tensors);
	first.free();

	const second = newTrainer();
	restoreTrainer(second.trainer, saved);
	expect(tf.memory().numTensors).toBe(tensors);
	expect((await steps(second.trainer, 5)).map(({ metrics }) => metrics)).toEqual(expected);
	expect(await saveTrainer(second.trainer)).toEqual(await saveTrainer(whole.trainer));
	expect(() => restoreTrainer(second.trainer, { ...saved, adapter: new Float32Array(3) })).toThrow(TrainerStateError);
	whole.free();
	second.free();
});

test('a step leaves no tensors behind, and a trainer none at all', async () => {
	const atStart = tf.memory().numTensors;
	const { trainer, free } = newTrainer();
	await steps(trainer, 1);
	const after = tf.memory().numTensors;
	await steps(trainer, 5);
	expect(tf.memory().numTensors).toBe(after);
	free();
	expect(tf.memory().numTensors).toBe(atStart);
});

test('the base stays as it is', async () => {
	const before = await model.weights.embedTokens.stored.data();
	const { trainer, free } = newTrainer();
	await steps(trainer, 3);
	expect(await model.weights.embedTokens.stored.data()).toEqual(before);
	free();
});

test('a loss that is no number stops the run with advice', async () => {
	const { trainer, free } = newTrainer();
	tf.tidy(() => trainer.lora.weights.assign(tf.fill([trainer.lora.weights.size], Number.NaN)));
	await expect(trainStep(trainer, { sft: rows, pairs: [] })).rejects.toThrow(TrainingError);
	await expect(trainStep(trainer, { sft: rows, pairs: [] })).rejects.toThrow('lower learning rate');
	free();
});

test('a step needs something to learn from', async () => {
	const { trainer, free } = newTrainer();
	await expect(trainStep(trainer, { sft: [], pairs: [] })).rejects.toThrow('something to learn from');
	free();
});

const directions = () => {
	const random = seededRandom(5, 'directions');
	return [null, Float32Array.from({ length: model.config.hiddenSize }, () => 0.3 * normal(random))];
};

test('the terms that hold the policy to the frozen copy have weights of their own, and count what both read', async () => {
	const atStart = tf.memory().numTensors;
	const { trainer, free } = newTrainer({ lambda: 7 });
	const kl = { sequences: rows, weight: 2 };
	const lorra = { sequences: rows.slice(0, 1), weight: 3, directions: directions(), alpha: -2 };
	const first = (await trainStep(trainer, { sft: rows, pairs: [], kl, lorra })).metrics;
	expect(first['loss/kl']).toBeCloseTo(0, 6); // B is zero, so policy and frozen copy agree
	expect(first['loss/lorra']).toBeCloseTo(2 * Math.hypot(...directions()[1]!), 4);
	const second = (await trainStep(trainer, { sft: rows, pairs: [], kl, lorra })).metrics;
	expect(second['loss/kl']).toBeGreaterThan(0);
	expect(second.loss).toBeCloseTo(second['loss/sft']! + 2 * second['loss/kl']! + 3 * second['loss/lorra']!, 5);
	expect(second).toMatchObject({ 'num_tokens/sft': 10, 'num_tokens/kl': 20, 'num_tokens/lorra': 12, 'loss/dpo': null });
	free();
	expect(tf.memory().numTensors).toBe(atStart);
});

test('each of these terms alone is learnt: what it measures falls', async () => {
	const measured = async (term: 'loss/kl' | 'loss/lorra', lesson: Pick<TrainBatch, 'kl' | 'lorra'>) => {
		const { trainer, free } = newTrainer({ warmupSteps: 0 });
		for (let i = 0; i < 4; i++) await trainStep(trainer, { sft: rows, pairs: [] }); // away from the frozen copy
		const values: number[] = [];
		for (let i = 0; i < 12; i++) values.push((await trainStep(trainer, { sft: [], pairs: [], ...lesson })).metrics[term]!);
		free();
		return values;
	};
	const divergences = await measured('loss/kl', { kl: { sequences: rows, weight: 1 } });
	expect(divergences.at(-1)!).toBeLessThan(divergences[0]! / 2);
	const distances = await measured('loss/lorra', { lorra: { sequences: rows, weight: 1, directions: directions(), alpha: 1 } });
	expect(distances.at(-1)!).toBeLessThan(distances[0]! * 0.8);
});

test('the gradients of both terms are those that finite differences find', async () => {
	const { trainer, lora, free } = newTrainer();
	for (let i = 0; i < 4; i++) await trainStep(trainer, { sft: rows, pairs: [] });
	const batch = sequenceBatch(rows, model.config.maxPositionEmbeddings);
	const values = Float32Array.from(await lora.weights.data());
	for (const loss of [klLoss(model, batch), lorraLoss(model, batch, { directions: directions(), alpha: 1 })]) {
		const { value, grads } = tf.variableGrads(() => loss(lora), [lora.weights]);
		const gradient = await grads[lora.weights.name]!.data();
		const lossAt = async (place: number, shift: number) => {
			lora.weights.assign(tf.tensor1d(values.map((number, i) => (i === place ? number + shift : number))));
			return (await loss(lora).data())[0]!;
		};
		const H = 3e-3; // rounding gains below it, curvature above
		const steepest = [...gradient.keys()].sort((a, b) => Math.abs(gradient[b]!) - Math.abs(gradient[a]!)).slice(0, 10);
		for (const place of steepest) {
			const difference = ((await lossAt(place, H)) - (await lossAt(place, -H))) / (2 * H);
			expect(Math.abs(difference - gradient[place]!)).toBeLessThan(1e-4 + 0.01 * Math.abs(gradient[place]!));
		}
		await lossAt(0, 0);
		tf.dispose([value, grads]);
	}
	disposeBatch(batch);
	free();
});

test('what is added to the stream while the rows are learnt changes their loss, and neither the other terms nor the model', async () => {
	const atStart = tf.memory().numTensors;
	const [plain, steeredOne] = [newTrainer(), newTrainer()];
	const lesson = { sft: rows, pairs: await withReference(model, tokenPairs), answers: rows };
	const without = (await trainStep(plain.trainer, lesson)).metrics;
	const during = (await trainStep(steeredOne.trainer, { ...lesson, steering: { directions: directions(), strength: 1 } })).metrics;
	expect(during['loss/sft']).not.toBeCloseTo(without['loss/sft']!, 3);
	expect(during['loss/answers']).toBe(without['loss/answers']);
	expect(during['loss/dpo']).toBe(without['loss/dpo']);
	expect(model.steering).toBeUndefined();
	plain.free();
	steeredOne.free();
	expect(tf.memory().numTensors).toBe(atStart);
	const { trainer, free } = newTrainer();
	await expect(trainStep(trainer, { ...lesson, steering: { directions: [null], strength: 1 } })).rejects.toThrow(
		'directions for 1 layers; the model has 2',
	);
	await expect(trainStep(trainer, { ...lesson, lorra: { sequences: rows, weight: 1, directions: [null, null], alpha: 1 } })).rejects.toThrow('no layer is moved'); // prettier-ignore
	free();
});

/** All terms at once, of rows and pairs of different lengths. */
async function fullLesson(): Promise<TrainBatch> {
	const sft = [...rows, { prompt: [20, 21, 22, 23], completion: [24, 25, 26, 27, 28, 2] }];
	const more: TokenPair[] = [
		{ id: 'long', prompt: [30, 31, 32], chosen: [33, 2], rejected: [34, 35, 36, 37, 2] },
		{ id: 'short', prompt: [40], chosen: [41, 2], rejected: [42, 2] },
	];
	return {
		sft,
		pairs: await withReference(model, [...tokenPairs, ...more]),
		answers: rows,
		kl: { sequences: sft, weight: 2 },
		lorra: { sequences: rows, weight: 3, directions: directions(), alpha: -2 },
		steering: { directions: directions(), strength: 0.5 },
	};
}

test.each<Partial<TrainerConfig>>([{ checkpointing: true }, { accumulation: 2, checkpointing: true }, { accumulation: 64 }])(
	'a step is the same with %j: losses, gradient, each pair’s margin, and the adapter; no tensors are left',
	async (thrift) => {
		const atStart = tf.memory().numTensors;
		const [plain, thrifty] = [newTrainer(), newTrainer(thrift)];
		const lesson = await fullLesson();
		for (let step = 0; step < 2; step++) {
			const [expected, result] = [await trainStep(plain.trainer, lesson), await trainStep(thrifty.trainer, lesson)];
			expect(Object.keys(result.metrics)).toEqual(Object.keys(expected.metrics));
			for (const [name, value] of Object.entries(expected.metrics) as [keyof StepMetrics, number][])
				expect(Math.abs(result.metrics[name]! - value)).toBeLessThan(1e-6 * Math.max(1, Math.abs(value)));
			expect(result.margins.map(({ pairId }) => pairId)).toEqual(['p', 'long', 'short']);
			result.margins.forEach(({ margin }, i) => expect(margin).toBeCloseTo(expected.margins[i]!.margin, 6));
		}
		const [a, b] = [await plain.lora.weights.data(), await thrifty.lora.weights.data()];
		expect(Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))).toBeLessThan(1e-5); // AdamW divides the smallest gradients by their own size
		plain.free();
		thrifty.free();
		expect(tf.memory().numTensors).toBe(atStart);
	},
);

test.each<[string, Partial<TrainerConfig>]>([
	['blocks that are computed again', { checkpointing: true }],
	['a step in four parts', { accumulation: 4 }],
])('%s take less memory at a time', async (_, thrift) => {
	const long = Array.from({ length: 4 }, (_, i) => ({ prompt: [3, 4], completion: Array.from({ length: 40 }, (_, t) => (i + t) % 60) }));
	const peakOf = async (overrides: Partial<TrainerConfig>) => {
		const { trainer, free } = newTrainer(overrides);
		const { peakBytes } = await tf.profile(async () => {
			await trainStep(trainer, { sft: long, pairs: [] });
			return [];
		});
		free();
		return peakBytes;
	};
	const [plain, thrifty] = [await peakOf({}), await peakOf(thrift)];
	console.log(`${plain} bytes at most, ${thrifty} with ${JSON.stringify(thrift)}`);
	expect(thrifty).toBeLessThan(0.8 * plain);
});

test('rows are cut into parts of nearly the same size, each in one of them, and none is empty', () => {
	fc.assert(
		fc.property(fc.array(fc.integer({ min: 1, max: 500 }), { maxLength: 40 }), fc.integer({ min: 1, max: 64 }), (sizes, count) => {
			const parts = evenParts(sizes, count);
			expect(parts.flat().toSorted((a, b) => a - b)).toEqual([...sizes.keys()]);
			expect(parts.length).toBe(Math.min(count, sizes.length));
			const totals = parts.map((places) => places.reduce((sum, place) => sum + sizes[place]!, 0));
			if (totals.length > 0) expect(Math.max(...totals) - Math.min(...totals)).toBeLessThanOrEqual(Math.max(...sizes));
			expect(totals.every((total) => total > 0)).toBe(true);
		}),
	);
});
