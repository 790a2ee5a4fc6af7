/** What a model is said to take before it is loaded, against what the engines take. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';

import { createTrainer, disposeTrainer, trainStep } from '$lib/dpo/trainer';
import { type ModelConfig, parseModelConfig } from '$lib/model/config';
import { disposeLora, initLora, type Lora, PROJECTIONS } from '$lib/model/lora';
import { generate } from '$lib/model/generate';
import { estimateMemory, weightBytes, type Workload } from '$lib/model/memoryEstimate';
import { nextTokenProbabilities } from '$lib/model/nextTokenProbabilities';
import { seededRandom } from '$lib/model/random';
import { disposeModel, type Model } from '$lib/model/weights';

import { BACKENDS, useBackend } from './backends';
import { bytesTaken } from './memoryTaken';
import { randomModel } from './randomCheckpoint';

/** Of what is taken; what a student is told is rounded more coarsely. */
const TOLERANCE = 0.15;

const shape = (family: string, [V, D, F, layers, H, KV, headDim]: [number, number, number, number, number, number, number], tied = true): ModelConfig =>
	parseModelConfig({
		...{ model_type: family, vocab_size: V, hidden_size: D, intermediate_size: F, num_hidden_layers: layers, num_attention_heads: H },
		...{ num_key_value_heads: KV, head_dim: headDim, max_position_embeddings: 4096, tie_word_embeddings: tied },
	}); // prettier-ignore
const work = (changes: Partial<Workload>): Omit<Workload, 'backend'> => ({
	...{ precision: 'f32', lora: { rank: 8, targetModules: [...PROJECTIONS] }, rows: 4, promptTokens: 40, completionTokens: 24 },
	...{ pairs: 0, questions: 0, newTokens: 0, told: 0 },
	...changes,
});

const CASES: [string, ModelConfig, Omit<Workload, 'backend'>][] = [
	['Llama, short rows', shape('llama', [512, 64, 160, 4, 4, 2, 16]), work({})],
	['Llama, long rows, whose attention is the most', shape('llama', [4096, 128, 256, 2, 8, 2, 16]), work({ rows: 2, promptTokens: 200 })],
	['Qwen3 with a head of its own', shape('qwen3', [2048, 96, 256, 4, 6, 2, 32], false), work({ rows: 3, promptTokens: 60, completionTokens: 60 })],
	['Qwen2, a large vocabulary', shape('qwen2', [20_000, 64, 256, 3, 4, 2, 16]), work({ rows: 8, promptTokens: 20, completionTokens: 60 })],
	['pairs', shape('llama', [512, 64, 160, 4, 4, 2, 16]), work({ rows: 0, pairs: 3 })],
	['ranks by projection', shape('llama', [512, 64, 160, 4, 4, 2, 16]), work({ lora: { rank: 2, targetModules: [...PROJECTIONS], rankPattern: { q_proj: 64, down_proj: 96 } } })],
	['blocks computed again', shape('llama', [512, 64, 160, 6, 4, 2, 16]), work({ rows: 8, checkpointing: true })],
	['rows and pairs in parts', shape('llama', [512, 64, 160, 4, 4, 2, 16]), work({ rows: 8, pairs: 4, accumulation: 4 })],
	['both, of Qwen3', shape('qwen3', [2048, 96, 256, 5, 6, 2, 32]), work({ rows: 6, promptTokens: 60, accumulation: 3, checkpointing: true })],
	['matrices of 16-bit floats', shape('llama', [4096, 128, 512, 2, 4, 2, 32]), work({ precision: 'f16', rows: 1 })],
	['matrices of 8-bit integers', shape('llama', [4096, 128, 512, 2, 4, 2, 32]), work({ precision: 'int8', rows: 1 })],
]; // prettier-ignore

/** What is written and judged is known less nearly: to this factor, either way. */
const JUDGED_FACTOR = 1.5;
const JUDGED: [string, ModelConfig, Omit<Workload, 'backend'>][] = [
	['Llama, an evaluation', shape('llama', [512, 64, 160, 4, 4, 2, 16]), work({ questions: 24, newTokens: 24, told: 86 })],
	['Qwen3 with a head of its own', shape('qwen3', [2048, 96, 256, 4, 6, 2, 32], false), work({ questions: 12, promptTokens: 60, newTokens: 40, told: 100 })],
	['Qwen2, a large vocabulary', shape('qwen2', [20_000, 64, 256, 3, 4, 2, 16]), work({ questions: 8, promptTokens: 20, newTokens: 40, told: 60 })],
	['more than is read at once', shape('llama', [512, 64, 160, 2, 4, 2, 16]), work({ questions: 40, newTokens: 24, told: 100 })],
]; // prettier-ignore

describe.each(BACKENDS.filter((backend) => backend !== 'cpu'))('on %s', (backend) => {
	beforeAll(() => useBackend(backend));

	/** What the engine takes for `work` with a model and its adapter, of which nothing stays. */
	async function takenBy(
		config: ModelConfig,
		{ precision, lora: adapter }: Pick<Workload, 'precision' | 'lora'>,
		work: (model: Model, lora: Lora) => Promise<void>,
	): Promise<number> {
		const before = tf.memory().numTensors;
		const taken = await bytesTaken(async () => {
			const model = randomModel(config, 1, precision);
			const options = { ...adapter, alpha: 16, rslora: false, targetModules: [...adapter.targetModules] };
			const lora = initLora(config, options, seededRandom(1, 'lora'));
			await work(model, lora);
			disposeLora(lora);
			disposeModel(model);
		});
		expect(tf.memory().numTensors).toBe(before);
		return taken;
	}

	it.each(CASES)('a training step takes what is said: %s', async (_name, config, given) => {
		const { rows, pairs, promptTokens, completionTokens, accumulation = 1, checkpointing = false } = given;
		const tokens = (count: number) => Array<number>(count).fill(1);
		const row = { prompt: tokens(promptTokens), completion: tokens(completionTokens) };
		const pair = { ...{ prompt: row.prompt, chosen: row.completion, rejected: row.completion }, reference: { chosen: -1, rejected: -1 } };
		const taken = await takenBy(config, given, async (model, lora) => {
			const trainer = createTrainer(model, lora, {
				...{ learningRate: 1e-3, warmupSteps: 0, weightDecay: 0, clipNorm: 1, lambda: 1, accumulation, checkpointing },
				preference: { type: 'sigmoid', beta: 0.1, labelSmoothing: 0 },
			});
			for (let step = 0; step < 2; step++)
				await trainStep(trainer, {
					sft: Array.from({ length: rows }, () => row),
					pairs: Array.from({ length: pairs }, (_, i) => ({ ...pair, id: `${i}` })),
				});
			disposeTrainer(trainer);
		});
		const { training } = estimateMemory(config, { ...given, backend });
		console.log(`${backend}: ${_name}: ${(training / taken).toFixed(3)} of ${taken} bytes`);
		expect(training / taken).toBeGreaterThan(1 - TOLERANCE);
		expect(training / taken).toBeLessThan(1 + TOLERANCE);
	});

	it.each(JUDGED)('writing and judging take about what is said: %s', async (_name, config, given) => {
		const { questions, promptTokens, newTokens, told } = given;
		const each = <T>(of: (i: number) => T) => Array.from({ length: questions }, (_, i) => of(i));
		const exchange = (i: number) => Array.from({ length: promptTokens + newTokens }, (_, t) => (7 * i + t) % 500);
		const taken = await takenBy(config, given, async (model, lora) => {
			const sampling = { temperature: 1, topP: 1, maxNewTokens: newTokens };
			const asked = each((i) => exchange(i).slice(0, promptTokens));
			await generate(model, lora, asked, { sampling, stopTokens: [], seeds: each((i) => i) });
			const judged = each((i) => [...Array<number>(told).fill(1), ...exchange(i)]);
			await nextTokenProbabilities(model, null, judged, [1, 2, 3]);
		});
		const { judging } = estimateMemory(config, { ...given, backend });
		console.log(`${backend}: ${_name}: ${(judging / taken).toFixed(3)} of ${taken} bytes`);
		expect(judging / taken).toBeGreaterThan(1 / JUDGED_FACTOR);
		expect(judging / taken).toBeLessThan(JUDGED_FACTOR);
	});
});

describe('the sum of the weights', () => {
	it.each([
		// from the models' own configurations; the count of numbers is that of their model cards
		['SmolLM2-135M', shape('llama', [49_152, 576, 1536, 30, 9, 3, 64]), 134_515_008],
		['Qwen3-0.6B', shape('qwen3', [151_936, 1024, 3072, 28, 16, 8, 128]), 596_049_920],
		['Qwen2.5-0.5B', shape('qwen2', [151_936, 896, 4864, 24, 14, 2, 64]), 494_032_768],
	])('of %s is that of its parameters', (_, config, parameters) => {
		expect(weightBytes(config, 'f32')).toBe(4 * parameters);
		expect(weightBytes(config, 'f16') / (2 * parameters)).toBeCloseTo(1, 3);
		expect(weightBytes(config, 'int8') / parameters).toBeCloseTo(1, 1);
	});
});
