import { ModelConfigError, parseModelConfig, projectionShape } from '$lib/model/config';
import { rotaryFrequencies } from '$lib/model/rope';
import { checkpointShapes } from '$lib/model/weights';
import { describe, expect, it } from 'vitest';

/** What the checkpoints on the Hub say, less what no decoder reads. */
const LLAMA_3_2_1B = {
	model_type: 'llama',
	attention_bias: false,
	head_dim: 64,
	hidden_act: 'silu',
	hidden_size: 2048,
	intermediate_size: 8192,
	max_position_embeddings: 131072,
	mlp_bias: false,
	num_attention_heads: 32,
	num_hidden_layers: 16,
	num_key_value_heads: 8,
	rms_norm_eps: 1e-5,
	rope_scaling: { factor: 32, high_freq_factor: 4, low_freq_factor: 1, original_max_position_embeddings: 8192, rope_type: 'llama3' },
	rope_theta: 500000,
	tie_word_embeddings: true,
	vocab_size: 128256,
};
const QWEN2_5_0_5B = {
	model_type: 'qwen2',
	attention_dropout: 0,
	hidden_act: 'silu',
	hidden_size: 896,
	intermediate_size: 4864,
	max_position_embeddings: 32768,
	max_window_layers: 21,
	num_attention_heads: 14,
	num_hidden_layers: 24,
	num_key_value_heads: 2,
	rms_norm_eps: 1e-6,
	rope_theta: 1000000,
	sliding_window: 32768,
	tie_word_embeddings: true,
	use_sliding_window: false,
	vocab_size: 151936,
};
const QWEN3_0_6B = {
	...QWEN2_5_0_5B,
	model_type: 'qwen3',
	attention_bias: false,
	head_dim: 128,
	hidden_size: 1024,
	intermediate_size: 3072,
	num_attention_heads: 16,
	num_hidden_layers: 28,
	num_key_value_heads: 8,
	rope_scaling: null,
	sliding_window: null,
};

describe('parseModelConfig', () => {
	it('reads a Llama 3.2', () => {
		expect(parseModelConfig(LLAMA_3_2_1B)).toEqual({
			modelType: 'llama',
			vocabSize: 128256,
			hiddenSize: 2048,
			intermediateSize: 8192,
			numHiddenLayers: 16,
			numAttentionHeads: 32,
			numKeyValueHeads: 8,
			headDim: 64,
			maxPositionEmbeddings: 131072,
			rmsNormEps: 1e-5,
			ropeTheta: 500000,
			ropeScaling: { factor: 32, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositionEmbeddings: 8192 },
			attentionBias: false,
			qkNorm: false,
			tieWordEmbeddings: true,
		});
	});

	it('knows what Qwen2 and Qwen3 do not write down', () => {
		expect(parseModelConfig(QWEN2_5_0_5B)).toMatchObject({ attentionBias: true, qkNorm: false, headDim: 64, ropeScaling: null });
		expect(parseModelConfig(QWEN3_0_6B)).toMatchObject({ attentionBias: false, qkNorm: true, headDim: 128, ropeTheta: 1e6 });
	});

	it('reads the same from transformers 5, which puts RoPE into one field', () => {
		const { rope_theta, rope_scaling, ...rest } = LLAMA_3_2_1B;
		expect(parseModelConfig({ ...rest, rope_parameters: { ...rope_scaling, rope_theta } })).toEqual(parseModelConfig(LLAMA_3_2_1B));
	});

	it('takes as many key-value heads as heads where the field is missing', () => {
		expect(parseModelConfig({ ...LLAMA_3_2_1B, num_key_value_heads: undefined }).numKeyValueHeads).toBe(32);
	});

	it.each([
		[{ model_type: 'gemma' }, 'model_type'],
		[{ hidden_act: 'gelu' }, 'hidden_act'],
		[{ use_sliding_window: true }, 'use_sliding_window'],
		[{ layer_types: ['full_attention', 'sliding_attention'] }, 'layer_types.1'],
		[{ mlp_bias: true }, 'mlp_bias'],
		[{ rope_scaling: { type: 'yarn', factor: 4 } }, 'rope_scaling.type'],
		[{ rope_parameters: { rope_type: 'linear', rope_theta: 1e4, factor: 2 } }, 'rope_parameters.rope_type'],
		[{ rope_scaling: { rope_type: 'llama3', factor: 8 } }, 'rope_scaling.low_freq_factor'],
		[{ partial_rotary_factor: 0.5 }, 'partial_rotary_factor'],
		[{ quantization_config: { bits: 4 } }, 'quantization_config'],
		[{ num_key_value_heads: 5 }, 'num_key_value_heads'],
		[{ head_dim: 63 }, 'head_dim'],
		[{ vocab_size: '128k' }, 'vocab_size'],
		[{ hidden_size: undefined }, 'hidden_size'],
	])('refuses %j and names %s', (change, field) => {
		const parse = () => parseModelConfig({ ...LLAMA_3_2_1B, ...change });
		expect(parse).toThrow(ModelConfigError);
		expect(parse).toThrow(field);
	});

	it('refuses what is not an object', () => {
		expect(() => parseModelConfig('{}')).toThrow(ModelConfigError);
		expect(() => parseModelConfig(null)).toThrow(ModelConfigError);
	});
});

describe('shapes', () => {
	it('gives each projection its [in, out]', () => {
		const config = parseModelConfig(QWEN3_0_6B);
		expect(projectionShape(config, 'q_proj')).toEqual([1024, 2048]);
		expect(projectionShape(config, 'v_proj')).toEqual([1024, 1024]);
		expect(projectionShape(config, 'o_proj')).toEqual([2048, 1024]);
		expect(projectionShape(config, 'down_proj')).toEqual([3072, 1024]);
	});

	it('adds up to the parameters that the checkpoints have', () => {
		const count = (json: unknown) =>
			[...checkpointShapes(parseModelConfig(json)).values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b), 0);
		expect(count(LLAMA_3_2_1B)).toBe(1_235_814_400);
		expect(count(QWEN2_5_0_5B)).toBe(494_032_768);
		expect(count(QWEN3_0_6B)).toBe(596_049_920);
	});
});

describe('rotaryFrequencies', () => {
	it('falls from 1 to nearly 1/θ', () => {
		const frequencies = rotaryFrequencies({ headDim: 4, ropeTheta: 10000, ropeScaling: null });
		expect(frequencies).toHaveLength(2);
		expect(frequencies[0]).toBe(1);
		expect(frequencies[1]).toBeCloseTo(0.01, 12);
	});

	it('keeps the short wavelengths of a stretched Llama and slows the long ones by its factor', () => {
		const { headDim, ropeTheta, ropeScaling } = parseModelConfig(LLAMA_3_2_1B);
		const plain = rotaryFrequencies({ headDim, ropeTheta, ropeScaling: null });
		const ratios = rotaryFrequencies({ headDim, ropeTheta, ropeScaling }).map((frequency, i) => frequency / plain[i]!);
		expect(ratios[0]).toBe(1);
		expect(ratios.at(-1)).toBeCloseTo(1 / 32, 12);
		expect(ratios.some((ratio) => ratio > 1 / 32 + 1e-6 && ratio < 1 - 1e-6)).toBe(true);
		expect(ratios.toSorted((a, b) => b - a)).toEqual(ratios);
	});
});
