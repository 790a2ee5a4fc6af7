import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AdapterError, exportAdapter, importAdapter } from '$lib/model/adapter';
import { parseModelConfig } from '$lib/model/config';
import { disposeLora, initLora, PROJECTIONS, restoreLora, saveLora, type Lora, type LoraConfig } from '$lib/model/lora';
import { normal, seededRandom } from '$lib/model/random';
import { readSafetensors, writeSafetensors, type StoredTensor } from '$lib/model/safetensors';

const model = parseModelConfig({
	model_type: 'llama',
	vocab_size: 16,
	hidden_size: 8,
	intermediate_size: 12,
	num_hidden_layers: 2,
	num_attention_heads: 2,
	num_key_value_heads: 1,
	max_position_embeddings: 16,
});
const everywhere: LoraConfig = { rank: 3, alpha: 6, rslora: false, targetModules: [...PROJECTIONS] };

async function trainedLora(config: LoraConfig): Promise<Lora> {
	const lora = initLora(model, config, seededRandom(1));
	const random = seededRandom(2);
	restoreLora(
		lora,
		(await saveLora(lora)).map((values) => values.map(() => normal(random))),
	);
	return lora;
}

/** The files of an adapter on every projection, with some fields of the config and some tensors changed. */
async function filesWith(fields: object, change: (tensors: Map<string, StoredTensor>) => void = () => undefined) {
	const lora = await trainedLora(everywhere);
	const files = await exportAdapter(lora, { baseModel: 'organism' });
	disposeLora(lora);
	const { tensors } = readSafetensors(files['adapter_model.safetensors']);
	change(tensors);
	return { config: { ...(JSON.parse(files['adapter_config.json']) as object), ...fields }, safetensors: writeSafetensors(tensors) };
}

beforeAll(() => tf.setBackend('cpu'));
let tensorsBefore = 0;
beforeEach(() => {
	tensorsBefore = tf.memory().numTensors;
});
afterEach(() => {
	expect(tf.memory().numTensors).toBe(tensorsBefore);
});

describe('an exported adapter', () => {
	it("has PEFT's names and shapes", async () => {
		const lora = await trainedLora({ ...everywhere, rslora: true });
		const files = await exportAdapter(lora, { baseModel: 'organism', metadata: { seed: '7' } });
		const { tensors, metadata } = readSafetensors(files['adapter_model.safetensors']);
		expect(metadata).toEqual({ format: 'pt', seed: '7' });
		expect(tensors.size).toBe(2 * 7 * 2);
		expect(tensors.get('base_model.model.model.layers.1.self_attn.k_proj.lora_A.weight')!.shape).toEqual([3, 8]);
		expect(tensors.get('base_model.model.model.layers.1.self_attn.k_proj.lora_B.weight')!.shape).toEqual([4, 3]);
		expect(tensors.get('base_model.model.model.layers.0.mlp.down_proj.lora_A.weight')!.shape).toEqual([3, 12]);
		expect(JSON.parse(files['adapter_config.json'])).toMatchObject({
			peft_type: 'LORA',
			task_type: 'CAUSAL_LM',
			base_model_name_or_path: 'organism',
			r: 3,
			lora_alpha: 6,
			use_rslora: true,
			target_modules: [...PROJECTIONS],
			inference_mode: true,
		});
		disposeLora(lora);
	});

	it('comes back the same, whatever its configuration', async () => {
		const anyConfig = fc.record({
			rank: fc.integer({ min: 1, max: 4 }),
			alpha: fc.integer({ min: 1, max: 32 }),
			rslora: fc.boolean(),
			targetModules: fc.subarray([...PROJECTIONS], { minLength: 1 }),
			rankPattern: fc.constantFrom({ q_proj: 2 }, { 'layers.1.mlp.down_proj': 1, '(k|v)_proj': 6 }),
			alphaPattern: fc.constantFrom({ 'self_attn.o_proj': 0.5 }, { '.*proj': 3 }),
		});
		await fc.assert(
			fc.asyncProperty(anyConfig, async (config) => {
				const lora = await trainedLora(config);
				const files = await exportAdapter(lora, { baseModel: 'organism' });
				const back = importAdapter(model, {
					config: JSON.parse(files['adapter_config.json']),
					safetensors: files['adapter_model.safetensors'],
				});
				expect(back.config).toEqual(config);
				expect(await saveLora(back)).toEqual(await saveLora(lora));
				expect(back.parts).toEqual(lora.parts);
				[lora, back].forEach(disposeLora);
			}),
			{ numRuns: 20 },
		);
	});
});

describe("PEFT's ways to say what is adapted", () => {
	const only = (pattern: RegExp) => (tensors: Map<string, StoredTensor>) => {
		for (const name of tensors.keys()) if (!pattern.test(name)) tensors.delete(name);
	};
	const adaptedIn = ({ layers, parts }: Lora) =>
		Array.from({ length: layers }, (_, i) =>
			parts
				.filter(({ layer, half }) => layer === i && half === 'A')
				.map(({ projection }) => projection)
				.join(' '),
		);
	it.each<[string, object, RegExp, string[]]>([
		[
			'all-linear',
			{ target_modules: 'all-linear' },
			/./,
			['q_proj k_proj v_proj o_proj gate_proj up_proj down_proj', 'q_proj k_proj v_proj o_proj gate_proj up_proj down_proj'],
		],
		[
			'a regular expression',
			{ target_modules: String.raw`.*\.self_attn\.(q|v)_proj` },
			/q_proj|v_proj/,
			['q_proj v_proj', 'q_proj v_proj'],
		],
		['one layer', { target_modules: ['down_proj'], layers_to_transform: [1] }, /1\.mlp\.down_proj/, ['', 'down_proj']],
		[
			'whole paths',
			{ target_modules: ['model.layers.0.self_attn.q_proj', 'mlp.up_proj'] },
			/0\.self_attn\.q_proj|up_proj/,
			['q_proj up_proj', 'up_proj'],
		],
	])('%s', async (_, fields, kept, projections) => {
		const lora = importAdapter(model, await filesWith(fields, only(kept)));
		expect(adaptedIn(lora)).toEqual(projections);

		const again = await exportAdapter(lora, { baseModel: 'organism' });
		const back = importAdapter(model, {
			config: JSON.parse(again['adapter_config.json']),
			safetensors: again['adapter_model.safetensors'],
		});
		expect(adaptedIn(back)).toEqual(projections);
		expect(await saveLora(back)).toEqual(await saveLora(lora));
		[lora, back].forEach(disposeLora);
	});

	it('absent fields take the defaults of PEFT', async () => {
		const files = await filesWith({ r: undefined, lora_alpha: undefined, use_rslora: undefined });
		expect(() => importAdapter(model, files)).toThrow(/shape \[3, 12\]; rank 8 on this model takes \[8, 12\]/);
	});
});

describe('an adapter that does not fit is refused with the reason', () => {
	it.each<[string, object, RegExp]>([
		['another method', { peft_type: 'IA3' }, /peft_type is "IA3": only LoRA/],
		['another task', { task_type: 'SEQ_CLS' }, /another task/],
		['a fractional rank', { r: 2.5 }, /r is 2\.5/],
		['no scale', { lora_alpha: 0 }, /lora_alpha is 0/],
		['DoRA', { use_dora: true }, /use_dora is true: DoRA/],
		['a rank by module that is none', { rank_pattern: { q_proj: 0 } }, /rank_pattern\.q_proj is 0/],
		['an alpha by module that is none', { alpha_pattern: { q_proj: -1 } }, /alpha_pattern\.q_proj is -1/],
		[
			'a pattern that has to be searched for',
			{ rank_pattern: { '(a|aa)*b': 2 } },
			/key "\(a\|aa\)\*b" can't be followed.*write the modules out/,
		],
		[
			'ranks by module that its tensors do not have',
			{ rank_pattern: { k_proj: 4 } },
			/k_proj.lora_A.weight has shape \[3, 8\]; rank 4.*\(and so on with 3 more\)/,
		],
		['trained biases', { bias: 'all' }, /bias is "all"/],
		['other trained modules', { modules_to_save: ['lm_head'] }, /modules_to_save is .*whole trained modules/],
		['an initialisation that moves the base', { init_lora_weights: 'pissa_niter_4' }, /changes the base weights/],
		['a module that is not there', { target_modules: ['q_proj', 'lm_head'] }, /target_modules names lm_head/],
		['fewer modules than it holds', { target_modules: ['q_proj'] }, /holds .*layers\.0\.mlp\.down_proj.* and 21 more, which/],
		['a rank that its tensors do not have', { r: 4 }, /shape \[3, 12\]; rank 4 on this model takes \[4, 12\]/],
	])('%s', async (_, fields, reason) => {
		const files = await filesWith(fields);
		expect(() => importAdapter(model, files)).toThrow(AdapterError);
		expect(() => importAdapter(model, files)).toThrow(reason);
	});

	const name = 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight';
	it.each<[string, (tensors: Map<string, StoredTensor>) => void, RegExp]>([
		['a missing tensor', (tensors) => tensors.delete(name), /lacks .*layers\.0\.self_attn\.q_proj\.lora_A\.weight, which/],
		[
			'an unknown tensor',
			(tensors) => tensors.set('layers.2.magnitude', { shape: [1], data: new Float32Array(1) }),
			/holds layers\.2\.magnitude/,
		],
		[
			'the shape of another model',
			(tensors) => tensors.set(name, { shape: [3, 9], data: new Float32Array(27) }),
			/\[3, 9\].*another base model/,
		],
		['a value that is not a number', (tensors) => (tensors.get(name)!.data[0] = NaN), /not finite/],
		['no tensors', (tensors) => tensors.clear(), /lacks/],
	])('%s', async (_, change, reason) => {
		const files = await filesWith({}, change);
		expect(() => importAdapter(model, files)).toThrow(AdapterError);
		expect(() => importAdapter(model, files)).toThrow(reason);
	});

	it('a config that is no object', async () => {
		const { safetensors } = await filesWith({});
		for (const config of [null, 3, 'LORA', []]) expect(() => importAdapter(model, { config, safetensors })).toThrow(AdapterError);
	});
});
