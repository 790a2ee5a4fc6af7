import * as v from 'valibot';

/** The seven linear layers of a decoder block, under the names that checkpoints and PEFT give them. */
export const PROJECTIONS = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] as const;
export type Projection = (typeof PROJECTIONS)[number];

/** How Llama 3.1 and later stretch RoPE's long wavelengths beyond the length that they were trained at. */
export interface Llama3RopeScaling {
	factor: number;
	lowFreqFactor: number;
	highFreqFactor: number;
	originalMaxPositionEmbeddings: number;
}

/** What `config.json` says about a decoder of the Llama, Qwen2 or Qwen3 family; all sizes in elements. */
export interface ModelConfig {
	modelType: 'llama' | 'qwen2' | 'qwen3';
	vocabSize: number;
	hiddenSize: number;
	intermediateSize: number;
	numHiddenLayers: number;
	numAttentionHeads: number;
	numKeyValueHeads: number;
	headDim: number;
	maxPositionEmbeddings: number;
	rmsNormEps: number;
	ropeTheta: number;
	ropeScaling: Llama3RopeScaling | null;
	/** q, k and v have a bias; in Llama and Qwen3 o has one too. */
	attentionBias: boolean;
	/** q and k are RMS-normalised per head before RoPE (Qwen3). */
	qkNorm: boolean;
	tieWordEmbeddings: boolean;
}

/** A config.json that is malformed or asks for something that this decoder does not do. */
export class ModelConfigError extends Error {
	override name = 'ModelConfigError';
}

const Count = v.pipe(v.number(), v.integer(), v.minValue(1));
/** The largest decoders have 126; what is far larger is made to exhaust memory. */
const MAX_LAYERS = 1000;
const Positive = v.pipe(v.number(), v.gtValue(0));

const Rope = v.looseObject({
	rope_theta: v.optional(Positive),
	rope_type: v.optional(v.picklist(['default', 'llama3'])),
	type: v.optional(v.picklist(['default', 'llama3'])), // the key's name before transformers 4.43
	partial_rotary_factor: v.optional(v.literal(1)),
	factor: v.optional(Positive),
	low_freq_factor: v.optional(Positive),
	high_freq_factor: v.optional(Positive),
	original_max_position_embeddings: v.optional(Count),
});

const Llama3Rope = v.object({
	factor: Positive,
	low_freq_factor: Positive,
	high_freq_factor: Positive,
	original_max_position_embeddings: Count,
});

/** The fields that change the maths. One that this decoder does not follow has a literal type, so it cannot be ignored silently. */
const ConfigFile = v.looseObject({
	model_type: v.picklist(['llama', 'qwen2', 'qwen3']),
	vocab_size: Count,
	hidden_size: Count,
	intermediate_size: Count,
	num_hidden_layers: v.pipe(Count, v.maxValue(MAX_LAYERS, `expected at most ${MAX_LAYERS}`)),
	num_attention_heads: Count,
	num_key_value_heads: v.nullish(Count),
	head_dim: v.nullish(Count),
	max_position_embeddings: Count,
	rms_norm_eps: v.optional(Positive, 1e-6),
	hidden_act: v.optional(v.literal('silu')),
	rope_theta: v.optional(Positive), // transformers 4
	rope_scaling: v.nullish(Rope), // transformers 4
	rope_parameters: v.nullish(Rope), // transformers 5: both in one
	partial_rotary_factor: v.optional(v.literal(1)),
	attention_bias: v.optional(v.boolean(), false),
	mlp_bias: v.optional(v.literal(false)),
	use_sliding_window: v.optional(v.literal(false)),
	layer_types: v.nullish(v.array(v.literal('full_attention'))),
	tie_word_embeddings: v.optional(v.boolean(), false),
	quantization_config: v.nullish(v.undefined('quantized weights are not supported; give the unquantized checkpoint')),
});
type ConfigFile = v.InferOutput<typeof ConfigFile>;

/** Reads a parsed `config.json` of transformers 4 or 5; throws ModelConfigError that names the field it cannot follow. */
export function parseModelConfig(json: unknown): ModelConfig {
	const file = parse(ConfigFile, json, '');
	const heads = file.num_attention_heads;
	const keyValueHeads = file.num_key_value_heads ?? heads;
	if (heads % keyValueHeads !== 0)
		throw new ModelConfigError(`config.json: num_attention_heads (${heads}) is not a multiple of num_key_value_heads (${keyValueHeads})`);
	const headDim = file.head_dim ?? file.hidden_size / heads;
	if (headDim % 2 !== 0)
		// RoPE turns pairs; this also catches a fraction
		throw new ModelConfigError(
			`config.json: head_dim is ${headDim}; expected an even whole number (hidden_size / num_attention_heads by default)`,
		);
	return {
		modelType: file.model_type,
		vocabSize: file.vocab_size,
		hiddenSize: file.hidden_size,
		intermediateSize: file.intermediate_size,
		numHiddenLayers: file.num_hidden_layers,
		numAttentionHeads: heads,
		numKeyValueHeads: keyValueHeads,
		headDim,
		maxPositionEmbeddings: file.max_position_embeddings,
		rmsNormEps: file.rms_norm_eps,
		...readRope(file),
		attentionBias: file.model_type === 'qwen2' || file.attention_bias, // Qwen2 has it without a field that says so
		qkNorm: file.model_type === 'qwen3',
		tieWordEmbeddings: file.tie_word_embeddings,
	};
}

/** The shape [in, out] of a projection's kernel. */
export function projectionShape(config: ModelConfig, projection: Projection): [number, number] {
	const { hiddenSize: D, intermediateSize: F, headDim, numAttentionHeads, numKeyValueHeads } = config;
	switch (projection) {
		case 'q_proj':
			return [D, numAttentionHeads * headDim];
		case 'k_proj':
		case 'v_proj':
			return [D, numKeyValueHeads * headDim];
		case 'o_proj':
			return [numAttentionHeads * headDim, D];
		case 'gate_proj':
		case 'up_proj':
			return [D, F];
		case 'down_proj':
			return [F, D];
	}
}

function readRope(file: ConfigFile): Pick<ModelConfig, 'ropeTheta' | 'ropeScaling'> {
	const field = file.rope_parameters ? 'rope_parameters' : 'rope_scaling';
	const rope = file[field];
	const ropeTheta = rope?.rope_theta ?? file.rope_theta ?? 10_000;
	if ((rope?.rope_type ?? rope?.type ?? 'default') === 'default') return { ropeTheta, ropeScaling: null };
	const llama3 = parse(Llama3Rope, rope, `${field}.`);
	return {
		ropeTheta,
		ropeScaling: {
			factor: llama3.factor,
			lowFreqFactor: llama3.low_freq_factor,
			highFreqFactor: llama3.high_freq_factor,
			originalMaxPositionEmbeddings: llama3.original_max_position_embeddings,
		},
	};
}

function parse<Schema extends v.GenericSchema>(schema: Schema, json: unknown, prefix: string): v.InferOutput<Schema> {
	const result = v.safeParse(schema, json);
	if (result.success) return result.output;
	const issue = result.issues[0];
	const field = v.getDotPath(issue);
	throw new ModelConfigError(
		`config.json: ${field === null ? 'the file' : prefix + field}: ${issue.message}; this decoder runs the Llama, Qwen2 and Qwen3 families with full attention`,
	);
}
