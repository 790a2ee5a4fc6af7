/**
 * LoRA adapters as the two files that PEFT reads and writes (huggingface/peft, docs/source/developer_guides/checkpoint.md),
 * so that an adapter trained here opens in Python, and the other way round.
 *
 * PEFT stores what torch's Linear holds: lora_A.weight [R, in] and lora_B.weight [out, R], the layout of our own
 * variables. Nothing is transposed on the way.
 */
import * as v from 'valibot';
import { PROJECTIONS, projectionShape, type ModelConfig, type Projection } from './config';
import { loraParts, makeLora, type Lora } from './lora';
import { readSafetensors, writeSafetensors, type StoredTensor } from './safetensors';
import { projectionPath } from './weights';

export interface AdapterFiles {
	'adapter_config.json': string;
	'adapter_model.safetensors': Uint8Array<ArrayBuffer>;
}

/** The adapter does not fit this model, or does what this lab does not; the message says which and why. */
export class AdapterError extends Error {
	override name = 'AdapterError';
}

/** A projection of one layer, e.g. `model.layers.0.self_attn.q_proj`. */
interface AdaptedModule {
	layer: number;
	projection: Projection;
	path: string;
}

/** Absent, false, null or empty: all the ways in which PEFT says that a feature is off. */
const off = (why: string) =>
	v.optional(v.custom<unknown>((value) => !value || (typeof value === 'object' && Object.keys(value).length === 0), why));

/** Initialisations that change the base weights as well, so that the adapter alone is not the whole change. */
const CHANGES_BASE = /^(pissa|olora|corda|loftq|lora_ga)/;

const AdapterConfig = v.looseObject({
	peft_type: v.literal('LORA', 'only LoRA adapters can be loaded'),
	task_type: v.nullish(v.literal('CAUSAL_LM', 'the adapter was made for another task than causal language modelling')),
	r: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 8), // PEFT's defaults
	lora_alpha: v.optional(v.pipe(v.number(), v.gtValue(0)), 8),
	use_rslora: v.optional(v.boolean(), false),
	target_modules: v.nullish(v.union([v.string(), v.array(v.string())])),
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
	rank_pattern: off('all projections have one rank here'),
	alpha_pattern: off('all projections have one alpha here'),
	modules_to_save: off('whole trained modules beside LoRA are not supported'),
	exclude_modules: off('list what is adapted in target_modules instead'),
	target_parameters: off('only linear layers can be adapted'),
	layer_replication: off('a model with repeated layers is not supported'),
	trainable_token_indices: off('trained embeddings are not supported'),
	fan_in_fan_out: off('transposed kernels (as in GPT-2) do not occur in this decoder'),
});
type AdapterConfig = v.InferOutput<typeof AdapterConfig>;

/** The adapter as PEFT's two files; reads A and B back from the backend. */
export async function exportAdapter(lora: Lora, options: { baseModel: string; metadata?: Record<string, string> }): Promise<AdapterFiles> {
	// Asked for in one read, so that a step which begins meanwhile can't mix two states of the adapter.
	const numbers = (await lora.weights.data()) as Float32Array;
	const tensors = new Map<string, StoredTensor>(
		lora.parts.map(({ layer, projection, half, shape, offset, size }) => [
			tensorName(projectionPath(layer, projection), half),
			{ shape, data: numbers.slice(offset, offset + size) },
		]),
	);
	return {
		'adapter_config.json': `${JSON.stringify(peftConfig(lora, options.baseModel), null, 2)}\n`,
		'adapter_model.safetensors': writeSafetensors(tensors, { metadata: { format: 'pt', ...options.metadata } }), // without a format transformers refuses the file
	};
}

/** An adapter from PEFT's files as variables that can be trained on; throws AdapterError where it does not fit the model. */
export function importAdapter(model: ModelConfig, files: { config: unknown; safetensors: Uint8Array }): Lora {
	const config = parseAdapterConfig(files.config);
	const { tensors } = readSafetensors(files.safetensors);
	const modules = expectedModules(model, config, tensors);
	checkTensors(model, config.r, modules, tensors);

	const targetModules = PROJECTIONS.filter((projection) => modules.some((module) => module.projection === projection));
	const adapted = new Set(modules.map(({ path }) => path));
	return makeLora(
		{ rank: config.r, alpha: config.lora_alpha, rslora: config.use_rslora, targetModules },
		model.numHiddenLayers,
		loraParts(model, config.r, (layer, projection) => adapted.has(projectionPath(layer, projection))),
		(numbers, { layer, projection, half }) => numbers.set(tensors.get(tensorName(projectionPath(layer, projection), half))!.data),
	);
}

function tensorName(path: string, half: 'A' | 'B'): string {
	return `base_model.model.${path}.lora_${half}.weight`;
}

function everyModule(layers: number): AdaptedModule[] {
	return Array.from({ length: layers }, (_, layer) =>
		PROJECTIONS.map((projection) => ({ layer, projection, path: projectionPath(layer, projection) })),
	).flat();
}

/** `adapter_config.json`. An adapter that leaves out some layers names its modules one by one; PEFT matches whole paths too. */
function peftConfig({ config, layers, parts }: Lora, baseModel: string): Record<string, unknown> {
	const { rank, alpha, rslora, targetModules } = config;
	const modules = parts.filter(({ half }) => half === 'A');
	const isComplete = modules.length === layers * targetModules.length;
	return {
		peft_type: 'LORA',
		task_type: 'CAUSAL_LM',
		base_model_name_or_path: baseModel,
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
		rank_pattern: {},
		alpha_pattern: {},
	};
}

function parseAdapterConfig(json: unknown): AdapterConfig {
	const result = v.safeParse(AdapterConfig, json);
	if (result.success) return result.output;
	const [issue] = result.issues;
	const field = v.getDotPath(issue);
	const received = field === null ? '' : `${field} is ${issue.received}: `;
	throw new AdapterError(`adapter_config.json: ${received}${issue.message}`);
}

/**
 * The modules that the config asks for. A list names modules by path or by the end of one, as in PEFT. A regular
 * expression in PEFT's dialect, or none, is not run: the tensors themselves say then which modules are adapted.
 */
function expectedModules(model: ModelConfig, config: AdapterConfig, tensors: Map<string, StoredTensor>): AdaptedModule[] {
	const layers = config.layers_to_transform == null ? null : [config.layers_to_transform].flat();
	const all = everyModule(model.numHiddenLayers).filter(({ layer }) => layers === null || layers.includes(layer));
	const targets = config.target_modules;
	if (targets === 'all-linear') return all;
	if (!Array.isArray(targets)) return all.filter(({ path }) => tensors.has(tensorName(path, 'A')) || tensors.has(tensorName(path, 'B')));

	const matches = (path: string, target: string) => path === target || path.endsWith(`.${target}`);
	const foreign = targets.filter((target) => !all.some(({ path }) => matches(path, target)));
	if (foreign.length > 0)
		throw new AdapterError(
			`adapter_config.json: target_modules names ${foreign.join(', ')}, which is none of this model's adaptable projections (${PROJECTIONS.join(', ')} of ${model.numHiddenLayers} layers)`,
		);
	return all.filter(({ path }) => targets.some((target) => matches(path, target)));
}

/** Every expected tensor is there, has its shape and finite values, and there is no other. */
function checkTensors(model: ModelConfig, rank: number, modules: AdaptedModule[], tensors: Map<string, StoredTensor>): void {
	const expected = new Map(
		modules.flatMap(({ projection, path }) => {
			const [inputs, outputs] = projectionShape(model, projection);
			return [[tensorName(path, 'A'), [rank, inputs]] as const, [tensorName(path, 'B'), [outputs, rank]] as const];
		}),
	);
	const unknown = [...tensors.keys()].filter((name) => !expected.has(name));
	if (unknown.length > 0)
		throw new AdapterError(`the adapter holds ${list(unknown)}, which this model or adapter_config.json has no place for`);
	if (expected.size === 0) throw new AdapterError('the adapter holds no tensors: there is nothing to load');
	const missing = [...expected.keys()].filter((name) => !tensors.has(name));
	if (missing.length > 0)
		throw new AdapterError(`the adapter lacks ${list(missing)}, which its adapter_config.json promises for this model`);
	for (const [name, shape] of expected) {
		const tensor = tensors.get(name)!;
		if (tensor.shape.join() !== shape.join())
			throw new AdapterError(
				`${name} has shape [${tensor.shape.join(', ')}]; rank ${rank} on this model takes [${shape.join(', ')}]. Was it trained on another base model?`,
			);
		if (!tensor.data.every(Number.isFinite)) throw new AdapterError(`${name} holds values that are not finite: its training had diverged`);
	}
}

function list(names: string[]): string {
	const shown = names.slice(0, 3).join(', ');
	return names.length > 3 ? `${shown} and ${names.length - 3} more tensors` : shown;
}
