import type { Page } from '@playwright/test';

import { seededRandom } from '$lib/model/random';
import { type StoredTensor, writeSafetensors } from '$lib/model/safetensors';

/** Sizes as a checkpoint's config.json calls them; the tokens are the organism's. */
export const SIZES = {
	vocab_size: 1536,
	hidden_size: 16,
	intermediate_size: 16,
	num_hidden_layers: 1,
	num_attention_heads: 2,
	head_dim: 8,
};

/** The tensors of the one layer, by the names and shapes of transformers' Llama. */
const shapesFor = (vocabSize: number): Readonly<Record<string, number[]>> => ({
	'model.embed_tokens.weight': [vocabSize, SIZES.hidden_size],
	'model.norm.weight': [SIZES.hidden_size],
	'model.layers.0.input_layernorm.weight': [SIZES.hidden_size],
	'model.layers.0.post_attention_layernorm.weight': [SIZES.hidden_size],
	...Object.fromEntries(
		['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj', 'mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj'].map(
			(name) => [`model.layers.0.${name}.weight`, [SIZES.hidden_size, SIZES.hidden_size]],
		),
	),
});

export function tinyTensors(vocabSize = SIZES.vocab_size): Map<string, StoredTensor> {
	const random = seededRandom(1, 'tiny');
	const tensors = Object.entries(shapesFor(vocabSize)).map(([name, shape]): [string, StoredTensor] => {
		const length = shape.reduce((a, b) => a * b);
		return [name, { shape, data: Float32Array.from({ length }, () => (shape.length === 1 ? 1 : random() - 0.5)) }];
	});
	return new Map(tensors);
}

/**
 * Serves, in the organism's place, a model of one layer with random weights: it says nothing that means anything, and in no time. For tests
 * of what a run tells and the page shows, where the numbers don't matter.
 */
export async function serveTinyModel(page: Page): Promise<void> {
	await page.context().route(/\/organism\/(config\.json|manifest\.json|model\.safetensors)$/, async (route) => {
		const name = route.request().url().split('/').at(-1)!;
		if (name === 'manifest.json') return route.fulfill({ status: 404 }); // of the organism's hashes
		if (name === 'model.safetensors') return route.fulfill({ body: Buffer.from(writeSafetensors(tinyTensors())) });
		const response = await route.fetch();
		await route.fulfill({ json: { ...((await response.json()) as object), ...SIZES, num_key_value_heads: SIZES.num_attention_heads } });
	});
}
