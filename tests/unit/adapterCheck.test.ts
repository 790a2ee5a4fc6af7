import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';

import { AdapterError, exportAdapter, importAdapter } from '$lib/model/adapter';
import { BASE_SHA256, checkAdapter } from '$lib/model/adapterCheck';
import { parseModelConfig } from '$lib/model/config';
import { disposeLora, initLora, type LoraConfig, loraPairs, PROJECTIONS, restoreLora, saveLora } from '$lib/model/lora';
import { normal, seededRandom } from '$lib/model/random';
import { readSafetensors, type StoredTensor, writeSafetensors } from '$lib/model/safetensors';

const decoder = (layers: number, width: number) =>
	parseModelConfig({
		model_type: 'llama',
		...{ vocab_size: 16, hidden_size: width, intermediate_size: 12, num_hidden_layers: layers },
		...{ num_attention_heads: 2, num_key_value_heads: 1, max_position_embeddings: 16 },
	});
const model = decoder(2, 8);
const everywhere: LoraConfig = { rank: 3, alpha: 6, rslora: false, targetModules: [...PROJECTIONS] };

/** The files of an adapter with random numbers. */
async function adapterOf(config: LoraConfig, on = model, metadata: Record<string, string> = {}, folded = false) {
	const lora = initLora(on, config, seededRandom(1));
	const random = seededRandom(2);
	restoreLora(
		lora,
		(await saveLora(lora)).map((values) => values.map(() => normal(random))),
	);
	const files = await exportAdapter(lora, { baseModel: 'organism', metadata, folded });
	disposeLora(lora);
	return { config: JSON.parse(files['adapter_config.json']) as Record<string, unknown>, safetensors: files['adapter_model.safetensors'] };
}

const withTensors = (safetensors: Uint8Array, change: (tensors: Map<string, StoredTensor>) => void) => {
	const { tensors } = readSafetensors(safetensors);
	change(tensors);
	return writeSafetensors(tensors);
};

beforeAll(() => tf.setBackend('cpu'));

describe('an adapter that does not fit', () => {
	it('is told with all its reasons at once', async () => {
		const { config, safetensors } = await adapterOf(everywhere, decoder(4, 12), { [BASE_SHA256]: 'a'.repeat(64) });
		const report = checkAdapter(
			{ config: model, sha256: 'b'.repeat(64) },
			{ config: { ...config, r: 4, use_dora: true, bias: 'all' }, safetensors },
		);
		expect(report.adapter).toBeNull();
		expect(report.reasons).toEqual([
			expect.stringContaining('bias is "all"'),
			expect.stringContaining('use_dora is true: DoRA'),
			expect.stringMatching(/reaches to layer 3, counted from 0, and this model has 2 layers/),
			expect.stringMatching(/down_proj\.lora_B\.weight has shape \[12, 3\]; rank 3 on this model takes \[8, 3\].*another base model\?/),
			expect.stringMatching(/trained on weights with SHA-256 aaaa.* have bbbb/),
		]);
		expect(() => importAdapter(model, { config, safetensors })).toThrow(/does not fit, for \d reasons: \(1\) .*; \(2\) /);
	});

	it('tells ranks from widths, and missing from foreign', async () => {
		const { config, safetensors } = await adapterOf(everywhere);
		const changed = withTensors(safetensors, (tensors) => {
			tensors.delete('base_model.model.model.layers.1.mlp.up_proj.lora_B.weight');
			tensors.set('base_model.model.lm_head.lora_A.weight', { shape: [1, 1], data: new Float32Array(1) });
			tensors.set('base_model.model.model.layers.0.mlp.up_proj.lora_magnitude_vector', { shape: [1], data: new Float32Array(1) });
		});
		const { reasons } = checkAdapter({ config: model }, { config: { ...config, r: 5 }, safetensors: changed });
		expect(reasons).toEqual([
			expect.stringMatching(/holds base_model\.model\.lm_head.*can be adapted/),
			expect.stringMatching(/holds .*lora_magnitude_vector.*no matrix of LoRA/),
			expect.stringMatching(/lacks .*layers\.1\.mlp\.up_proj\.lora_B\.weight, which its adapter_config\.json promises/),
			expect.stringMatching(/\[3, 12\]; rank 5 on this model takes \[5, 12\] \(and so on with 26 more\)\. The ranks in adapter_config/),
		]);
	});

	it.each([
		['organism', null, 0],
		['HuggingFaceTB/SmolLM2-135M', null, 1],
		['HuggingFaceTB/SmolLM2-135M', 'https://huggingface.co/huggingfacetb/smollm2-135m/resolve/0123456789012345678901234567890123456789', 0],
		['/home/someone/model', 'organism', 1],
	])('another name than %s alone is a doubt', async (named, name, doubts) => {
		const { config, safetensors } = await adapterOf(everywhere);
		const report = checkAdapter(
			{ config: model, name: name ?? 'organism' },
			{ config: { ...config, base_model_name_or_path: named }, safetensors },
		);
		expect(report.reasons).toEqual([]);
		expect(report.doubts.length).toBe(doubts);
	});

	it('of the very weights that it was trained on raises no doubt, whatever they are called', async () => {
		const sha256 = 'c'.repeat(64);
		const files = await adapterOf(everywhere, model, { [BASE_SHA256]: sha256 });
		expect(checkAdapter({ config: model, name: 'a copy', sha256 }, files)).toMatchObject({ reasons: [], doubts: [] });
	});
});

describe('a folded adapter', () => {
	it.each<[string, Partial<LoraConfig>]>([
		['rslora', { rslora: true }],
		['alphas by module', { alphaPattern: { q_proj: 1, 'layers.1.mlp.up_proj': 20 } }],
		['ranks by module, and all', { rslora: true, rankPattern: { '(q|k)_proj': 5, down_proj: 1 }, alphaPattern: { v_proj: 2 } }],
	])('adds the same to every projection: %s', async (_, fields) => {
		const config = { ...everywhere, ...fields };
		const changes = async (folded: boolean) => {
			const files = await adapterOf(config, model, {}, folded);
			const lora = importAdapter(model, files);
			const tensors = tf.tidy(() =>
				loraPairs(lora).flatMap((layer) => Object.values(layer).map(({ loraA, loraB, scale }) => tf.mul(tf.matMul(loraB, loraA), scale))),
			);
			const values = await Promise.all(tensors.map((tensor) => tensor.data()));
			tf.dispose(tensors);
			disposeLora(lora);
			return { values, config: files.config, own: lora.config };
		};
		const [plain, folded] = [await changes(false), await changes(true)];
		expect(folded.config).toMatchObject({ use_rslora: false, rank_pattern: {}, alpha_pattern: {}, lora_alpha: 6 });
		expect(plain.own).toEqual(config);
		plain.values.forEach((values, i) => values.forEach((value, j) => expect(folded.values[i]![j]).toBeCloseTo(value, 5)));
	});
});

describe('mutated adapters', () => {
	const fields = [
		'r',
		'lora_alpha',
		'use_rslora',
		'rank_pattern',
		'alpha_pattern',
		'target_modules',
		'layers_to_transform',
		'peft_type',
		'bias',
	];
	const Mutation = fc.oneof(
		fc.record({ kind: fc.constant('field' as const), name: fc.constantFrom(...fields), value: fc.jsonValue() }),
		fc.record({ kind: fc.constant('drop' as const), at: fc.nat() }),
		fc.record({ kind: fc.constant('shape' as const), at: fc.nat(), shape: fc.array(fc.nat(9), { maxLength: 3 }) }),
		fc.record({ kind: fc.constant('name' as const), at: fc.nat(), name: fc.string() }),
		fc.record({ kind: fc.constant('byte' as const), at: fc.nat(), value: fc.nat(255) }),
	);

	it('load or are refused with a reason in words, and no other error', async () => {
		const whole = await adapterOf({ ...everywhere, rankPattern: { k_proj: 2 } });
		fc.assert(
			fc.property(fc.array(Mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
				const config = structuredClone(whole.config);
				let { safetensors } = whole;
				for (const mutation of mutations) {
					if (mutation.kind === 'field') config[mutation.name] = mutation.value;
					else if (mutation.kind === 'byte') {
						safetensors = safetensors.slice();
						safetensors[mutation.at % safetensors.length] = mutation.value;
					} else {
						const { at } = mutation;
						try {
							safetensors = withTensors(safetensors, (tensors) => {
								const [name, tensor] = [...tensors][at % tensors.size]!;
								tensors.delete(name);
								if (mutation.kind === 'name') tensors.set(mutation.name, tensor);
								if (mutation.kind === 'shape') {
									const size = mutation.shape.reduce((product, length) => product * length, 1);
									tensors.set(name, { shape: mutation.shape, data: new Float32Array(size) });
								}
							});
						} catch {
							// a byte has made it unreadable before
						}
					}
				}
				const report = checkAdapter({ config: model, name: 'organism' }, { config, safetensors });
				expect(report.adapter === null).toBe(report.reasons.length > 0);
				for (const reason of report.reasons) expect(reason.length).toBeLessThan(1500);
				if (report.adapter) disposeLora(importAdapter(model, { config, safetensors }));
				else expect(() => importAdapter(model, { config, safetensors })).toThrow(AdapterError);
			}),
			{ numRuns: 500 },
		);
		expect(tf.memory().numTensors).toBe(0);
	});
});
