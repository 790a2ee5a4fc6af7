/** `adapter_config.json`: what PEFT says of an adapter beside its numbers, read and written. */
import * as v from 'valibot';

import { projectionPath } from './weights';
import { ModuleKey } from './modulePatterns';
import type { Lora } from './lora';

/** Absent, false, null or empty: all the ways in which PEFT says that a feature is off. */
const off = (why: string) =>
	v.optional(v.custom<unknown>((value) => !value || (typeof value === 'object' && Object.keys(value).length === 0), why));

/** Initialisations that change the base weights as well, so that the adapter alone is not the whole change. */
const CHANGES_BASE = /^(pissa|olora|corda|loftq|lora_ga)/;
const MOST_KEYS = 1000;

const Rank = v.pipe(v.number(), v.integer(), v.minValue(1));
const Alpha = v.pipe(v.number(), v.finite(), v.gtValue(0));
const pattern = <const Value extends v.GenericSchema<number>>(value: Value) =>
	v.nullish(
		v.pipe(
			v.record(ModuleKey, value),
			v.check((keys) => Object.keys(keys).length <= MOST_KEYS, `it has more than ${MOST_KEYS} keys`),
		),
	);

const AdapterConfig = v.looseObject({
	peft_type: v.literal('LORA', 'only LoRA adapters can be loaded'),
	base_model_name_or_path: v.nullish(v.string()),
	task_type: v.nullish(v.literal('CAUSAL_LM', 'the adapter was made for another task than causal language modelling')),
	r: v.optional(Rank, 8), // PEFT's defaults
	lora_alpha: v.optional(Alpha, 8),
	use_rslora: v.optional(v.boolean(), false),
	rank_pattern: pattern(Rank),
	alpha_pattern: pattern(Alpha),
	target_modules: v.nullish(v.union([v.string(), v.pipe(v.array(v.string()), v.maxLength(10_000))])),
	layers_to_transform: v.nullish(v.union([v.number(), v.array(v.number())])),
	init_lora_weights: v.optional(
		v.custom<unknown>(
			(value) => typeof value !== 'string' || !CHANGES_BASE.test(value),
			'this initialisation changes the base weights too, and those are not in the adapter',
		),
	),
	bias: v.nullish(v.literal('none', 'trained biases of the base are not supported')),
	use_dora: off('DoRA also scales each output by a trained magnitude, which this decoder does not do'),
	lora_bias: off('biases on lora_B are not supported'),
	modules_to_save: off('whole trained modules beside LoRA are not supported'),
	exclude_modules: off('list what is adapted in target_modules instead'),
	target_parameters: off('only linear layers can be adapted'),
	layer_replication: off('a model with repeated layers is not supported'),
	trainable_token_indices: off('trained embeddings are not supported'),
	fan_in_fan_out: off('transposed kernels (as in GPT-2) do not occur in this decoder'),
});
export type AdapterConfig = v.InferOutput<typeof AdapterConfig>;

/** The config, or every reason why it can't be followed. */
export function parseAdapterConfig(json: unknown): { config: AdapterConfig | null; reasons: string[] } {
	const result = v.safeParse(AdapterConfig, json);
	if (result.success) return { config: result.output, reasons: [] };
	const reasons = result.issues.map((issue) => {
		const field = v.getDotPath(issue);
		const received = field === null ? '' : `${field} is ${issue.received}: `;
		return `adapter_config.json: ${received}${issue.message}`.slice(0, 400);
	});
	return { config: null, reasons };
}

/** `adapter_config.json` of an adapter. One that leaves out some layers names its modules one by one; PEFT matches whole paths too. */
export function peftConfig(
	{ config, layers, parts }: Pick<Lora, 'config' | 'layers' | 'parts'>,
	baseModel: string,
	revision?: string,
): Record<string, unknown> {
	const { rank, alpha, rslora, targetModules, rankPattern, alphaPattern } = config;
	const modules = parts.filter(({ half }) => half === 'A');
	const isComplete = modules.length === layers * targetModules.length;
	return {
		peft_type: 'LORA',
		task_type: 'CAUSAL_LM',
		base_model_name_or_path: baseModel,
		...(revision !== undefined && { revision }),
		r: rank,
		lora_alpha: alpha,
		use_rslora: rslora,
		target_modules: isComplete ? targetModules : modules.map(({ layer, projection }) => projectionPath(layer, projection)),
		lora_dropout: 0,
		bias: 'none',
		use_dora: false,
		fan_in_fan_out: false,
		init_lora_weights: true,
		inference_mode: true,
		layers_to_transform: null,
		modules_to_save: null,
		rank_pattern: rankPattern ?? {},
		alpha_pattern: alphaPattern ?? {},
	};
}
