import { parseModelConfig } from '$lib/model/config';
import { normal, seededRandom } from '$lib/model/random';
import type { StoredTensor } from '$lib/model/safetensors';
import { buildWeights, type Model } from '$lib/model/weights';

/** A random two-layer Llama of 64 tokens with grouped-query attention: small enough to train on the cpu oracle in a second. */
export function tinyModel(seed = 1): Model {
	const [D, F, V, H, KV, hd, L] = [16, 24, 64, 4, 2, 4, 2];
	const config = parseModelConfig({
		model_type: 'llama',
		architectures: ['LlamaForCausalLM'],
		vocab_size: V,
		hidden_size: D,
		intermediate_size: F,
		num_hidden_layers: L,
		num_attention_heads: H,
		num_key_value_heads: KV,
		head_dim: hd,
		max_position_embeddings: 64,
		rms_norm_eps: 1e-6,
		rope_theta: 10000,
		tie_word_embeddings: true,
		hidden_act: 'silu',
		attention_bias: false,
	});
	const random = seededRandom(seed, 'tiny');
	const tensors = new Map<string, StoredTensor>();
	const add = (name: string, shape: number[], fill: () => number) =>
		tensors.set(name, { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, fill) });
	const matrix = (name: string, shape: [number, number]) => add(name, shape, () => normal(random) / Math.sqrt(shape[1]));
	matrix('model.embed_tokens.weight', [V, D]);
	add('model.norm.weight', [D], () => 1);
	for (let layer = 0; layer < L; layer++) {
		const at = `model.layers.${layer}`;
		add(`${at}.input_layernorm.weight`, [D], () => 1);
		add(`${at}.post_attention_layernorm.weight`, [D], () => 1);
		matrix(`${at}.self_attn.q_proj.weight`, [H * hd, D]);
		matrix(`${at}.self_attn.k_proj.weight`, [KV * hd, D]);
		matrix(`${at}.self_attn.v_proj.weight`, [KV * hd, D]);
		matrix(`${at}.self_attn.o_proj.weight`, [D, H * hd]);
		matrix(`${at}.mlp.gate_proj.weight`, [F, D]);
		matrix(`${at}.mlp.up_proj.weight`, [F, D]);
		matrix(`${at}.mlp.down_proj.weight`, [D, F]);
	}
	return { config, weights: buildWeights(config, tensors) };
}
