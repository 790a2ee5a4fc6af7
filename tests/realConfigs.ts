const qwen2 = {
	...{ model_type: 'qwen2', vocab_size: 151_936, hidden_size: 896, intermediate_size: 4864, num_hidden_layers: 24 },
	...{ num_attention_heads: 14, num_key_value_heads: 2, max_position_embeddings: 32_768, rope_theta: 1e6, tie_word_embeddings: true },
};
const smol = { model_type: 'llama', vocab_size: 49_152, max_position_embeddings: 8192, rms_norm_eps: 1e-5, rope_theta: 1e5, tie_word_embeddings: true }; // prettier-ignore
/** What the config.json of real models says, less what the lab doesn't read. */
export const REAL_CONFIGS = {
	'SmolLM2-135M-Instruct': { ...smol, hidden_size: 576, intermediate_size: 1536, num_hidden_layers: 30, num_attention_heads: 9, num_key_value_heads: 3 }, // prettier-ignore
	'SmolLM2-360M-Instruct': { ...smol, hidden_size: 960, intermediate_size: 2560, num_hidden_layers: 32, num_attention_heads: 15, num_key_value_heads: 5 }, // prettier-ignore
	'Qwen2.5-0.5B-Instruct, and -Coder': qwen2,
	'Qwen3-0.6B': { ...qwen2, model_type: 'qwen3', hidden_size: 1024, intermediate_size: 3072, num_hidden_layers: 28, num_attention_heads: 16, num_key_value_heads: 8, head_dim: 128 }, // prettier-ignore
	'Llama-3.2-1B-Instruct': { ...smol, vocab_size: 128_256, hidden_size: 2048, intermediate_size: 8192, num_hidden_layers: 16, num_attention_heads: 32, num_key_value_heads: 8 }, // prettier-ignore
};
